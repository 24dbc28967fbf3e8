import { expect, test } from 'vitest';
import { formatIpv4 } from '../../src/core/base/ipv4.ts';
import { instanceConfig, interfaceConfig, Network, SimLink, type SimNode } from './network.ts';
import { announce, announceOwnId, campus, converged } from './topologies.ts';

/** A campus that has come up, every router announcing its id as a host route. */
function settledCampus() {
  const network = campus();
  for (const node of network.nodes) announceOwnId(network.net, node);
  const inTime = network.net.runUntil(() => converged(network.net, network.nodes), 15_000);
  expect(inTime, 'the campus converges').toBe(true);
  network.net.run(3000);
  return network;
}

function stateOf(node: SimNode): string | undefined {
  return node.instance.interfaces().find(({ name }) => name === 'lan')?.state;
}

function designated(node: SimNode): string[] {
  const lan = node.instance.interfaces().find(({ name }) => name === 'lan')!;
  return [formatIpv4(lan.designatedRouter), formatIpv4(lan.backupDesignatedRouter)];
}

test('five routers on a LAN and two cables converge to one database, one DR and one BDR', () => {
  const { net, nodes } = settledCampus();
  expect(converged(net, nodes)).toBe(true);
  expect(nodes.map(stateOf)).toEqual(['drOther', 'backup', 'dr', 'drOther', 'drOther']);
  for (const node of nodes) expect(designated(node)).toEqual(['192.0.2.3', '192.0.2.2']);
});

test('routers that are neither DR nor BDR stay 2-Way with each other and Full with both', () => {
  const { net, nodes } = settledCampus();
  const states = nodes[4]!.instance.neighbors(net.now).map(({ address, state }) => `${formatIpv4(address)} ${state}`);
  expect(states.sort()).toEqual(['192.0.2.1 twoWay', '192.0.2.2 full', '192.0.2.3 full', '192.0.2.4 twoWay']);
});

test('only DR and BDR listen to AllDRouters', () => {
  const { lan } = settledCampus();
  const listening = lan.ports.filter(({ inAllDRouters }) => inAllDRouters).map(({ node }) => node.name);
  expect(listening.sort()).toEqual(['r2', 'r3']);
});

test('flooding on a LAN: to the DRs, from the DR to all, one acknowledgement each, and the DR waits for all of them', () => {
  const { net, nodes, cables } = settledCampus();
  for (const cable of cables) cable.filter = (packet) => packet.body.kind !== 'lsUpdate';
  net.run(2000);
  const said: string[] = [];
  net.onSend = (from, { body }, destination) => {
    if (body.kind === 'lsUpdate' || body.kind === 'lsAck')
      said.push(`${from.name} ${body.kind} ${formatIpv4(destination)}`);
  };
  // r5 has no cable: what it says goes over the LAN alone.
  announce(net, nodes[4]!, '10.0.0.5', '203.0.113.10');
  net.run(1000);
  const onLan = said.filter((line) => !line.startsWith('r2 lsUpdate') && !line.startsWith('r1 lsUpdate'));
  expect(onLan.slice(0, 2)).toEqual(['r5 lsUpdate 224.0.0.6', 'r3 lsUpdate 224.0.0.5']);
  const acks = said.filter((line) => line.includes('lsAck')).sort();
  expect(acks).toEqual(['r1 lsAck 224.0.0.6', 'r2 lsAck 224.0.0.5', 'r4 lsAck 224.0.0.6']);
  expect(nodes[2]!.instance.neighbors(net.now).filter((n) => n.interface === 'lan' && n.retransmissions > 0)).toEqual(
    [],
  );
});

test('the DR dies: its backup takes over, another backup is elected, and nobody forgets the others', () => {
  const { net, nodes } = settledCampus();
  net.kill(nodes[2]!);
  const alive = nodes.filter(({ running }) => running);
  // The dead interval, and the Hello in which the new DR says so.
  net.run(5100);
  expect(nodes.map(stateOf).slice(0, 2)).toEqual(['backup', 'dr']);
  expect(net.runUntil(() => converged(net, alive), 5000)).toBe(true);
});

test('a neighbor whose waiting ended before ours is not kept waiting for the time until it repeats its description', () => {
  const net = new Network();
  const lan = new SimLink();
  const node = (name: string, id: string, priority: number) =>
    net.addNode(
      name,
      instanceConfig(id, [interfaceConfig('lan', { network: 'broadcast', priority, rxmtInterval: 5000 })]),
    );
  const late = node('late', '10.0.0.1', 2);
  // It outranks the other in the exchange, so nothing happens until its own description is heeded. Each holds 300 ms.
  const early = node('early', '10.0.0.2', 1);
  net.attach(lan, early, 'lan', '192.0.2.2', 24);
  net.run(300);
  net.attach(lan, late, 'lan', '192.0.2.1', 24);
  net.run(5000);
  expect(stateOf(late)).toBe('dr');
  expect(late.fullAt(early.config.routerId)).toBeLessThan(4700);
  expect(late.logged('dropped')).toEqual([]);
});

test('a partition is noticed and healed', () => {
  const { net, nodes, lan } = settledCampus();
  const before = nodes[0]!.instance.routes();
  lan.islands = [
    ['r1', 'r2'],
    ['r3', 'r4', 'r5'],
  ];
  net.run(8000);
  const [left, right] = [nodes.slice(0, 2), nodes.slice(2)];
  const reached = (node: SimNode) => nodes.filter((other) => routesTo(node, other)).map(({ name }) => name);
  expect(left.map(reached)).toEqual([['r2'], ['r1']]);
  expect(right.map(reached)).toEqual([
    ['r4', 'r5'],
    ['r3', 'r5'],
    ['r3', 'r4'],
  ]);
  lan.islands = undefined;
  expect(net.runUntil(() => converged(net, nodes), 20_000)).toBe(true);
  net.run(5000);
  expect(nodes[0]!.instance.routes()).toEqual(before);
});

function routesTo(node: SimNode, other: SimNode): boolean {
  return node !== other && node.instance.routes().some(({ prefix }) => prefix.address === other.config.routerId);
}

test('otherAnnouncers names the reachable routers with a lower metric, and not those behind a partition', () => {
  const { net, nodes, lan } = settledCampus();
  const vip = nodes[0]!.config.routerId;
  for (const node of nodes.slice(0, 3)) announceOwnId(net, node);
  net.input(nodes[1]!, {
    kind: 'announce',
    prefixes: [{ prefix: { address: vip, length: 32 }, metric: 50, lsa: { kind: 'stub' } }],
  });
  net.run(3000);
  expect(nodes[4]!.instance.otherAnnouncers(vip, 100).map(formatIpv4)).toEqual(['10.0.0.1', '10.0.0.2']);
  expect(nodes[4]!.instance.otherAnnouncers(vip, 50).map(formatIpv4)).toEqual(['10.0.0.1']);
  expect(nodes[0]!.instance.otherAnnouncers(vip, 100).map(formatIpv4)).toEqual(['10.0.0.2']);
  lan.islands = [['r3', 'r4', 'r5']];
  net.run(8000);
  expect(nodes[4]!.instance.otherAnnouncers(vip, 100)).toEqual([]);
});
