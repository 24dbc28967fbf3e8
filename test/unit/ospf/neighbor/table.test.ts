import { expect, test } from 'vitest';
import {
  NEIGHBOR_EVENTS,
  NEIGHBOR_STATES,
  NEIGHBOR_TABLE,
  type NeighborEvent,
} from '../../../../src/core/ospf/neighbor/table.ts';
import { formatStateTable } from '../../../../src/core/ospf/state-table.ts';

test('the neighbor state machine, printed', async () => {
  const text = formatStateTable(NEIGHBOR_TABLE, NEIGHBOR_STATES, NEIGHBOR_EVENTS);
  await expect(`${text}\n`).toMatchFileSnapshot('./neighbor-table.txt');
});

test.each(['inactivityTimer', 'killNeighbor', 'llDown'] satisfies NeighborEvent[])(
  '%s ends every neighbor that exists, with empty lists',
  (event) => {
    for (const state of NEIGHBOR_STATES.filter((name) => name !== 'down' && name !== 'attempt')) {
      expect(NEIGHBOR_TABLE[state][event], state).toEqual({ next: 'down', actions: ['clearLists', 'forget'] });
    }
  },
);

test.each(['seqNumberMismatch', 'badLsRequest'] satisfies NeighborEvent[])(
  '%s starts the exchange over with empty lists, from Exchange on',
  (event) => {
    for (const state of ['exchange', 'loading', 'full'] as const) {
      expect(NEIGHBOR_TABLE[state][event]).toEqual({ next: 'exStart', actions: ['clearLists', 'negotiate'] });
    }
  },
);

test('1-WayReceived tears down at once, from 2-Way to Full', () => {
  for (const state of ['twoWay', 'exStart', 'exchange', 'loading', 'full'] as const) {
    expect(NEIGHBOR_TABLE[state].oneWay).toEqual({ next: 'init', actions: ['clearLists'] });
  }
});
