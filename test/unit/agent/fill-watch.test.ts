import { expect, test } from 'vitest';
import { EventLog } from '../../../src/agent/events.ts';
import { FillWatch } from '../../../src/agent/keepers/fill-watch.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import { dataplane, service, THREE } from '../dataplane/model.ts';
import { FakeClock } from './fake-clock.ts';

const LIP = ipv4('10.3.0.1');
const DESIRED: DesiredDataplane = {
  ...dataplane(service('web', THREE, { fullnat: true })),
  self: 'd1',
  members: ['d1'],
  local: { directors: [{ name: 'd1', local: [LIP] }], shared: [] },
};

function world() {
  const clock = new FakeClock();
  const events = new EventLog(clock);
  const state = {
    /** Connections in each block; undefined = not counted. */
    inEach: 0 as number | undefined,
    statistics: { insertFailed: 5, drop: 7 },
    recounts: 0,
    refuses: false,
  };
  const watch = new FillWatch({
    clock,
    events,
    blockCounts: () =>
      state.inEach === undefined ? undefined : new Map([[LIP, new Uint32Array(64).fill(state.inEach)]]),
    recount: () => {
      state.recounts++;
    },
    // One server has half of all connections.
    active: (_, address) => (address === ipv4('10.2.0.21') ? 2 : 1),
    statistics: async () => {
      if (state.refuses) throw new Error('EPERM');
      return state.statistics;
    },
  });
  const pass = (millis: number) => clock.advance(millis);
  const told = (): Readonly<Record<string, unknown>>[] =>
    events.since(0).map(({ event, values }) => ({ event, ...values }));
  return { watch, state, pass, told };
}

test('when other blocks are its own, the copies in them are counted, once', () => {
  const { watch, state } = world();
  const two = { directors: ['d1', 'd2'].map((name, i) => ({ name, local: [LIP + i] })), shared: [] };
  const member = (members: readonly string[]) => ({ ...DESIRED, local: two, members });
  watch.want(member(['d1', 'd2']));
  watch.want(member(['d1', 'd2']));
  expect(state.recounts).toBe(0);
  watch.want(member(['d1']));
  watch.want(member(['d1']));
  expect(state.recounts).toBe(1);
});

test('an address that fills is told of once, and once more when there is room again', async () => {
  const { watch, state, pass, told } = world();
  watch.want(DESIRED);
  await pass(4000);
  expect(watch.fills()).toEqual([{ address: LIP, blocks: 63, connections: 0, fill: 0 }]);
  state.inEach = 1640;
  await pass(6000);
  expect(told()).toEqual([
    { event: 'local-address-fill', address: '10.3.0.1', state: 'filling', percent: 80, connections: 1640 * 63 },
  ]);
  // Not knowing is no room.
  state.inEach = undefined;
  await pass(4000);
  expect(watch.fills()).toBeUndefined();
  expect(told()).toHaveLength(1);
  state.inEach = 1400;
  await pass(4000);
  expect(told().slice(1)).toEqual([
    { event: 'local-address-fill', address: '10.3.0.1', state: 'cleared', percent: 68, connections: 1400 * 63 },
  ]);
});

test('an address that is ours no more is cleared; without FullNAT there is nothing to fill', async () => {
  const { watch, state, pass, told } = world();
  state.inEach = 2048;
  watch.want(DESIRED);
  await pass(1000);
  watch.want({ ...DESIRED, services: [service('web', THREE)] });
  await pass(4000);
  expect(watch.fills()).toEqual([]);
  expect(told().map((one) => [one['event'], one['state']])).toEqual([
    ['local-address-fill', 'filling'],
    ['local-address-fill', 'cleared'],
  ]);
});

test('dropped connections are told of when they grow, and at most once a minute', async () => {
  const { watch, state, pass, told } = world();
  watch.want(DESIRED);
  await pass(4000);
  // What was before us is not ours to tell.
  expect(told()).toEqual([]);
  expect(watch.statistics).toEqual({ insertFailed: 5, drop: 7 });
  state.statistics = { insertFailed: 15, drop: 17 };
  await pass(4000);
  state.statistics = { insertFailed: 16, drop: 18 };
  await pass(4000);
  expect(told()).toEqual([{ event: 'conntrack-drops', insertFailed: 10, drop: 10 }]);
  await pass(60_000);
  expect(told().slice(1)).toEqual([{ event: 'conntrack-drops', insertFailed: 1, drop: 1 }]);
  await pass(60_000);
  expect(told()).toHaveLength(2);
});

test('counters that cannot be read end nothing; closed, it looks no more', async () => {
  const { watch, state, pass, told } = world();
  state.refuses = true;
  watch.want(DESIRED);
  await pass(4000);
  state.refuses = false;
  state.inEach = 2048;
  await pass(4000);
  expect(told()).toHaveLength(1);
  watch.close();
  state.inEach = 0;
  await pass(10_000);
  expect(told()).toHaveLength(1);
});
