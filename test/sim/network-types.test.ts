/** The four network types, and a passive interface: who speaks to whom, and what the routers come to know. */
import { expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../src/core/base/ipv4.ts';
import type { InterfaceConfig } from '../../src/core/ospf/events.ts';
import { instanceConfig, interfaceConfig, Network, SimLink, type SimNode } from './network.ts';
import { announce, announceOwnId, converged } from './topologies.ts';

/** Nodes 10.0.0.N at 192.0.2.N/24 on one link, each with its settings for the interface `net`. */
function onOneLink(settings: readonly Partial<InterfaceConfig>[], length = 24) {
  const net = new Network();
  const link = new SimLink();
  const said: string[] = [];
  net.onSend = (from, { body }, destination) => said.push(`${from.name} ${body.kind} ${formatIpv4(destination)}`);
  const nodes = settings.map((one, at) => {
    const node = net.addNode(`n${at + 1}`, instanceConfig(`10.0.0.${at + 1}`, [interfaceConfig('net', one)]));
    net.attach(link, node, 'net', `192.0.2.${at + 1}`, length);
    announceOwnId(net, node);
    return node;
  });
  return { net, link, nodes, said };
}

function list(...last: readonly number[]): InterfaceConfig['neighbors'] {
  return last.map((n) => ({ address: ipv4(`192.0.2.${n}`), priority: 1 }));
}

function states(net: Network, node: SimNode): string[] {
  return node.instance.neighbors(net.now).map(({ address, state }) => `${formatIpv4(address)} ${state}`);
}

function stateOf(node: SimNode): string | undefined {
  return node.instance.interfaces()[0]?.state;
}

function links(net: Network, node: SimNode): readonly string[] {
  return node.instance.lsdb(net.now).find(({ type, own }) => own && type === 1)?.summary ?? [];
}

function route(node: SimNode, address: string): string[] {
  const found = node.instance.routes().find(({ prefix }) => prefix.address === ipv4(address) && prefix.length === 32);
  return (found?.nextHops ?? []).map(({ gateway }) => (gateway === undefined ? 'direct' : formatIpv4(gateway)));
}

test('point-to-multipoint: every pair is adjacent, no DR, own address as a host route at no cost (RFC 2328 12.4.1.4)', () => {
  const p2mp = { network: 'point-to-multipoint', cost: 7 } as const;
  const { net, nodes } = onOneLink([p2mp, p2mp, p2mp]);
  expect(net.runUntil(() => converged(net, nodes), 3000)).toBe(true);
  net.run(3000);
  expect(nodes.map(stateOf)).toEqual(['pointToPoint', 'pointToPoint', 'pointToPoint']);
  expect(links(net, nodes[0]!)).toEqual([
    'p2p 10.0.0.2 from 192.0.2.1 metric 7',
    'p2p 10.0.0.3 from 192.0.2.1 metric 7',
    'stub 192.0.2.1/32 metric 0',
    'stub 10.0.0.1/32 metric 1',
  ]);
  expect(route(nodes[0]!, '10.0.0.3')).toEqual(['192.0.2.3']);
  expect(nodes[0]!.instance.lsdb(net.now).some(({ type }) => type === 2)).toBe(false);
});

test('point-to-multipoint: a spoke reaches another by way of the hub', () => {
  const p2mp = { network: 'point-to-multipoint' } as const;
  const { net, link, nodes } = onOneLink([p2mp, p2mp, p2mp]);
  link.filter = (_, from, to) => from.name === 'n1' || to.name === 'n1';
  expect(net.runUntil(() => converged(net, nodes), 5000)).toBe(true);
  net.run(5000);
  expect(states(net, nodes[1]!)).toEqual(['192.0.2.1 full']);
  expect(route(nodes[1]!, '10.0.0.3')).toEqual(['192.0.2.1']);
  expect(route(nodes[1]!, '192.0.2.3')).toEqual(['192.0.2.1']);
});

test('point-to-multipoint without multicast: everything goes by unicast to those on the list', () => {
  const of = (...others: readonly number[]) =>
    ({ network: 'point-to-multipoint', neighbors: list(...others) }) as const;
  const { net, nodes, said } = onOneLink([of(2, 3), of(1, 3), of(1, 2)]);
  expect(net.runUntil(() => converged(net, nodes), 3000)).toBe(true);
  net.run(5000);
  const retransmitted = () => nodes.map((node) => node.instance.counters().retransmitted);
  const before = retransmitted();
  announce(net, nodes[0]!, '203.0.113.1');
  net.run(5000);
  expect(route(nodes[2]!, '203.0.113.1')).toEqual(['192.0.2.1']);
  expect(said.filter((line) => line.includes(' 224.'))).toEqual([]);
  // What was flooded on is acknowledged to whom it came from: nothing is sent again.
  expect(retransmitted()).toEqual(before);
});

test('NBMA: routers that may be DR find each other by their lists, elect, and a DROther is adjacent to both', () => {
  const router = (...others: readonly number[]) =>
    ({ network: 'nbma', priority: 1, neighbors: list(...others) }) as const;
  const { net, nodes, said } = onOneLink([router(2, 3), router(1, 3), { ...router(1, 2), priority: 0 }]);
  expect(net.runUntil(() => converged(net, nodes), 8000)).toBe(true);
  net.run(3000);
  expect(nodes.map(stateOf)).toEqual(['backup', 'dr', 'drOther']);
  expect(states(net, nodes[2]!)).toEqual(['192.0.2.1 full', '192.0.2.2 full']);
  expect(said.filter((line) => line.includes(' 224.'))).toEqual([]);
  expect(nodes[2]!.instance.neighbors(net.now).map(({ role }) => role)).toEqual(['backup', 'dr']);
  announce(net, nodes[2]!, '203.0.113.3');
  net.run(3000);
  expect(route(nodes[0]!, '203.0.113.3')).toEqual(['192.0.2.3']);
});

test('NBMA: who may not be DR is adjacent in well under a dead interval to a DR that does not have it on its list', () => {
  const dr = { network: 'nbma', priority: 1, neighbors: list(9) } as const;
  const { net, link, nodes } = onOneLink([dr]);
  net.run(6000);
  expect(stateOf(nodes[0]!)).toBe('dr');
  const us = net.addNode(
    'us',
    instanceConfig('10.0.0.8', [interfaceConfig('net', { network: 'nbma', neighbors: list(1) })]),
  );
  net.attach(link, us, 'net', '192.0.2.8', 24);
  expect(net.runUntil(() => states(net, us).includes('192.0.2.1 full'), 1000)).toBe(true);
});

test('NBMA: a router of the list that is silent is in state Attempt for a dead interval, then polled', () => {
  const { net, link, nodes, said } = onOneLink([{ network: 'nbma', neighbors: list(2), pollInterval: 10_000 }]);
  const us = nodes[0]!;
  expect(states(net, us)).toEqual(['192.0.2.2 attempt']);
  net.run(3900);
  const tries = said.length;
  expect(tries).toBeGreaterThan(4);
  net.run(200);
  expect(states(net, us)).toEqual(['192.0.2.2 down']);
  net.run(26_000);
  expect(said.slice(tries).filter((line) => line === 'n1 hello 192.0.2.2')).toHaveLength(3);
  const dr = { network: 'nbma', priority: 1, neighbors: list(1) } as const;
  const router = net.addNode('r', instanceConfig('10.0.0.2', [interfaceConfig('net', dr)]));
  net.attach(link, router, 'net', '192.0.2.2', 24);
  net.run(9000);
  expect(states(net, us)).toEqual(['192.0.2.2 full']);
});

test('NBMA: a router on the list that goes and returns is found again', () => {
  const router = (other: number) => ({ network: 'nbma', priority: 1, neighbors: list(other) }) as const;
  const { net, nodes } = onOneLink([router(2), router(1)]);
  net.run(8000);
  expect(states(net, nodes[0]!)).toEqual(['192.0.2.2 full']);
  const back = net.replace(nodes[1]!);
  net.run(12_000);
  expect(states(net, nodes[0]!)).toEqual(['192.0.2.2 full']);
  expect(states(net, back)).toEqual(['192.0.2.1 full']);
});

test('a list that names ourselves does not mean us: one file serves all directors of a network', () => {
  const { net, nodes } = onOneLink([{ network: 'nbma', neighbors: list(1, 2) }]);
  expect(states(net, nodes[0]!)).toEqual(['192.0.2.2 attempt']);
});

test('a neighbor that comes onto the list on a reload is greeted at once', () => {
  const of = (...others: readonly number[]) =>
    ({ network: 'point-to-multipoint', neighbors: list(...others) }) as const;
  const { net, nodes } = onOneLink([of(3), of(3), of(3)]);
  net.run(3000);
  const before = nodes[0]!.log.length;
  net.configure(nodes[0]!, [interfaceConfig('net', of(3, 2))]);
  expect(net.runUntil(() => states(net, nodes[0]!).includes('192.0.2.2 full'), 500)).toBe(true);
  const unrest = nodes[0]!.logged('neighborChanged').filter(({ effect }) => effect.from === 'full');
  expect([nodes[0]!.log.length > before, unrest]).toEqual([true, []]);
});

/** Two routers, two cables between them, each with one address, its own, on both: nothing is numbered. */
function unnumbered() {
  const net = new Network();
  const nodes = [1, 2].map((n) => {
    return net.addNode(`n${n}`, instanceConfig(`10.0.0.${n}`, [interfaceConfig('c1'), interfaceConfig('c2')]));
  });
  for (const name of ['c1', 'c2']) {
    const cable = new SimLink();
    nodes.forEach((node, at) => {
      net.attach(cable, node, name, `10.0.0.${at + 1}`, 32);
    });
  }
  for (const node of nodes) announceOwnId(net, node);
  return { net, a: nodes[0]!, b: nodes[1]! };
}

test('unnumbered links are named by interface index, have no stub, and carry ECMP to one address (RFC 2328 12.4.1.1)', () => {
  const { net, a, b } = unnumbered();
  const said: (readonly [string, number])[] = [];
  net.onSend = (from, { body }) => {
    if (body.kind === 'hello') said.push([from.name, body.networkMask]);
  };
  expect(net.runUntil(() => converged(net, [a, b]), 3000)).toBe(true);
  net.run(3000);
  expect(new Set(said.map(([, mask]) => mask))).toEqual(new Set([0]));
  expect(links(net, a)).toEqual([
    'p2p 10.0.0.2 from interface 2 metric 10',
    'p2p 10.0.0.2 from interface 3 metric 10',
    'stub 10.0.0.1/32 metric 1',
  ]);
  const found = a.instance.routes().find(({ prefix }) => prefix.address === ipv4('10.0.0.2'));
  expect(found?.nextHops).toEqual([
    { interface: 'c1', gateway: ipv4('10.0.0.2') },
    { interface: 'c2', gateway: ipv4('10.0.0.2') },
  ]);
  expect(a.instance.routes().map(({ prefix }) => formatIpv4(prefix.address))).toEqual(['10.0.0.2']);
});

test('a /31 is a numbered link like any other', () => {
  const { net, nodes } = onOneLink([{}, {}], 31);
  expect(net.runUntil(() => converged(net, nodes), 3000)).toBe(true);
  net.run(3000);
  expect(links(net, nodes[0]!)).toContain('p2p 10.0.0.2 from 192.0.2.1 metric 10');
});

test('a passive interface: its network is announced, nothing is said, nothing is heard', () => {
  const { net, nodes, said } = onOneLink([{ passive: true, cost: 3 }, {}]);
  net.run(5000);
  expect(stateOf(nodes[0]!)).toBe('passive');
  expect(said.filter((line) => line.startsWith('n1'))).toEqual([]);
  expect(links(net, nodes[0]!)).toEqual(['stub 192.0.2.0/24 metric 3', 'stub 10.0.0.1/32 metric 1']);
  expect(nodes[0]!.instance.counters().dropped).toEqual({ passive: expect.any(Number) });
  net.configure(nodes[0]!, [interfaceConfig('net')]);
  net.run(1000);
  expect(states(net, nodes[1]!)).toEqual(['192.0.2.1 full']);
  net.configure(nodes[0]!, [interfaceConfig('net', { passive: true })]);
  net.run(1);
  expect(states(net, nodes[1]!)).toEqual(['192.0.2.1 init']);
});

test('four hellos a second: said as 0 with a dead interval of 1, and a death is noticed within that second', () => {
  const minimal = { helloInterval: 250, deadInterval: 1000 };
  const { net, nodes } = onOneLink([minimal, minimal]);
  const intervals = new Set<string>();
  net.onSend = (_, { body }) => {
    if (body.kind === 'hello') intervals.add(`${body.helloInterval} ${body.deadInterval}`);
  };
  expect(net.runUntil(() => converged(net, nodes), 3000)).toBe(true);
  net.run(10_000);
  expect([...intervals]).toEqual(['0 1']);
  net.kill(nodes[1]!);
  const died = net.now;
  expect(net.runUntil(() => states(net, nodes[0]!).length === 0, 2000)).toBe(true);
  expect(net.now - died).toBeLessThanOrEqual(1001);
});

test('a LAN: the DR that steps down flushes its network-LSA, the next one originates its own', () => {
  const lan = { network: 'broadcast', priority: 1 } as const;
  const { net, nodes } = onOneLink([lan, lan, { ...lan, priority: 0 }]);
  net.run(10_000);
  const networkLsas = (at: SimNode) =>
    at.instance
      .lsdb(net.now)
      .filter(({ type, age }) => type === 2 && age < 3600)
      .map(({ id }) => formatIpv4(id));
  expect(nodes.map(stateOf)).toEqual(['backup', 'dr', 'drOther']);
  expect(networkLsas(nodes[2]!)).toEqual(['192.0.2.2']);
  net.configure(nodes[1]!, [interfaceConfig('net', { ...lan, priority: 0 })]);
  net.run(6000);
  expect(nodes.map(stateOf)).toEqual(['dr', 'drOther', 'drOther']);
  for (const node of nodes) expect(networkLsas(node)).toEqual(['192.0.2.1']);
  expect(net.runUntil(() => converged(net, nodes), 5000)).toBe(true);
});
