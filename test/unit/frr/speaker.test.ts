/** The speaker `frr` over an FRR in memory; test/contract/routing/frr.test.ts has it over real ones. */
import { expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { FrrSettings } from '../../../src/core/model/routing.ts';
import type { AnnouncedPrefix } from '../../../src/core/ospf/events.ts';
import { FrrSpeaker } from '../../../src/drivers/routing/frr.ts';
import { FrrDaemon } from '../../../src/drivers/routing/frr-daemon.ts';
import type { SpeakerEvent } from '../../../src/drivers/routing/port.ts';
import { FakeVipDevices } from '../../../src/drivers/routing/vip-devices-fake.ts';
import { instanceConfig, interfaceConfig } from '../../sim/network.ts';
import { FakeClock } from '../agent/fake-clock.ts';
import { FakeFrr } from './fake-frr.ts';

const SETTINGS: FrrSettings = {
  ...{ vtysh: '/usr/bin/vtysh', vtyDir: undefined, deadline: 5000 },
  ...{ announce: 'external', unverified: false, write: 'never' },
};

class World {
  readonly frr: FakeFrr;
  readonly clock = new FakeClock();
  readonly daemon: FrrDaemon;
  readonly devices = new FakeVipDevices();
  readonly settings: FrrSettings;
  readonly news: SpeakerEvent[] = [];

  constructor(settings: Partial<FrrSettings> = {}, frr = new FakeFrr()) {
    this.frr = frr;
    this.settings = { ...SETTINGS, ...settings };
    const timeOfDay = () => Date.UTC(2026, 0, 1) + this.clock.now();
    this.daemon = new FrrDaemon({
      vtysh: frr,
      settings: this.settings,
      devices: this.devices,
      clock: this.clock,
      timeOfDay,
    });
  }

  async speaker(name = 'outside', process?: number, keepInherited = 0): Promise<FrrSpeaker> {
    const config = instanceConfig('10.255.0.1', [interfaceConfig('eth1')]);
    const common = { daemon: this.daemon, clock: this.clock, keepInherited, settings: this.settings };
    const speaker = new FrrSpeaker({ instance: name, config, process, ...common });
    speaker.onEvent((event) => this.news.push(event));
    await speaker.start();
    await this.clock.advance(10);
    return speaker;
  }

  faults(): string[] {
    return this.news.flatMap((event) => (event.kind === 'fault' ? [event.message] : []));
  }
}

function vip(address: string, metric: number): AnnouncedPrefix {
  return { prefix: { address: ipv4(address), length: 32 }, metric, lsa: { kind: 'stub' } };
}

const A = vip('203.0.113.10', 10);
const B = vip('203.0.113.11', 10);

function shown(speaker: FrrSpeaker): string[] {
  return speaker.announced().map(({ prefix, metric }) => `${formatIpv4(prefix.address)} ${metric}`);
}

test('what is set is announced within a moment', async () => {
  const world = new World();
  const speaker = await world.speaker();
  speaker.set([A]);
  await world.clock.advance(0);
  expect(shown(speaker)).toEqual(['203.0.113.10 10']);
});

test('a change waits until routers take it, 1.1 s after the one before; the others do not wait for it', async () => {
  const world = new World();
  const speaker = await world.speaker();
  speaker.set([A]);
  await world.clock.advance(100);
  expect(shown(speaker)).toEqual(['203.0.113.10 10']);
  speaker.set([vip('203.0.113.10', 60_010), B]);
  await world.clock.advance(100);
  expect(shown(speaker)).toEqual(['203.0.113.10 10', '203.0.113.11 10']);
  speaker.set([vip('203.0.113.10', 20), B]);
  await world.clock.advance(1200);
  expect(shown(speaker)).toEqual(['203.0.113.10 20', '203.0.113.11 10']);
  expect(world.frr.log.filter((line) => line.startsWith('ip route 203.0.113.10'))).toHaveLength(2);
});

test('a VIP that goes and comes back at once waits as well', async () => {
  const world = new World();
  const speaker = await world.speaker();
  speaker.set([A]);
  await world.clock.advance(2000);
  speaker.set([]);
  await world.clock.advance(100);
  speaker.set([A]);
  await world.clock.advance(500);
  expect(shown(speaker)).toEqual([]);
  await world.clock.advance(1000);
  expect(shown(speaker)).toEqual(['203.0.113.10 10']);
});

test('an FRR that has forgotten everything is given it again, and that is told', async () => {
  const world = new World();
  const speaker = await world.speaker();
  speaker.set([A, B]);
  await world.clock.advance(2000);
  world.frr.forget();
  await world.clock.advance(6000);
  expect(shown(speaker)).toEqual(['203.0.113.10 10', '203.0.113.11 10']);
  expect(world.faults().filter((text) => text.includes('is mended by'))).toEqual([
    "FRR's configuration is not as it was left, and is mended by: route-map SLUICE-outside permit 1; match tag 1392508929; set metric 10; set metric-type type-1; router ospf; redistribute static route-map SLUICE-outside; and 2 lines more",
  ]);
});

test('an ospfd that does not answer is left alone, and named with the time; then what was wished meanwhile is done', async () => {
  const world = new World();
  const speaker = await world.speaker();
  speaker.set([A]);
  await world.clock.advance(2000);
  world.frr.silent = 'ospfd';
  await world.clock.advance(1000);
  const lines = world.frr.log.length;
  speaker.set([A, B]);
  await world.clock.advance(3000);
  expect(speaker.unknown()).toMatch(/^ospfd does not answer since 2026-01-01T00:00:0[23]Z$/);
  expect(shown(speaker)).toEqual(['203.0.113.10 10']);
  expect(world.frr.log).toHaveLength(lines);
  world.frr.silent = undefined;
  await world.clock.advance(1100);
  expect(speaker.unknown()).toBeUndefined();
  expect(shown(speaker)).toEqual(['203.0.113.10 10', '203.0.113.11 10']);
  expect(world.faults().map((text) => text.split(':')[0])).toEqual([
    'eth1',
    'ospfd does not answer',
    expect.stringMatching(/^FRR answers again after \d\.\d s \(ospfd does not answer\)$/),
  ]);
});

test('of an FRR that was killed and started anew it is told what has gone, before it is announced again', async () => {
  const world = new World();
  const speaker = await world.speaker();
  speaker.set([A]);
  await world.clock.advance(2000);
  world.frr.silent = 'all';
  await world.clock.advance(1500);
  world.news.length = 0;
  world.frr.forget();
  world.frr.silent = undefined;
  await world.clock.advance(1100);
  const announced = world.news.flatMap((event) => (event.kind === 'announced' ? [event.prefixes.length] : []));
  expect(announced).toEqual([0, 1]);
  expect(speaker.unknown()).toBeUndefined();
});

test('a line that FRR refuses is told once a minute, and what came before it stays', async () => {
  const world = new World();
  const speaker = await world.speaker();
  world.frr.refuses = /^ip route 203.0.113.11/;
  speaker.set([A, B]);
  await world.clock.advance(30_000);
  expect(shown(speaker)).toEqual(['203.0.113.10 10']);
  expect(speaker.unknown()).toBeUndefined();
  const refusals = world.faults().filter((text) => text.startsWith('FRR refuses'));
  expect(refusals).toHaveLength(1);
  expect(refusals[0]).toContain('% Unknown command: ip route 203.0.113.11');
});

test('what an earlier agent left stays for its time, then it goes', async () => {
  const world = new World();
  const before = await world.speaker();
  before.set([A, B]);
  await world.clock.advance(2000);
  await before.handOver();
  const next = new World({}, world.frr);
  const speaker = await next.speaker('outside', undefined, 3000);
  const lines = world.frr.log.length;
  expect(speaker.takeOver()).toMatchObject({ waitingFor: ['2 prefixes to be announced again'] });
  speaker.set([A]);
  await next.clock.advance(2000);
  expect([shown(speaker), world.frr.log.length]).toEqual([['203.0.113.10 10'], lines]);
  await next.clock.advance(1500);
  expect([...world.frr.statics.keys()]).toEqual(['203.0.113.10/32']);
  expect(speaker.takeOver()).toBeUndefined();
});

test('after a hand-over nothing is said to FRR any more', async () => {
  const world = new World();
  const speaker = await world.speaker();
  speaker.set([A]);
  await world.clock.advance(2000);
  const calls = world.frr.counters.calls;
  await speaker.handOver();
  await world.clock.advance(20_000);
  expect(world.frr.counters.calls).toBe(calls);
});

test('an end withdraws everything and leaves nothing of ours; with an FRR that hangs it does not wait', async () => {
  const world = new World();
  const speaker = await world.speaker();
  speaker.set([A, B]);
  await world.clock.advance(2000);
  const stopped = speaker.stop();
  await world.clock.advance(2000);
  await stopped;
  expect([shown(speaker), world.frr.statics.size, world.frr.maps.size, world.frr.redistribute.size]).toEqual([
    [],
    0,
    0,
    0,
  ]);

  const other = new World();
  const hanging = await other.speaker();
  hanging.set([A]);
  await other.clock.advance(2000);
  other.frr.silent = 'all';
  const ended = hanging.stop();
  await other.clock.advance(2000);
  await ended;
  expect(other.faults().at(-1)).toBe('FRR still announces: 203.0.113.10/32');
});

test('two instances share one FRR: each has its process, and one that ends leaves the other alone', async () => {
  const world = new World();
  world.frr.processes = ['1', '2'];
  const outside = await world.speaker('outside', 1);
  const inside = await world.speaker('inside', 2);
  outside.set([A]);
  inside.set([{ ...A, metric: 30 }, B]);
  await world.clock.advance(2000);
  expect([shown(outside), shown(inside)]).toEqual([['203.0.113.10 10'], ['203.0.113.10 30', '203.0.113.11 10']]);
  const stopped = inside.stop();
  await world.clock.advance(3000);
  await stopped;
  expect([shown(outside), [...world.frr.maps.keys()]]).toEqual([['203.0.113.10 10'], ['SLUICE-outside']]);
});

test('without reading back, what was configured counts as announced', async () => {
  const world = new World({ unverified: true });
  world.frr.silent = undefined;
  const speaker = await world.speaker();
  speaker.set([A]);
  await world.clock.advance(1000);
  expect(shown(speaker)).toEqual(['203.0.113.10 10']);
  expect(speaker.neighbors()).toEqual([]);
});

test('write: memory writes after a change, and only then', async () => {
  const world = new World({ write: 'memory' });
  const speaker = await world.speaker();
  speaker.set([A]);
  await world.clock.advance(20_000);
  expect(world.frr.log.filter((line) => line === 'write memory')).toHaveLength(1);
});

test('an FRR with another router id, or without OSPF on an interface of the file, is told', async () => {
  const world = new World();
  world.frr.routerId = '10.255.0.9';
  await world.speaker();
  await world.clock.advance(5000);
  expect(world.faults()).toEqual([
    'eth1: FRR does not speak OSPF there',
    'FRR has router id 10.255.0.9, the cluster file says 10.255.0.1',
  ]);
});

test('as stub links: addresses of an interface of ours, each with its cost; another form has its own LSA beside them', async () => {
  const world = new World({ announce: 'stub' });
  const speaker = await world.speaker();
  const alone: AnnouncedPrefix = { ...vip('203.0.113.12', 20), lsa: { kind: 'external', metricType: 2, tag: 7 } };
  speaker.set([A, vip('203.0.113.11', 60_010), alone]);
  await world.clock.advance(500);
  expect([...world.devices.links]).toEqual([['sluice-vips', { isVeth: true, up: true }]]);
  expect(world.frr.log.slice(-8)).toEqual([
    ...['interface sluice-vips', 'ip ospf area 0.0.0.0', 'ip ospf passive'],
    ...['ip ospf cost 10 203.0.113.10', 'ip ospf cost 60010 203.0.113.11'],
    ...['ip address 203.0.113.10/32', 'ip address 203.0.113.11/32', 'ip route 203.0.113.12/32 Null0 tag 1392508929'],
  ]);
  expect(speaker.announced()).toEqual([A, vip('203.0.113.11', 60_010), alone]);
});

test('a stub link that goes is withdrawn, and the device stays for the others; an end leaves neither', async () => {
  const world = new World({ announce: 'stub' });
  const speaker = await world.speaker();
  speaker.set([A, B]);
  await world.clock.advance(2000);
  speaker.set([B]);
  await world.clock.advance(500);
  expect(shown(speaker)).toEqual(['203.0.113.11 10']);
  expect(world.frr.log.slice(-3)).toEqual([
    'interface sluice-vips',
    'no ip address 203.0.113.10/32',
    'no ip ospf cost 10 203.0.113.10',
  ]);
  expect(world.devices.links.size).toBe(1);
  const stopped = speaker.stop();
  await world.clock.advance(3000);
  await stopped;
  expect([shown(speaker), world.frr.interfaces.size, world.devices.links.size]).toEqual([[], 0, 0]);
});

test('a device that was deleted is made again, and what an earlier agent left of devices without use goes', async () => {
  const world = new World({ announce: 'stub' });
  world.devices.links.set('sluice-vips3', { isVeth: true, up: true });
  const speaker = await world.speaker();
  speaker.set([A]);
  await world.clock.advance(500);
  expect([...world.devices.links.keys()]).toEqual(['sluice-vips']);
  world.devices.links.clear();
  await world.clock.advance(6000);
  expect([...world.devices.links.keys()]).toEqual(['sluice-vips']);
});

test('an interface of another kind with our name is left alone, and told', async () => {
  const world = new World({ announce: 'stub' });
  world.devices.links.set('sluice-vips', { isVeth: false, up: true });
  const speaker = await world.speaker();
  speaker.set([A]);
  await world.clock.advance(500);
  expect(world.faults().find((text) => text.includes('EEXIST'))).toContain('sluice-vips: made');
  expect(world.devices.links.get('sluice-vips')).toEqual({ isVeth: false, up: true });
});

test('where the operator has network lines, stub links are not possible: told, and the rest goes on', async () => {
  const world = new World({ announce: 'stub' });
  world.frr.network = true;
  const speaker = await world.speaker();
  speaker.set([A, { ...B, lsa: { kind: 'external', metricType: 1, tag: 0 } }]);
  await world.clock.advance(500);
  expect(shown(speaker)).toEqual(['203.0.113.11 10']);
  expect(world.faults().find((text) => text.includes('network lines'))).toContain('"ip ospf area" on the interfaces');
});
