/** What the agent makes of the hand-over in the cluster file: the data plane's share, tunnels, and what it says of both. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type LoadedCluster, loadCluster } from '../../../src/agent/cluster-file.ts';
import { EventLog } from '../../../src/agent/events.ts';
import { TunnelKeeper } from '../../../src/agent/keepers/tunnel-keeper.ts';
import { desiredHandOver, handOverFault, wantedTunnels } from '../../../src/agent/wishes/hand-over.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { Tunnels } from '../../../src/core/tunnels/tunnels.ts';
import { FakeTunnels } from '../../../src/drivers/tunnels/fake.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { World } from './world.ts';

function text(handOver: string): string {
  const director = (n: number) =>
    `  d${n}: { routerId: 10.255.0.${n}, interfaces: { up0: eth1, y0: eth9 }, handOver: 10.4.0.${n} }`;
  return `cluster: test
directors:
${[1, 2, 3].map(director).join('\n')}
lifecycle: { holdUp: 0s, drain: 1s }
local: { shared: 10.8.0.1, handOver: ${handOver} }
routing: { instances: { all: { area: 0, announce: [vip, local], interfaces: { up0: {} } } } }
services:
  web: { vip: 203.0.113.10, ports: 80, servers: { s1: 10.3.0.21 }, forward: fullnat, health: none }
`;
}

async function load(handOver: string, name = 'd2'): Promise<LoadedCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const path = join(dir, 'cluster.yml');
  writeFileSync(path, text(handOver));
  const loaded = await loadCluster(path, name);
  rmSync(dir, { recursive: true });
  if ('faults' in loaded) throw new Error(JSON.stringify(loaded.faults));
  return loaded;
}

const VXLAN = '{ vxlan: { id: 7 } }';
const link = (address: string, mtu = 1500) => ({ mtu, addresses: [{ address: ipv4(address), prefixLength: 24 }] });

test('over a segment: the interface of the alias, the others by their addresses', async () => {
  const loaded = await load('y0');
  expect(desiredHandOver(loaded)).toEqual({
    device: 'eth9',
    peers: { d1: ipv4('10.4.0.1'), d3: ipv4('10.4.0.3') },
    tunnelPort: undefined,
  });
  expect(wantedTunnels(loaded, new Map())).toBeUndefined();
});

test('by tunnels: next hops on their device, in the same order as the tunnels’ ends', async () => {
  const loaded = await load(VXLAN);
  expect(desiredHandOver(loaded)).toEqual({
    device: 'sluice-vxlan',
    peers: { d1: ipv4('169.254.217.2'), d3: ipv4('169.254.217.3') },
    tunnelPort: 4789,
  });
  const links = new Map([
    ['eth1', link('10.1.0.2')],
    ['eth9', link('10.4.0.2', 9000)],
  ]);
  const peers = [ipv4('10.4.0.1'), ipv4('10.4.0.3')];
  expect(wantedTunnels(loaded, links)).toEqual({ id: 7, port: 4789, mtu: 8950, local: ipv4('10.4.0.2'), peers });
  expect(wantedTunnels(loaded, new Map())).toMatchObject({ mtu: 1450 });
  const narrow = await load('{ vxlan: { id: 7, mtu: 1300 } }');
  expect(wantedTunnels(narrow, links)).toMatchObject({ mtu: 1300 });
});

test.each<[string, Readonly<Record<string, ReturnType<typeof link>>>, string | undefined]>([
  ['y0', { eth9: link('10.4.0.2') }, undefined],
  ['y0', { eth1: link('10.4.0.2') }, 'there is no interface eth9 to hand over by'],
  ['y0', { eth9: link('10.4.0.7') }, 'eth9 has no address 10.4.0.2'],
  [VXLAN, { eth1: link('10.4.0.2') }, undefined],
  [VXLAN, { eth1: link('10.4.0.7') }, 'no interface has 10.4.0.2, the end of our tunnels'],
])('handOver: %s with %j: %s', async (handOver, links, fault) => {
  expect(handOverFault(await load(handOver), new Map(Object.entries(links)))).toBe(fault);
});

const WANTED: Tunnels = { id: 7, port: 4789, mtu: 1450, local: ipv4('10.4.0.2'), peers: [ipv4('10.4.0.1')] };

function keeper() {
  const clock = new FakeClock();
  const events = new EventLog(clock);
  const control = new FakeTunnels();
  let changes = 0;
  const onChange = () => {
    changes += 1;
  };
  const tunnels = new TunnelKeeper({ clock, events, control, onChange });
  const told = () => events.since(0).map(({ event }) => event);
  return { clock, control, events, told, tunnels, changes: () => changes };
}

test('tunnels are made, told once, and repaired within a second', async () => {
  const { clock, control, told, tunnels, changes } = keeper();
  tunnels.want({ tunnels: WANTED, fault: undefined });
  await settle();
  expect(control.found.device).toMatchObject({ id: 7, enabled: true });
  await clock.advance(5000);
  expect(told()).toEqual(['tunnels-changed']);
  control.found = { device: undefined, addressed: false, neighbours: [] };
  await clock.advance(1000);
  expect(control.found.neighbours.length).toBe(2);
  expect(told()).toEqual(['tunnels-changed', 'tunnels-changed']);
  expect(changes()).toBe(2);
});

test('a file without tunnels takes away those of an earlier agent', async () => {
  const { clock, control, told, tunnels } = keeper();
  await control.settle(WANTED);
  tunnels.want({ tunnels: undefined, fault: undefined });
  await settle();
  await clock.advance(3000);
  expect(control.found.device).toBeUndefined();
  expect(told()).toEqual(['tunnels-changed']);
  tunnels.want({ tunnels: WANTED, fault: undefined });
  await settle();
  tunnels.want({ tunnels: undefined, fault: undefined });
  await settle();
  expect(control.found.device).toBeUndefined();
});

test('a refusal, and a fault of the addresses, are told once', async () => {
  const { clock, control, events, tunnels } = keeper();
  control.found = { device: 'foreign', addressed: false, neighbours: [] };
  tunnels.want({ tunnels: WANTED, fault: 'eth9 has no address 10.4.0.2' });
  tunnels.want({ tunnels: WANTED, fault: 'eth9 has no address 10.4.0.2' });
  await clock.advance(20_000);
  const messages = events.since(0).map(({ event, values }) => `${event}: ${values['message']}`);
  expect(messages).toEqual([
    'hand-over-fault: eth9 has no address 10.4.0.2',
    expect.stringMatching(/^hand-over-fault: tunnel-add-device.*EEXIST/),
  ]);
});

test('a drained stop takes the tunnels away, a stop at once leaves them', async () => {
  const loaded = await load(VXLAN, 'd1');
  for (const drained of [true, false]) {
    const world = new World(loaded);
    await world.start();
    await world.clock.advance(3000);
    expect(world.tunnelKernel.found.device).toMatchObject({ id: 7 });
    if (drained) await world.director.stop();
    else await world.director.stopAtOnce();
    await world.clock.advance(20_000);
    await world.director.stopped;
    expect(world.tunnelKernel.found.device === undefined).toBe(drained);
  }
});
