/** Networks that several simulations use. */
import { formatIpv4, ipv4, parsePrefix } from '../../src/core/base/ipv4.ts';
import type { AnnouncedPrefix, InstanceConfig, InterfaceConfig } from '../../src/core/ospf/events.ts';
import { databaseOf, instanceConfig, interfaceConfig, Network, SimLink, type SimNode } from './network.ts';

/** Two routers on a point-to-point link, ids 10.0.0.1 and 10.0.0.2. */
export function pair(
  settingsOfA: Partial<InstanceConfig> = {},
  settingsOfB: Partial<InstanceConfig> = {},
  timers: Partial<InterfaceConfig> = {},
): { net: Network; link: SimLink; a: SimNode; b: SimNode } {
  const net = new Network();
  const link = new SimLink();
  const a = net.addNode('a', instanceConfig('10.0.0.1', [interfaceConfig('eth1', timers)], settingsOfA));
  const b = net.addNode('b', instanceConfig('10.0.0.2', [interfaceConfig('eth1', timers)], settingsOfB));
  net.attach(link, a, 'eth1', '10.1.0.1', 30);
  net.attach(link, b, 'eth1', '10.1.0.2', 30);
  return { net, link, a, b };
}

export interface Campus {
  readonly net: Network;
  readonly lan: SimLink;
  /** r1 to r5; r4 and r5 have priority 0. */
  readonly nodes: readonly SimNode[];
  /** r1 to r2, r3 to r4. */
  readonly cables: readonly SimLink[];
}

/** Five routers on a broadcast LAN (192.0.2.0/24), and two point-to-point cables besides it. */
export function campus(timers: Partial<InterfaceConfig> = {}, seed = 1): Campus {
  const net = new Network(seed);
  const lan = new SimLink();
  const cables = [new SimLink(), new SimLink()];
  const nodes = [1, 2, 3, 4, 5].map((n) => {
    const priority = n >= 4 ? 0 : 1;
    const interfaces = [interfaceConfig('lan', { ...timers, network: 'broadcast', priority })];
    if (n < 5) interfaces.push(interfaceConfig('cable', { ...timers, cost: 5 }));
    return net.addNode(`r${n}`, instanceConfig(`10.0.0.${n}`, interfaces));
  });
  nodes.forEach((node, at) => {
    net.attach(lan, node, 'lan', `192.0.2.${at + 1}`, 24);
    const cable = cables[Math.floor(at / 2)];
    if (cable !== undefined) net.attach(cable, node, 'cable', `10.1.${Math.floor(at / 2)}.${(at % 2) + 1}`, 30);
  });
  return { net, lan, nodes, cables };
}

/** Whether all running nodes have the same database, with something in it. */
export function agree(net: Network, nodes: readonly SimNode[]): boolean {
  const texts = nodes.filter(({ running }) => running).map((node) => databaseOf(node, net.now).join('\n'));
  return texts[0] !== '' && texts.every((text) => text === texts[0]);
}

/** Whether every node's database holds the router-LSAs of all of them, and is the same. */
export function converged(net: Network, nodes: readonly SimNode[]): boolean {
  const running = nodes.filter((node) => node.running);
  return agree(net, running) && running.every((node) => routesCover(node, running));
}

function routesCover(node: SimNode, nodes: readonly SimNode[]): boolean {
  return nodes.every((other) => other === node || reaches(node, other));
}

/** Every node announces its router id as a host route in the simulations that ask this. */
function reaches(node: SimNode, other: SimNode): boolean {
  return node.instance.routes().some(({ prefix }) => prefix.address === other.config.routerId && prefix.length === 32);
}

export function announce(net: Network, node: SimNode, ...prefixes: readonly string[]): void {
  net.input(node, { kind: 'announce', prefixes: prefixes.map(announced) });
}

/** `a.b.c.d` or `a.b.c.d metric N`. */
export function announced(text: string): AnnouncedPrefix {
  const [address, , metric] = text.split(' ');
  return { prefix: parsePrefix(`${address}/32`)!, metric: Number(metric ?? 1), lsa: { kind: 'stub' } };
}

export function announceOwnId(net: Network, node: SimNode): void {
  announce(net, node, formatIpv4(node.config.routerId));
}

/** The host routes among the stubs of a router's LSA as another node has it, e.g. `['203.0.113.10/32 metric 1']`. */
export function hostsSeen(net: Network, at: SimNode, router: string): string[] {
  const lsa = at.instance.lsdb(net.now).find((row) => row.type === 1 && row.advertisingRouter === ipv4(router));
  return (lsa?.summary ?? []).filter((line) => line.includes('/32')).map((line) => line.replace('stub ', ''));
}
