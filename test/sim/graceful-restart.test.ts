/** A director that restarts among routers that help it (RFC 3623): what they see of it, and how it and they end it. */
import { expect, test } from 'vitest';
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { INITIAL_SEQUENCE, LsType, MAX_AGE } from '../../src/core/ospf/codes.ts';
import type { EarlierLife, HelperMode, InstanceConfig } from '../../src/core/ospf/events.ts';
import { withAge } from '../../src/core/ospf/lsa/codec.ts';
import { buildGraceLsa, isGraceLsa } from '../../src/core/ospf/lsa/grace-lsa.ts';
import { encodePacket } from '../../src/core/ospf/packet/codec.ts';
import { instanceConfig, interfaceConfig, lifeOf, Network, SimLink, type SimNode } from './network.ts';
import { announce, hostsSeen } from './topologies.ts';

const D = ipv4('10.0.0.1');
const R1 = ipv4('10.0.1.1');
const VIP = '203.0.113.10';
const GRACE = 30_000;

interface World {
  readonly net: Network;
  readonly d: SimNode;
  /** Each has a link to the director and one to a host behind it, `h`. */
  readonly routers: readonly SimNode[];
  readonly h: SimNode;
}

function world(settings: Partial<InstanceConfig> = {}): World {
  const net = new Network();
  const node = (id: string, names: readonly string[], more: Partial<InstanceConfig> = {}) =>
    net.addNode(
      id,
      instanceConfig(
        id,
        names.map((name) => interfaceConfig(name)),
        more,
      ),
    );
  const d = node('10.0.0.1', ['up0', 'up1'], { stubRouter: true, ...settings });
  const h = node('10.0.9.1', ['r0', 'r1']);
  const routers = ['10.0.1.1', '10.0.1.2'].map((id) => node(id, ['d', 'h']));
  routers.forEach((router, at) => {
    const [toDirector, toHost] = [new SimLink(), new SimLink()];
    net.attach(toDirector, d, `up${at}`, `10.1.${at}.1`, 30);
    net.attach(toDirector, router, 'd', `10.1.${at}.2`, 30);
    net.attach(toHost, h, `r${at}`, `10.2.${at}.1`, 30);
    net.attach(toHost, router, 'h', `10.2.${at}.2`, 30);
  });
  announce(net, d, VIP);
  net.run(6000);
  return { net, d, routers, h };
}

/** The director asks for a grace period and ends; what it leaves. */
function leave({ net, d }: World, period = GRACE): EarlierLife {
  const life = lifeOf(d, net.now, { planned: true, until: net.now + period });
  net.input(d, { kind: 'handOver', period, reason: 'upgrade', sequence: life.sequence });
  expect(net.runUntil(() => d.logged('stopped').length > 0, 3000)).toBe(true);
  net.kill(d);
  return life;
}

/** The next process; it should be able to announce everything again within five seconds. */
function succeed({ net, d }: World, life: EarlierLife): SimNode {
  return net.replace(d, 99, { ...life, announceBy: net.now + 5000 });
}

function helpAs({ net, routers }: World, mode: HelperMode): void {
  for (const router of routers) net.input(router, { kind: 'helper', mode });
}

/** How often the routes of each of these nodes have changed since then. */
function routeChanges(nodes: readonly SimNode[], since: number): number[] {
  return nodes.map((node) => node.logged('routes').filter(({ at }) => at >= since).length);
}

function reasons(node: SimNode, step: 'entered' | 'refused' | 'left'): string[] {
  return node.logged('helper').flatMap(({ effect }) => (effect.step === step ? [effect.reason] : []));
}

function ended(node: SimNode): string[] {
  return node.logged('restart').flatMap(({ effect }) => (effect.step === 'ended' ? [effect.detail] : []));
}

function graceLsas(node: SimNode, now: number) {
  return node.instance.lsdb(now).filter((row) => isGraceLsa(row) && row.age < MAX_AGE);
}

test.each(['strict', 'lenient'] as const)(
  'a planned restart of three dead intervals moves no route (helper %s)',
  (mode) => {
    const w = world();
    const { net, routers, h } = w;
    helpAs(w, mode);
    const since = net.now;
    const life = leave(w);
    expect(routers.map((router) => reasons(router, 'entered'))).toEqual([['upgrade'], ['upgrade']]);
    net.run(12_000);
    const fresh = succeed(w, life);
    net.run(1500);
    expect(fresh.instance.takeOver(net.now)?.waitingFor).toEqual(['1 prefixes to be announced again']);
    announce(net, fresh, VIP);
    net.run(6000);
    expect(ended(fresh)).toEqual(['all adjacencies are full again']);
    expect(routeChanges([...routers, h], since)).toEqual([0, 0, 0]);
    expect(routers.map((router) => graceLsas(router, net.now))).toEqual([[], []]);
    expect(fresh.instance.routes().length).toBeGreaterThan(0);
    // Its own numbers go on from those of its earlier life.
    const own = h.instance.lsdb(net.now).find(({ type, id }) => type === LsType.router && id === D)!;
    expect(own.sequence).toBeGreaterThan(INITIAL_SEQUENCE);
  },
);

test('until the restart is over nothing is originated, flushed or routed', () => {
  const w = world();
  const { net } = w;
  const life = leave(w);
  net.run(8000);
  const fresh = succeed(w, life);
  const sent: string[] = [];
  net.onSend = (from, { body }) => {
    if (from !== fresh || body.kind !== 'lsUpdate') return;
    for (const { header } of body.lsas) if (header.advertisingRouter === D) sent.push(`${header.type} ${header.age}`);
  };
  net.run(4000);
  expect(fresh.instance.neighbors(net.now).map(({ state }) => state)).toEqual(['full', 'full']);
  expect(sent).toEqual([]);
  expect(fresh.logged('originated')).toEqual([]);
  expect(fresh.instance.routes()).toEqual([]);
});

test('a VIP that is gone after the restart is withdrawn as soon as that is over', () => {
  const w = world();
  const { net, d, h } = w;
  announce(net, d, VIP, '203.0.113.11');
  net.run(3000);
  const life = leave(w);
  net.run(6000);
  const fresh = succeed(w, life);
  announce(net, fresh, VIP);
  net.run(4500);
  expect(hostsSeen(net, h, '10.0.0.1')).toHaveLength(2);
  net.run(2000);
  expect(hostsSeen(net, h, '10.0.0.1')).toEqual(['203.0.113.10/32 metric 1']);
});

test('without help the adjacency is lost after the dead interval, and the successor takes up what it finds', () => {
  const w = world();
  const { net, routers, h } = w;
  helpAs(w, 'off');
  const life = leave(w);
  expect(routers.map((router) => reasons(router, 'refused'))).toEqual([['helping is off'], ['helping is off']]);
  net.run(5000);
  expect(routers.map((router) => router.instance.neighbors(net.now).length)).toEqual([1, 1]);
  const fresh = succeed(w, life);
  announce(net, fresh, VIP);
  net.run(4000);
  expect(fresh.instance.takeOver(net.now)).toBeUndefined();
  expect(h.instance.routes().some(({ prefix }) => prefix.address === ipv4(VIP))).toBe(true);
});

test('a router that has lost us meanwhile is Full before its next Hello: its description stands for it', () => {
  const w = world();
  const { net, d, routers } = w;
  helpAs(w, 'off');
  const life = leave(w);
  net.run(5000);
  for (const name of ['up0', 'up1']) {
    d.links.get(name)!.filter = (packet, from) => packet.body.kind !== 'hello' || from.name === d.name;
  }
  const since = net.now;
  const fresh = succeed(w, life);
  announce(net, fresh, VIP);
  net.run(900);
  for (const router of routers) expect(fresh.fullAt(router.config.routerId)! - since).toBeLessThan(50);
});

test('an agent that is killed asks for grace before it says Hello, and no route moves', () => {
  const w = world();
  const { net, d, routers, h } = w;
  const since = net.now;
  const life = lifeOf(d, net.now);
  net.kill(d);
  net.run(2500);
  const kinds: string[] = [];
  net.onSend = (from, { body }) => {
    if (from.name === d.name) kinds.push(body.kind);
  };
  const fresh = succeed(w, life);
  expect(kinds.slice(0, 2)).toEqual(['lsUpdate', 'hello']);
  net.at(net.now + 400, () => announce(net, fresh, VIP));
  net.run(6000);
  expect(routers.map((router) => reasons(router, 'entered')[0])).toEqual(['unknown', 'unknown']);
  expect(ended(fresh)).toEqual(['all adjacencies are full again']);
  expect(routeChanges([...routers, h], since)).toEqual([0, 0, 0]);
});

test('who never comes back is given up when the grace period is over, not before', () => {
  const w = world();
  const { net, routers } = w;
  const left = net.now;
  leave(w);
  net.run(GRACE - 3000);
  expect(routers.map((router) => router.instance.neighbors(net.now).length)).toEqual([2, 2]);
  net.runUntil(() => reasons(routers[0]!, 'left').length > 0, 4000);
  expect(net.now - left).toBeGreaterThan(GRACE - 2500);
  expect(reasons(routers[0]!, 'left')).toEqual(['its grace period is over']);
  net.run(100);
  expect(routers[0]!.instance.neighbors(net.now)).toHaveLength(1);
});

test.each([
  ['strict', 'the topology has changed: 1/10.0.9.1/10.0.9.1'],
  ['lenient', undefined],
] as const)('a change of the topology meanwhile, helper %s', (mode, reason) => {
  const w = world();
  const { net, routers, h } = w;
  helpAs(w, mode);
  leave(w);
  net.run(6000);
  announce(net, h, '198.51.100.1');
  net.run(3000);
  for (const router of routers) {
    expect(reasons(router, 'left')).toEqual(reason === undefined ? [] : [reason]);
    // The dead interval has long passed.
    expect(router.instance.neighbors(net.now)).toHaveLength(reason === undefined ? 2 : 1);
  }
});

test('a refresh is no change of the topology', () => {
  const w = world();
  const { net, routers } = w;
  leave(w, 1_800_000);
  // Every router refreshes its LSAs in this time.
  net.run(1_790_000);
  expect(routers.map((router) => reasons(router, 'left'))).toEqual([[], []]);
});

test('an LSA that ages out is one', () => {
  const w = world();
  const { net, routers, h } = w;
  const stranger = net.addNode('x', instanceConfig('10.0.7.1', [interfaceConfig('e')]));
  const link = new SimLink();
  net.configure(h, [...h.config.interfaces, interfaceConfig('r2')]);
  net.attach(link, stranger, 'e', '10.3.0.1', 30);
  net.attach(link, h, 'r2', '10.3.0.2', 30);
  net.run(6000);
  net.kill(stranger);
  net.run(MAX_AGE * 1000 - 60_000);
  leave(w, 1_800_000);
  net.run(120_000);
  expect(reasons(routers[0]!, 'left')).toEqual(['the topology has changed: 1/10.0.7.1/10.0.7.1']);
});

test('a change that the neighbor has not acknowledged is a reason not to help it, unless lenient', () => {
  for (const [mode, refused] of [
    ['strict', ['it has not acknowledged 1/10.0.9.1/10.0.9.1']],
    ['lenient', []],
  ] as const) {
    const w = world();
    const { net, d, routers, h } = w;
    helpAs(w, mode);
    d.links.get('up0')!.filter = ({ body }, from) => from !== d || body.kind !== 'lsAck';
    announce(net, h, '198.51.100.1');
    net.run(50);
    net.input(d, { kind: 'handOver', period: GRACE, reason: 'restart', sequence: INITIAL_SEQUENCE });
    net.run(100);
    expect(reasons(routers[0]!, 'refused')).toEqual(refused);
  }
});

test('the flush of the Grace-LSA ends the help, though nobody has been heard', () => {
  const w = world();
  const { net, d, routers } = w;
  const { sequence } = leave(w);
  net.run(1500);
  const grace = buildGraceLsa(
    { advertisingRouter: D, options: 0x42, sequence },
    { period: GRACE / 1000, reason: 'upgrade', address: undefined },
  );
  const flush = { ...grace, header: { ...grace.header, age: MAX_AGE }, bytes: withAge(grace, MAX_AGE) };
  const body = { kind: 'lsUpdate', lsas: [flush], skipped: [] } as const;
  const bytes = encodePacket({ header: { routerId: d.config.routerId, areaId: 0 }, body });
  const [source, destination] = [ipv4('10.1.0.1'), ipv4('224.0.0.5')];
  net.input(routers[0]!, { kind: 'packet', interface: 'd', source, destination, bytes });
  expect(reasons(routers[0]!, 'left')).toEqual(['it has finished its restart']);
});

test('a process that takes over and is then told to stop flushes what both have originated', () => {
  const w = world();
  const { net, h } = w;
  const fresh = succeed(w, leave(w));
  net.run(1500);
  net.input(fresh, { kind: 'stop' });
  net.run(2000);
  expect(ended(fresh)).toEqual(['told to stop']);
  expect(h.instance.lsdb(net.now).filter((row) => row.advertisingRouter === D && row.age < MAX_AGE)).toEqual([]);
  expect(w.routers.map((router) => graceLsas(router, net.now))).toEqual([[], []]);
});

test('a link that fails ends the help of the neighbor behind it', () => {
  const w = world();
  const { net, routers } = w;
  leave(w);
  net.down(routers[0]!, 'd');
  expect(reasons(routers[0]!, 'left')).toEqual(['llDown']);
});

test('switching the help off ends it', () => {
  const w = world();
  leave(w);
  helpAs(w, 'off');
  expect(reasons(w.routers[0]!, 'left')).toEqual(['helping is off']);
});

test('a router that has dropped us is not waited for: its LSA lists us no longer', () => {
  const w = world();
  const { net, d, routers } = w;
  helpAs(w, 'lenient');
  net.input(routers[1]!, { kind: 'helper', mode: 'off' });
  const life = leave(w);
  net.run(5000);
  // It will not have us back.
  d.links.get('up1')!.filter = () => false;
  const fresh = succeed(w, life);
  announce(net, fresh, VIP);
  net.run(1900);
  expect(ended(fresh)).toEqual(['10.0.1.2 on up1 lists us no longer']);
  expect(fresh.fullAt(R1)).toBeDefined();
});

test('a router that is gone is waited for one dead interval', () => {
  const w = world();
  const { net, routers } = w;
  helpAs(w, 'lenient');
  const life = leave(w);
  const since = net.now;
  // The other router does not find out: nothing tells it.
  net.kill(routers[1]!);
  net.kill(w.h);
  const fresh = succeed(w, life);
  announce(net, fresh, VIP);
  net.run(6000);
  expect(ended(fresh)).toEqual(['10.0.1.2 on up1 does not answer']);
  expect(fresh.logged('restart').at(-1)!.at - since).toBeLessThan(4100);
});

test('the grace period ends a restart that does not come to an end', () => {
  const w = world();
  const { net, d } = w;
  const life = leave(w, 10_000);
  net.run(2000);
  // The exchange with one router never ends.
  d.links.get('up1')!.filter = ({ body }, from) => body.kind !== 'lsUpdate' || from.name === d.name;
  const fresh = succeed(w, life);
  announce(net, fresh, VIP);
  net.run(9000);
  expect(ended(fresh)).toEqual(['the grace period is over']);
});

test('a planned restart is over at once for a process that comes too late', () => {
  const w = world();
  const life = leave(w, 5000);
  w.net.run(6000);
  const fresh = succeed(w, life);
  expect(fresh.logged('restart')).toEqual([]);
  expect(fresh.instance.takeOver(w.net.now)).toBeUndefined();
});

/** A LAN of four; `dr` is DR, `bdr` BDR; then two others. */
function lan() {
  const net = new Network();
  const link = new SimLink();
  const nodes = [3, 2, 1, 0].map((priority, at) => {
    const id = `10.0.0.${at + 1}`;
    return net.addNode(id, instanceConfig(id, [interfaceConfig('lan', { network: 'broadcast', priority })]));
  });
  for (const [at, node] of nodes.entries()) net.attach(link, node, 'lan', `192.0.2.${at + 1}`, 24);
  net.run(12_000);
  for (const [at, node] of nodes.entries()) announce(net, node, `203.0.113.${at + 1}`);
  net.run(6000);
  return { net, nodes };
}

test.each([
  ['the DR', 0],
  ['the BDR', 1],
  ['DROther', 2],
  ['DROther that may never be DR', 3],
])('on a LAN %s restarts: nobody elects anew and no route moves', (_who, at) => {
  const { net, nodes } = lan();
  const node = nodes[at]!;
  const others = nodes.filter((other) => other !== node);
  const designated = () => others.map((other) => other.instance.interfaces()[0]!.designatedRouter);
  const before = designated();
  expect(new Set(before)).toEqual(new Set([ipv4('192.0.2.1')]));
  const since = net.now;
  const life = lifeOf(node, net.now, { planned: true, until: net.now + GRACE });
  net.input(node, { kind: 'handOver', period: GRACE, reason: 'restart', sequence: life.sequence });
  net.run(1000);
  net.kill(node);
  net.run(9000);
  const fresh = net.replace(node, 99, life);
  announce(net, fresh, `203.0.113.${at + 1}`);
  net.run(12_000);
  expect(designated()).toEqual(before);
  expect(routeChanges(others, since)).toEqual([0, 0, 0]);
  expect(ended(fresh)).toEqual(['all adjacencies are full again']);
  expect(fresh.instance.interfaces()[0]!.state).toBe(node.instance.interfaces()[0]!.state);
});

test('a DR that does not know that it was learns it from its neighbors', () => {
  const { net, nodes } = lan();
  const node = nodes[0]!;
  const life = lifeOf(node, net.now, { planned: true, until: net.now + GRACE });
  net.input(node, { kind: 'handOver', period: GRACE, reason: 'restart', sequence: life.sequence });
  net.run(6000);
  net.kill(node);
  const interfaces = life.interfaces.map((one) => ({ ...one, designatedRouter: 0, backupDesignatedRouter: 0 }));
  const fresh = net.replace(node, 99, { ...life, interfaces });
  announce(net, fresh, '203.0.113.1');
  net.run(1500);
  expect(fresh.instance.interfaces()[0]!.state).toBe('dr');
  expect(nodes[1]!.instance.interfaces()[0]!.designatedRouter).toBe(ipv4('192.0.2.1'));
});

test('who is helped is told apart', () => {
  const w = world();
  leave(w);
  const rows = w.routers[0]!.instance.neighbors(w.net.now);
  expect(rows.map(({ helpedFor }) => helpedFor !== undefined).sort()).toEqual([false, true]);
});
