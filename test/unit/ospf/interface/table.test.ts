import { expect, test } from 'vitest';
import { formatStateTable } from '../../../../src/core/base/state-table.ts';
import { INTERFACE_EVENTS, INTERFACE_STATES, INTERFACE_TABLE } from '../../../../src/core/ospf/interface/table.ts';

test('the interface state machine, printed', async () => {
  const text = formatStateTable(INTERFACE_TABLE, INTERFACE_STATES, INTERFACE_EVENTS);
  await expect(`${text}\n`).toMatchFileSnapshot('./interface-table.txt');
});

test('InterfaceDown is heard in every state but down', () => {
  const deaf = INTERFACE_STATES.filter((state) => INTERFACE_TABLE[state].interfaceDown === undefined);
  expect(deaf).toEqual(['down']);
});
