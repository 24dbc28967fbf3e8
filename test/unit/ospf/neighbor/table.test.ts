import { expect, test } from 'vitest';
import { formatStateTable, resolve } from '../../../../src/core/base/state-table.ts';
import {
  NEIGHBOR_EVENTS,
  NEIGHBOR_STATES,
  NEIGHBOR_TABLE,
  type NeighborEvent,
  type NeighborGuard,
} from '../../../../src/core/ospf/neighbor/table.ts';

const no = () => false;

test('the neighbor state machine, printed', async () => {
  const text = formatStateTable(NEIGHBOR_TABLE, NEIGHBOR_STATES, NEIGHBOR_EVENTS);
  await expect(`${text}\n`).toMatchFileSnapshot('./neighbor-table.txt');
});

test.each(['inactivityTimer', 'killNeighbor', 'llDown'] satisfies NeighborEvent[])(
  '%s ends every neighbor that exists, with empty lists',
  (event) => {
    for (const state of NEIGHBOR_STATES.filter((name) => name !== 'down' && name !== 'attempt')) {
      expect(resolve(NEIGHBOR_TABLE[state][event]!, no), state).toEqual({
        next: 'down',
        actions: ['clearLists', 'forget'],
      });
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
    expect(resolve(NEIGHBOR_TABLE[state].oneWay!, no)).toEqual({ next: 'init', actions: ['clearLists'] });
  }
});

test('a neighbor that is helped through its restart outlasts silence and oblivion, but not its link', () => {
  const helped = (guard: NeighborGuard) => guard === 'helped';
  for (const state of ['twoWay', 'exStart', 'exchange', 'loading', 'full'] as const) {
    expect(resolve(NEIGHBOR_TABLE[state].oneWay!, helped).next).toBe('same');
    expect(resolve(NEIGHBOR_TABLE[state].inactivityTimer!, helped).next).toBe('same');
    expect(resolve(NEIGHBOR_TABLE[state].llDown!, helped).next).toBe('down');
  }
});
