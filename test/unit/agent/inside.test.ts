/** Who holds which inside address, and what the agent does to hold it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type LoadedCluster, loadCluster } from '../../../src/agent/cluster-file.ts';
import { EventLog } from '../../../src/agent/events.ts';
import { InsideKeeper } from '../../../src/agent/keepers/inside-keeper.ts';
import { insideAddresses } from '../../../src/agent/wishes/inside.ts';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { FakeInside } from '../../../src/drivers/inside/fake.ts';
import { KernelError } from '../../../src/io/kernel-error.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { World } from './world.ts';

/** So long an address is left to a kernel without an agent. */
const GRACE = 60_000;

const NAMES = ['d1', 'd2', 'd3', 'd4'];

async function load(
  inside: (place: number) => string = (place) => `, inside: 10.2.0.10${place}`,
): Promise<LoadedCluster> {
  const lines = NAMES.map((name, at) => {
    return `  ${name}: { routerId: 10.255.0.${at + 1}, interfaces: { in0: eth1 }${inside(at + 1)} }`;
  });
  const text = `cluster: test
directors:
${lines.join('\n')}
lifecycle: { holdUp: 0s, drain: 1s }
routing: { instances: { all: { area: 0, announce: [vip], interfaces: { in0: {} } } } }
services:
  web: { vip: 203.0.113.10, ports: 80, servers: { s1: 10.2.0.21 }, health: none }
`;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-inside-'));
  const path = join(folder, 'cluster.yml');
  writeFileSync(path, text);
  const loaded = await loadCluster(path, 'd1');
  rmSync(folder, { recursive: true });
  if ('faults' in loaded) throw new Error(JSON.stringify(loaded.faults));
  return loaded;
}

test('every address is held by one living director, by its owner if that lives', async () => {
  const { cluster } = await load();
  fc.assert(
    fc.property(fc.subarray(NAMES, { minLength: 1 }), (living) => {
      const held = living.flatMap((name) =>
        insideAddresses(cluster, name, living).map(({ address }) => formatIpv4(address)),
      );
      expect(held.sort()).toEqual(['10.2.0.101', '10.2.0.102', '10.2.0.103', '10.2.0.104']);
      for (const [at, name] of NAMES.entries()) {
        if (living.includes(name))
          expect(insideAddresses(cluster, name, living)).toContainEqual({ address: ipv4(`10.2.0.10${at + 1}`) });
      }
    }),
    { numRuns: 15 },
  );
});

test('a director that dies moves nothing but its own address', async () => {
  const { cluster } = await load();
  for (const dead of NAMES) {
    const living = NAMES.filter((name) => name !== dead);
    const more = living.filter((name) => insideAddresses(cluster, name, living).length > 1);
    expect(more.length).toBe(1);
  }
});

test('without inside addresses nobody holds any', async () => {
  const { cluster } = await load(() => '');
  expect(insideAddresses(cluster, 'd1', ['d1'])).toEqual([]);
});

const OWN = { address: ipv4('10.2.0.101') };
const OTHER = { address: ipv4('10.2.0.102'), owner: 'd2' };

function withLink(control: FakeInside): FakeInside {
  const networks = [{ address: ipv4('10.2.0.1'), prefixLength: 24 }];
  control.found = { links: [{ ifindex: 2, name: 'in0', mac: new Uint8Array(6), networks }], held: [] };
  return control;
}

function keeper() {
  const clock = new FakeClock();
  const events = new EventLog(clock);
  const control = withLink(new FakeInside());
  const inside = new InsideKeeper({ clock, events, control });
  const told = () =>
    events
      .since(0)
      .map(({ event, values }) => `${event} ${values['operations'] ?? values['addresses'] ?? values['message']}`);
  const held = () => control.found.held.map(({ address }) => formatIpv4(address));
  return { clock, control, inside, told, held };
}

test('what is taken is told to the neighbours at once and twice again', async () => {
  const { clock, control, inside, told } = keeper();
  inside.want([OWN], GRACE);
  await settle();
  expect(control.told).toEqual(['10.2.0.101']);
  await clock.advance(1000);
  expect(control.told.length).toBe(2);
  await clock.advance(20_000);
  expect(control.told.length).toBe(3);
  expect(told()).toEqual(['inside-changed in0: inside address 10.2.0.101 taken']);
});

test('what an earlier agent has left is told of as well: another director may have had it in between', async () => {
  const { clock, control, inside, told } = keeper();
  control.found = { ...control.found, held: [{ ifindex: 2, ...OWN }] };
  inside.want([OWN], GRACE);
  await clock.advance(20_000);
  expect(control.told).toEqual(['10.2.0.101', '10.2.0.101', '10.2.0.101']);
  expect(told()).toEqual([]);
});

test('another one’s is taken and given back; what somebody removes is taken again within a second', async () => {
  const { clock, control, inside, held } = keeper();
  inside.want([OWN], GRACE);
  inside.want([OWN, OTHER], GRACE);
  await settle();
  expect(held()).toEqual(['10.2.0.101', '10.2.0.102']);
  inside.want([OWN], GRACE);
  await settle();
  expect(held()).toEqual(['10.2.0.101']);
  control.found = { ...control.found, held: [] };
  await clock.advance(1000);
  expect(held()).toEqual(['10.2.0.101']);
});

test('another one’s is left to its kernel, told once, and taken soon after that is silent', async () => {
  const { clock, control, inside, told, held } = keeper();
  control.answered.add(OTHER.address);
  inside.want([OWN, OTHER], GRACE);
  await clock.advance(10_000);
  expect(held()).toEqual(['10.2.0.101']);
  control.answered.clear();
  await clock.advance(250);
  expect(held()).toEqual(['10.2.0.101', '10.2.0.102']);
  control.answered.add(OTHER.address);
  await clock.advance(10_000);
  expect(told()).toEqual([
    'inside-changed in0: inside address 10.2.0.101 taken',
    'inside-left inside address 10.2.0.102 left to d2: its kernel answers',
    'inside-changed in0: inside address 10.2.0.102 taken',
  ]);
});

test('another one’s is left to a kernel without an agent for as long as routers may lead packets there', async () => {
  const { clock, control, inside, held } = keeper();
  control.answered.add(OTHER.address);
  inside.want([OWN, OTHER], GRACE);
  await clock.advance(GRACE - 1000);
  inside.want([OWN], GRACE);
  await clock.advance(2000);
  inside.want([OWN, OTHER], GRACE);
  await clock.advance(GRACE - 500);
  expect(held()).toEqual(['10.2.0.101']);
  await clock.advance(1000);
  expect(held()).toEqual(['10.2.0.101', '10.2.0.102']);
});

test('an agent that is to hold none takes away what an earlier one has left, once', async () => {
  const { clock, control, inside, held } = keeper();
  control.found = { ...control.found, held: [{ ifindex: 2, address: OTHER.address }] };
  inside.want([], GRACE);
  await settle();
  expect(held()).toEqual([]);
  let settled = 0;
  const settleReally = control.settle.bind(control);
  control.settle = (wanted) => {
    settled += 1;
    return settleReally(wanted);
  };
  await clock.advance(10_000);
  expect(settled).toBe(0);
});

test('an address without a network, and a refusal, are told once', async () => {
  const { clock, control, inside, told } = keeper();
  inside.want([{ address: ipv4('10.9.0.1') }], GRACE);
  await clock.advance(5000);
  control.settle = async () => {
    throw new KernelError('inside-take', { errno: 'EPERM' });
  };
  await clock.advance(60_000);
  expect(told()).toEqual([
    'inside-fault no interface has a network around the inside address 10.9.0.1',
    'inside-fault inside-take: EPERM',
  ]);
});

test('a drained stop gives the address back, a stop at once leaves it', async () => {
  const loaded = await load();
  for (const drained of [true, false]) {
    const world = new World(loaded);
    withLink(world.insideKernel);
    await world.director.open();
    await world.clock.advance(1000);
    expect(world.insideKernel.found.held.map(({ address }) => address)).toContain(OWN.address);
    const stopped = drained ? world.director.stop() : world.director.stopAtOnce();
    await world.clock.advance(30_000);
    await stopped;
    expect(world.insideKernel.found.held.length).toBe(drained ? 0 : 1);
  }
});
