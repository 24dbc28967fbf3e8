/** Connections are counted from events; copies of what others carry, of which no event tells, when they have come to matter. */
import { expect, test } from 'vitest';
import { EventLog } from '../../../src/agent/events.ts';
import { ConnectionKeeper } from '../../../src/agent/keepers/connection-keeper.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { REPLICA_BIT } from '../../../src/core/dataplane/mark.ts';
import { IPS_ASSURED, IPS_SRC_NAT } from '../../../src/core/netlink/conntrack-codes.ts';
import { FLOW_WORDS, Flow } from '../../../src/core/netlink/flow.ts';
import type { Conntrack } from '../../../src/drivers/conntrack/port.ts';
import { FakeClock } from './fake-clock.ts';

type Listener = Parameters<Conntrack['listen']>[0];

const LIP = ipv4('10.8.0.1');

function flow(id: number, mark: number): Uint32Array {
  const words = new Uint32Array(FLOW_WORDS);
  words.set([IPS_ASSURED | IPS_SRC_NAT], Flow.status);
  words.set([id], Flow.id);
  words.set([mark], Flow.mark);
  words.set([LIP], Flow.replyDestination);
  words.set([5000], Flow.replyDport);
  return words;
}

function world() {
  const clock = new FakeClock();
  const listed: Uint32Array[] = [];
  let listener: Listener | undefined;
  /** Called while all are listed. */
  const state = { between: (): void => undefined, listings: 0 };
  const conntrack = {
    listen: (it: Listener) => {
      listener = it;
      return () => undefined;
    },
    assured: async (on: (one: Uint32Array) => void) => {
      state.listings++;
      for (const one of listed) on(one);
      state.between();
    },
    close: () => undefined,
  } as unknown as Conntrack;
  const keeper = new ConnectionKeeper({ clock, events: new EventLog(clock), conntrack, onChange: () => undefined });
  keeper.open();
  const inBlock = () => keeper.portBlocks()?.get(LIP)?.[5000 >>> 10] ?? 0;
  return { clock, listed, state, keeper, inBlock, tell: () => listener! };
}

test('a copy that was written here counts, for its port, once all are listed again; and no server is waited for', async () => {
  const { clock, listed, keeper, inBlock, tell } = world();
  await clock.advance(0);
  tell().changed(flow(1, 7));
  listed.push(flow(1, 7), flow(2, REPLICA_BIT | 7));
  expect([inBlock(), keeper.active(7)]).toEqual([1, 1]);
  keeper.recount();
  await clock.advance(0);
  expect([inBlock(), keeper.active(7)]).toEqual([2, 1]);
  tell().destroyed(flow(2, REPLICA_BIT | 7));
  expect([inBlock(), keeper.active(7)]).toEqual([1, 1]);
});

test('while all are listed again, what was known is known, and what happens counts', async () => {
  const { clock, listed, state, keeper, inBlock, tell } = world();
  await clock.advance(0);
  tell().changed(flow(1, 7));
  listed.push(flow(1, 7));
  state.between = () => {
    expect(keeper.active(7)).toBe(1);
    tell().changed(flow(3, 7));
    expect(keeper.active(7)).toBe(2);
    tell().destroyed(flow(1, 7));
  };
  keeper.recount();
  await clock.advance(0);
  expect([inBlock(), keeper.active(7)]).toEqual([1, 1]);
});

test('what is not known yet is listed anyway', () => {
  const { state, keeper } = world();
  keeper.recount();
  expect(state.listings).toBe(1);
});
