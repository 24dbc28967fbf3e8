/** Who lives: the table, printed, and what the view says when. */
import { expect, test } from 'vitest';
import { formatStateTable } from '../../../src/core/base/state-table.ts';
import {
  GRACE,
  LATEST,
  MEMORY,
  Membership,
  PRESENCE_EVENTS,
  PRESENCE_STATES,
  PRESENCE_TABLE,
  SETTLE,
  STEADY,
} from '../../../src/core/sync/mesh/membership.ts';

const SELF = { name: 'd1', routerId: 1, epoch: 'e1' };
const PEERS = [
  { name: 'd2', routerId: 2 },
  { name: 'd3', routerId: 3 },
];

function begun(): Membership {
  const members = new Membership();
  members.configure(SELF, PEERS, 0);
  return members;
}

/** Both peers are there, and that was said. */
function complete(): Membership {
  const members = begun();
  members.tell('d2', 'greeted', 10, 'e2');
  members.tell('d3', 'greeted', 20, 'e3');
  members.takeView();
  return members;
}

function living(members: Membership): string | undefined {
  return members
    .takeView()
    ?.living.map(({ name }) => name)
    .join(' ');
}

test('presence, printed', async () => {
  const text = formatStateTable(PRESENCE_TABLE, PRESENCE_STATES, PRESENCE_EVENTS);
  await expect(`${text}\n`).toMatchFileSnapshot('./presence-table.txt');
});

test('nothing is said before all peers are there', () => {
  const members = begun();
  members.tell('d2', 'greeted', 10, 'e2');
  expect(members.takeView()).toBeUndefined();
  members.tell('d3', 'greeted', 20, 'e3');
  expect(members.takeView()).toEqual({
    living: [
      { ...SELF, since: 0 },
      { name: 'd2', routerId: 2, epoch: 'e2', since: 10 },
      { name: 'd3', routerId: 3, epoch: 'e3', since: 20 },
    ],
    dead: [],
  });
});

test('a director whose peers do not come says so when the start is over, and calls nobody dead that it never saw', () => {
  const members = begun();
  for (const { name } of PEERS) members.unreachable(name, 100);
  expect(members.deadline).toBe(SETTLE);
  members.expire(SETTLE);
  expect(members.takeView()).toEqual({ living: [{ ...SELF, since: 0 }], dead: [] });
});

test('a director that is the only one of its file says so at once', () => {
  const members = new Membership();
  members.configure(SELF, [], 0);
  expect(members.takeView()).toEqual({ living: [{ ...SELF, since: 0 }], dead: [] });
});

test('a peer of whom nothing was heard may be one that dials us: it is waited for longer, until there is evidence', () => {
  const late = begun();
  late.unreachable('d2', 100);
  late.expire(SETTLE);
  expect(late.takeView()).toBeUndefined();
  expect(late.deadline).toBe(LATEST);
  late.expire(LATEST);
  expect(living(late)).toBe('d1');
  const told = begun();
  told.unreachable('d2', 100);
  told.expire(SETTLE);
  told.unreachable('d3', 2000);
  told.expire(2000);
  expect(living(told)).toBe('d1');
});

test('the view is said once', () => {
  const members = complete();
  members.tell('d2', 'greeted', 30, 'e2');
  expect(members.takeView()).toBeUndefined();
});

test('a stream that is back in time changes nothing', () => {
  const members = complete();
  members.tell('d2', 'closed', 1000);
  expect(members.deadline).toBe(1000 + GRACE);
  members.tell('d2', 'greeted', 1000 + GRACE - 1, 'e2');
  members.expire(1000 + GRACE);
  expect(members.takeView()).toBeUndefined();
});

test('an agent that is back in time lives on under another epoch', () => {
  const members = complete();
  members.tell('d2', 'closed', 1000);
  members.tell('d2', 'greeted', 1500, 'another');
  expect(members.takeView()?.living[1]).toEqual({ name: 'd2', routerId: 2, epoch: 'another', since: 10 });
});

test('a stream that does not come back is a death', () => {
  const members = complete();
  members.tell('d2', 'closed', 1000);
  members.expire(1000 + GRACE);
  const view = members.takeView();
  expect(view?.living.map(({ name }) => name)).toEqual(['d1', 'd3']);
  expect(view?.dead).toEqual([{ name: 'd2', since: 1000 + GRACE }]);
});

test('who has said to be back soon is waited for, and for no longer than it said', () => {
  const members = complete();
  members.tell('d2', 'restarting', 1000, '', 5000);
  members.tell('d2', 'closed', 1001);
  members.expire(5999);
  expect(members.takeView()).toBeUndefined();
  members.tell('d2', 'greeted', 5999, 'e2b');
  expect(members.takeView()?.living.find(({ name }) => name === 'd2')).toMatchObject({ epoch: 'e2b', since: 10 });
  members.tell('d2', 'restarting', 7000, '', 5000);
  members.expire(12_000);
  expect(living(members)).toBe('d1 d3');
});

test.each(['silent', 'goodbye'] as const)('%s counts at once', (event) => {
  const members = complete();
  members.tell('d2', event, 1000);
  expect(living(members)).toBe('d1 d3');
});

test('who left by its own will counts at once when it is back', () => {
  const members = complete();
  members.tell('d2', 'goodbye', 1000);
  members.takeView();
  members.tell('d2', 'greeted', 3000, 'e2b');
  expect(living(members)).toBe('d1 d2 d3');
});

test('who died has to be steady first, and twice as long after the second time', () => {
  const members = complete();
  members.tell('d2', 'silent', 1000);
  members.takeView();
  members.tell('d2', 'greeted', 2000, 'e2b');
  expect(members.takeView()).toBeUndefined();
  members.expire(2000 + STEADY);
  expect(living(members)).toBe('d1 d2 d3');
  members.tell('d2', 'silent', 4000);
  members.takeView();
  members.tell('d2', 'greeted', 5000, 'e2b');
  members.expire(5000 + STEADY);
  expect(members.takeView()).toBeUndefined();
  members.expire(5000 + 2 * STEADY);
  expect(living(members)).toBe('d1 d2 d3');
});

test('deaths are forgotten', () => {
  const members = complete();
  members.tell('d2', 'silent', 1000);
  members.takeView();
  members.tell('d2', 'greeted', 1000 + MEMORY, 'e2b');
  expect(living(members)).toBe('d1 d2 d3');
});

test('a peer that the file does not name any more is in neither list', () => {
  const members = complete();
  members.tell('d2', 'silent', 1000);
  members.configure(SELF, PEERS.slice(1), 2000);
  expect(members.takeView()).toMatchObject({ living: [{ name: 'd1' }, { name: 'd3' }], dead: [] });
});
