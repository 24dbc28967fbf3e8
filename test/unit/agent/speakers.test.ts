import { expect, test } from 'vitest';
import { Announcer } from '../../../src/agent/announcer.ts';
import { EventLog } from '../../../src/agent/events.ts';
import { type FrrProcess, instanceConfig, Speakers } from '../../../src/agent/speakers.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { Director, RoutingInstance, RoutingInterface } from '../../../src/core/model/cluster.ts';
import { AS_STUB } from '../../../src/core/model/routing.ts';
import type { InterfaceConfig } from '../../../src/core/ospf/events.ts';
import { FakeSpeaker } from '../../../src/drivers/routing/fake.ts';
import { FakeClock } from './fake-clock.ts';

const VIP = ipv4('203.0.113.10');

const d1: Director = { name: 'd1', routerId: ipv4('10.255.0.1'), interfaces: { up0: 'eth1', up1: 'eth2' }, local: [] };

function uplink(alias: string, change: Partial<RoutingInterface> = {}): RoutingInterface {
  const times = { hello: 1000, dead: 4000, poll: 20_000 };
  return {
    alias,
    network: 'point-to-point',
    cost: 10,
    priority: 0,
    mtuIgnore: false,
    holdLink: false,
    passive: false,
    neighbors: [],
    ...times,
    ...change,
  };
}

function outside(interfaces: readonly RoutingInterface[], area = 0): RoutingInstance {
  const gracefulRestart = { helper: 'strict' } as const;
  return { name: 'outside', area, areaType: 'normal', announce: ['vip'], import: [], interfaces, gracefulRestart };
}

/** Counts what it is told. */
class CountingSpeaker extends FakeSpeaker {
  configured = 0;
  stops = 0;

  override configure(interfaces: readonly InterfaceConfig[]): void {
    this.configured += 1;
    super.configure(interfaces);
  }

  override async stop(): Promise<void> {
    this.stops += 1;
    await super.stop();
  }
}

/** An instance with these interfaces that runs and announces a VIP. */
async function running(interfaces: readonly RoutingInterface[]) {
  const clock = new FakeClock();
  const events = new EventLog(clock);
  const announcer = new Announcer(events);
  const made: CountingSpeaker[] = [];
  const speakers = new Speakers({
    clock,
    events,
    announcer,
    keys: { inForce: () => undefined },
    makeSpeaker: (name, config) => {
      const speaker = new CountingSpeaker(name, config.interfaces);
      made.push(speaker);
      return speaker;
    },
    onChange: () => {},
  });
  const set = async (wanted: readonly RoutingInterface[], area?: number, director = d1, frr?: FrrProcess) => {
    const instance = outside(wanted, area);
    await speakers.set([{ instance, config: instanceConfig(instance, director, [], 1), frr }]);
  };
  await set(interfaces);
  announcer.set(new Map([[VIP, { metric: 10, lsa: AS_STUB }]]), new Map());
  announcer.publish();
  const shown = () => speakers.all().flatMap((one) => one.interfaces().map(({ name, cost }) => `${name} ${cost}`));
  const began = events.since(0).at(-1)?.seq ?? 0;
  const said = () => events.since(began).map(({ event }) => event);
  return { clock, events, made, set, shown, said };
}

test('a director is never transit, on any of its instances', () => {
  const inside = { ...outside([uplink('up1')]), name: 'inside' };
  const configs = [outside([uplink('up0')]), inside].map((instance) => instanceConfig(instance, d1, [], 1));
  expect(configs.map(({ stubRouter }) => stubRouter)).toEqual([true, true]);
});

test('the same file again asks nothing of the speaker', async () => {
  const { made, set, said } = await running([uplink('up0')]);
  await set([uplink('up0')]);
  expect(made.map(({ configured, stops }) => [configured, stops])).toEqual([[0, 0]]);
  expect(said()).toEqual([]);
});

test.each([
  ['a cost', [uplink('up0', { cost: 20 })], ['eth1 20']],
  ['a hello interval', [uplink('up0', { hello: 2000 })], ['eth1 10']],
  ['a network type', [uplink('up0', { network: 'broadcast' })], ['eth1 10']],
  ['an interface more', [uplink('up0'), uplink('up1', { cost: 7 })], ['eth1 10', 'eth2 7']],
  ['an interface in the place of another', [uplink('up1')], ['eth2 10']],
])('%s is told to the running speaker, and no VIP is withdrawn', async (_what, interfaces, shown) => {
  const now = await running([uplink('up0')]);
  await now.set(interfaces);
  expect(now.made.map(({ configured, stops }) => [configured, stops])).toEqual([[1, 0]]);
  expect(now.shown()).toEqual(shown);
  expect(now.said()).toEqual([]);
});

test('an alias that means another device of this host is another interface', async () => {
  const { made, set, shown } = await running([uplink('up0')]);
  await set([uplink('up0')], 0, { ...d1, interfaces: { up0: 'eth7' } });
  expect(made.map(({ configured, stops }) => [configured, stops])).toEqual([[1, 0]]);
  expect(shown()).toEqual(['eth7 10']);
});

test.each([
  ['area', 1, d1],
  ['router id', 0, { ...d1, routerId: ipv4('10.255.0.9') }],
])('another %s takes a new speaker, which announces what the old one did', async (_what, area, director) => {
  const { made, set, said } = await running([uplink('up0')]);
  await set([uplink('up0', { cost: 20 })], area, director);
  expect(made.map(({ configured, stops }) => [configured, stops])).toEqual([
    [0, 1],
    [0, 0],
  ]);
  expect(made[1]?.announced()).toMatchObject([{ metric: 10 }]);
  expect(said()).toEqual(['vip-withdrawn', 'vip-announced']);
});

test('FRR in place of our own speaker is another speaker, and so is another way to reach it', async () => {
  const { made, set } = await running([uplink('up0')]);
  const settings = { vtysh: '/usr/bin/vtysh', vtyDir: undefined, deadline: 5000 };
  const rest = { announce: 'external', unverified: false, write: 'never' } as const;
  const frr = { settings: { ...settings, ...rest }, process: undefined };
  await set([uplink('up0')], 0, d1, frr);
  await set([uplink('up0')], 0, d1, frr);
  await set([uplink('up0')], 0, d1, { ...frr, settings: { ...frr.settings, vtyDir: '/run/frr' } });
  expect(made.map(({ stops }) => stops)).toEqual([1, 1, 0]);
});

test('trouble with a neighbor is one event, and the packets dropped for it are none', async () => {
  const { events, made } = await running([uplink('up0')]);
  const detail = '10.1.0.2 has our router id 10.255.0.1';
  const about = { interface: 'eth1', reason: 'duplicateRouterId', detail } as const;
  made[0]?.emit({ kind: 'trouble', routerId: '10.255.0.1', address: '10.1.0.2', ...about });
  made[0]?.emit({ kind: 'dropped', source: '10.1.0.2', ...about });
  const told = events.since(0).filter(({ event }) => event === 'packet-dropped' || event === 'neighbor-trouble');
  const values = { instance: 'outside', routerId: '10.255.0.1', address: '10.1.0.2', ...about };
  expect(told).toMatchObject([{ event: 'neighbor-trouble', values }]);
});

test('packets dropped for one reason are an event at once, then one in ten seconds with the count in between', async () => {
  const { clock, events, made } = await running([uplink('up0')]);
  const detail = 'router 10.0.0.3 10.0.0.3: short';
  const dropped = { kind: 'dropped', interface: 'eth1', source: '10.1.0.2', reason: 'lsa', detail } as const;
  for (let n = 0; n < 5; n += 1) made[0]?.emit(dropped);
  const told = () => events.since(0).filter(({ event }) => event === 'packet-dropped');
  expect(told()).toMatchObject([
    { values: { instance: 'outside', interface: 'eth1', reason: 'lsa', detail, more: 0 } },
  ]);
  // Another reason is other news.
  made[0]?.emit({ ...dropped, reason: 'lsdbFull' });
  expect(told()).toHaveLength(2);
  await clock.advance(10_000);
  made[0]?.emit(dropped);
  expect(told().at(-1)).toMatchObject({ values: { detail, more: 4 } });
});
