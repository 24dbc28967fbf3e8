/** New settings for a running instance: only what differs is touched. */
import { expect, test } from 'vitest';
import { ipv4 } from '../../src/core/base/ipv4.ts';
import type { InterfaceConfig } from '../../src/core/ospf/events.ts';
import { instanceConfig, interfaceConfig, Network, SimLink, type SimNode } from './network.ts';
import { announce, pair } from './topologies.ts';

/** A director with an uplink to each of two routers: eth1 to r1, eth2 to r2. */
function twoUplinks(configured: readonly InterfaceConfig[] = [interfaceConfig('eth1'), interfaceConfig('eth2')]) {
  const net = new Network();
  const us = net.addNode('us', instanceConfig('10.0.0.9', configured));
  const routers = [1, 2].map((n) => {
    const router = net.addNode(`r${n}`, instanceConfig(`10.0.0.${n}`, [interfaceConfig('eth1')], { holdLimit: 0 }));
    const link = new SimLink();
    net.attach(link, router, 'eth1', `10.1.${n}.1`, 30);
    net.attach(link, us, `eth${n}`, `10.1.${n}.2`, 30);
    return router;
  });
  net.run(5000);
  for (const node of net.nodes) node.log.length = 0;
  return { net, us, r1: routers[0]!, r2: routers[1]! };
}

/** Two routers on a LAN, r1 with priority 1, the DR. */
function lan(priority: number) {
  const net = new Network();
  const link = new SimLink();
  const settings = { network: 'broadcast', priority: 1 } as const;
  const r1 = net.addNode('r1', instanceConfig('10.0.0.1', [interfaceConfig('lan', settings)]));
  net.attach(link, r1, 'lan', '192.0.2.1', 24);
  net.run(6000);
  const us = net.addNode('us', instanceConfig('10.0.0.9', [interfaceConfig('lan', { ...settings, priority })]));
  net.attach(link, us, 'lan', '192.0.2.9', 24);
  net.run(10_000);
  for (const node of net.nodes) node.log.length = 0;
  return {
    net,
    r1,
    us,
    with: (change: Partial<InterfaceConfig>) => [interfaceConfig('lan', { ...settings, ...change })],
  };
}

/** What has become of neighbors, on all interfaces or on one: `eth1 full -> init oneWay`. */
function unrest(node: SimNode, name?: string): string[] {
  return node
    .logged('neighborChanged')
    .filter(({ effect }) => name === undefined || effect.interface === name)
    .map(({ effect }) => `${effect.interface} ${effect.from} -> ${effect.to} ${effect.reason}`);
}

function states(net: Network, node: SimNode): string[] {
  return node.instance.neighbors(net.now).map((neighbor) => `${neighbor.interface} ${neighbor.state}`);
}

function ownLinks(net: Network, node: SimNode): readonly string[] {
  return node.instance.lsdb(net.now).find(({ type, own }) => own && type === 1)?.summary ?? [];
}

test('the same settings again: not a packet, not an effect', () => {
  const { net, us } = twoUplinks();
  const interfaces = [interfaceConfig('eth1'), interfaceConfig('eth2')];
  expect(us.instance.handle({ kind: 'configure', interfaces }, net.now)).toEqual([]);
});

test('another cost: the router-LSA is originated once, routes follow, no neighbor and no interface changes', () => {
  const { net, us, r1, r2 } = twoUplinks();
  announce(net, r1, '203.0.113.1');
  net.run(3000);
  net.configure(us, [interfaceConfig('eth1', { cost: 25 }), interfaceConfig('eth2')]);
  net.run(10_000);
  expect(us.logged('originated')).toHaveLength(1);
  const seen = r2.instance.lsdb(net.now).find(({ type, id }) => type === 1 && id === ipv4('10.0.0.9'));
  expect(seen?.summary).toContain('stub 10.1.1.0/30 metric 25');
  const route = us.instance.routes().find(({ prefix }) => prefix.address === ipv4('203.0.113.1'));
  expect(route?.cost).toBe(26);
  expect([us, r1, r2].flatMap((node) => [...unrest(node), ...node.logged('interfaceChanged')])).toEqual([]);
});

test('an interface that is added comes up, and the adjacency on the other one never notices', () => {
  const { net, us, r1 } = twoUplinks([interfaceConfig('eth1')]);
  expect(states(net, us)).toEqual(['eth1 full']);
  net.configure(us, [interfaceConfig('eth1'), interfaceConfig('eth2')]);
  net.run(1000);
  expect(states(net, us)).toEqual(['eth1 full', 'eth2 full']);
  expect([...unrest(us, 'eth1'), ...unrest(r1)]).toEqual([]);
});

test('an interface that is removed says goodbye, and the adjacency on the other one never notices', () => {
  const { net, us, r1, r2 } = twoUplinks();
  net.configure(us, [interfaceConfig('eth1')]);
  expect(us.instance.interfaces().map(({ name }) => name)).toEqual(['eth1']);
  expect(unrest(us)).toEqual(['eth2 full -> down llDown']);
  net.run(2);
  expect(unrest(r2)).toEqual(['eth1 full -> init oneWay']);
  net.run(10_000);
  expect(states(net, us)).toEqual(['eth1 full']);
  expect(unrest(r1)).toEqual([]);
  expect(ownLinks(net, us).some((line) => line.includes('10.1.2.'))).toBe(false);
  expect(us.logged('originated')).toHaveLength(1);
  expect(states(net, r2)).toEqual([]);
});

test('an interface that is removed and added again is whole again', () => {
  const { net, us, r1, r2 } = twoUplinks();
  net.configure(us, [interfaceConfig('eth1')]);
  net.run(700);
  net.configure(us, [interfaceConfig('eth1'), interfaceConfig('eth2')]);
  net.run(2000);
  expect(states(net, us)).toEqual(['eth1 full', 'eth2 full']);
  expect(states(net, r2)).toEqual(['eth1 full']);
  expect(unrest(r1)).toEqual([]);
});

test.each([
  ['hello', { helloInterval: 2000 }],
  ['dead', { deadInterval: 10_000 }],
])('another %s interval costs no adjacency if the far end follows in time', (_name, change) => {
  const { net, us, r1, r2 } = twoUplinks();
  net.configure(us, [interfaceConfig('eth1'), interfaceConfig('eth2', change)]);
  net.run(1500);
  net.configure(r2, [interfaceConfig('eth1', change)]);
  net.run(30_000);
  expect([us, r1, r2].flatMap((node) => unrest(node))).toEqual([]);
});

test('another hello interval that the far end does not follow costs that adjacency alone, and only until it follows', () => {
  const { net, us, r1, r2 } = twoUplinks();
  net.configure(us, [interfaceConfig('eth1'), interfaceConfig('eth2', { helloInterval: 2000 })]);
  net.run(2900);
  expect(unrest(us)).toEqual([]);
  net.run(1200);
  expect(unrest(us)).toEqual(['eth2 full -> down inactivityTimer']);
  expect(us.logged('dropped')[0]?.effect.detail).toBe('hello interval 1 s, ours is 2 s');
  net.configure(r2, [interfaceConfig('eth1', { helloInterval: 2000 })]);
  net.run(3000);
  expect(states(net, us)).toEqual(['eth1 full', 'eth2 full']);
  expect([...unrest(us, 'eth1'), ...unrest(r1)]).toEqual([]);
});

test('Hellos go out at the new pace at once, not after one more old interval', () => {
  const slow = { helloInterval: 10_000, deadInterval: 40_000 };
  const { net, a } = pair({}, {}, slow);
  net.run(31_000);
  const at: number[] = [];
  net.onSend = (from, { body }) => {
    if (from === a && body.kind === 'hello') at.push(net.now - 31_000);
  };
  net.configure(a, [interfaceConfig('eth1', { ...slow, helloInterval: 1000 })]);
  net.run(2500);
  expect(at).toEqual([0, 1000, 2000]);
});

test('another network type starts that interface over, and no other', () => {
  const { net, us, r1, r2 } = twoUplinks();
  const broadcast = { network: 'broadcast', priority: 1 } as const;
  net.configure(r2, [interfaceConfig('eth1', broadcast)]);
  net.configure(us, [interfaceConfig('eth1'), interfaceConfig('eth2', { network: 'broadcast' })]);
  expect(us.logged('interfaceChanged').map(({ effect }) => `${effect.interface} ${effect.to}`)).toEqual([
    'eth2 down',
    'eth2 drOther',
  ]);
  net.run(10_000);
  expect(states(net, us)).toEqual(['eth1 full', 'eth2 full']);
  expect(us.instance.interfaces()[1]).toMatchObject({ network: 'broadcast', designatedRouter: ipv4('10.1.2.1') });
  expect([...unrest(us, 'eth1'), ...unrest(r1)]).toEqual([]);
});

test('what does not bind the neighbors (rxmt, mtuIgnore) changes without a word', () => {
  const { net, us, r1, r2 } = twoUplinks();
  const sent = net.sent.hello;
  net.configure(us, [interfaceConfig('eth1', { rxmtInterval: 5000, mtuIgnore: true }), interfaceConfig('eth2')]);
  expect(net.sent.hello).toBe(sent);
  net.run(10_000);
  expect([us, r1, r2].flatMap((node) => [...unrest(node), ...node.logged('originated')])).toEqual([]);
});

test('priority: who is made eligible becomes Backup at once, who is made ineligible is it no more; the adjacency lasts', () => {
  const { net, r1, us, with: lanWith } = lan(0);
  expect(us.instance.interfaces()[0]?.state).toBe('drOther');
  net.configure(us, lanWith({ priority: 1 }));
  expect(us.instance.interfaces()[0]?.state).toBe('backup');
  net.run(1);
  expect(r1.instance.interfaces()[0]?.backupDesignatedRouter).toBe(ipv4('192.0.2.9'));
  net.configure(us, lanWith({ priority: 0 }));
  expect(us.instance.interfaces()[0]?.state).toBe('drOther');
  net.run(1);
  expect(r1.instance.interfaces()[0]?.backupDesignatedRouter).toBe(0);
  net.run(10_000);
  expect([us, r1].flatMap((node) => unrest(node))).toEqual([]);
});

test('a Designated Router that is configured to priority 0 hands over to its Backup; the adjacency lasts', () => {
  const { net, r1, us, with: lanWith } = lan(1);
  expect(r1.instance.interfaces()[0]?.state).toBe('dr');
  net.configure(r1, lanWith({ priority: 0 }));
  net.run(10_000);
  expect(r1.instance.interfaces()[0]?.state).toBe('drOther');
  expect(us.instance.interfaces()[0]).toMatchObject({ state: 'dr', designatedRouter: ipv4('192.0.2.9') });
  expect([us, r1].flatMap((node) => unrest(node))).toEqual([]);
  const networks = us.instance.lsdb(net.now).filter(({ type, age }) => type === 2 && age < 3600);
  expect(networks.map(({ id }) => id)).toEqual([ipv4('192.0.2.9')]);
});

test('the Designated Router that is removed from the LAN leaves no network-LSA behind, and a successor', () => {
  const { net, r1, us } = lan(1);
  net.configure(r1, []);
  net.run(2);
  expect(us.instance.interfaces()[0]).toMatchObject({ state: 'dr', neighbors: 1 });
  net.run(5000);
  expect(us.instance.interfaces()[0]).toMatchObject({ state: 'dr', neighbors: 0, backupDesignatedRouter: 0 });
  expect(r1.instance.lsdb(net.now).filter(({ type, age }) => type === 2 && age < 3600)).toEqual([]);
});

test('an interface that is down takes new settings silently and uses them when it comes up', () => {
  const { net, us, r2 } = twoUplinks();
  net.down(us, 'eth2');
  net.run(10_000);
  us.log.length = 0;
  const interfaces = [interfaceConfig('eth1'), interfaceConfig('eth2', { helloInterval: 2000, priority: 3, cost: 7 })];
  expect(us.instance.handle({ kind: 'configure', interfaces }, net.now)).toEqual([]);
  net.configure(r2, [interfaceConfig('eth1', { helloInterval: 2000 })]);
  net.up(us, 'eth2');
  net.run(2500);
  expect(states(net, us)).toEqual(['eth1 full', 'eth2 full']);
  expect(ownLinks(net, us)).toContain('stub 10.1.2.0/30 metric 7');
});

test('after a stop new settings change nothing', () => {
  const { net, us } = twoUplinks();
  net.input(us, { kind: 'stop' });
  net.run(5000);
  expect(us.logged('stopped')).toHaveLength(1);
  expect(us.instance.handle({ kind: 'configure', interfaces: [interfaceConfig('eth3')] }, net.now)).toEqual([]);
  expect(us.instance.interfaces().map(({ name }) => name)).toEqual(['eth1', 'eth2']);
});
