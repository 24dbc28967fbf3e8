import { expect, test } from 'vitest';
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { ALL_SPF_ROUTERS } from '../../src/core/ospf/codes.ts';
import type { RouterLsaBody } from '../../src/core/ospf/lsa/lsa.ts';
import { encodePacket } from '../../src/core/ospf/packet/codec.ts';
import type { Packet } from '../../src/core/ospf/packet/packet.ts';
import { databaseOf, instanceConfig, interfaceConfig, lifeOf, Network, SimLink, type SimNode } from './network.ts';
import { announce, hostsSeen, pair } from './topologies.ts';

const A = ipv4('10.0.0.1');
const B = ipv4('10.0.0.2');

/** When `from` sent which instances of its own router-LSA, with the router ids it had point-to-point links to. */
function watchRouterLsas(net: Network, from: SimNode) {
  const seen: { at: number; sequence: number; to: number[] }[] = [];
  net.onSend = (node, packet) => {
    if (node !== from || packet.body.kind !== 'lsUpdate') return;
    for (const { header, body } of packet.body.lsas) {
      if (header.type !== 1 || header.advertisingRouter !== from.config.routerId) continue;
      const links = (body as RouterLsaBody).links.filter(({ type }) => type === 1);
      seen.push({ at: net.now, sequence: header.sequence, to: links.map(({ id }) => id) });
    }
  };
  return seen;
}

test('two routers on a point-to-point link are Full within 5 ms when nobody holds', () => {
  const { net, a, b } = pair({ holdLimit: 0 }, { holdLimit: 0 });
  net.run(3000);
  expect(a.fullAt(B)).toBeLessThan(5);
  expect(b.fullAt(A)).toBeLessThan(5);
  expect(databaseOf(a, net.now)).toEqual(databaseOf(b, net.now));
});

test('a far end that comes up 200 ms later is met by the burst of Hellos, not by the next regular one', () => {
  const net = new Network();
  const link = new SimLink();
  const a = net.addNode('a', instanceConfig('10.0.0.1', [interfaceConfig('eth1', { helloInterval: 10_000 })]));
  const silent = interfaceConfig('eth1', { helloInterval: 10_000 });
  const b = net.addNode('b', instanceConfig('10.0.0.2', [silent], { holdLimit: 0 }));
  net.attach(link, a, 'eth1', '10.1.0.1', 30);
  // b's own first Hello is lost, so that only a's can start it.
  link.filter = (packet, from) => !(from === b && packet.body.kind === 'hello' && packet.body.neighbors.length === 0);
  net.run(200);
  net.attach(link, b, 'eth1', '10.1.0.2', 30);
  net.run(5000);
  expect(a.fullAt(B)).toBeGreaterThan(200);
  expect(a.fullAt(B)).toBeLessThan(310);
});

test('hold: the first instance of our router-LSA that the peer gets has the link to it, at the moment we are Full', () => {
  const { net, a } = pair({}, { holdLimit: 0 });
  const seen = watchRouterLsas(net, a);
  net.run(1000);
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatchObject({ to: [B], at: a.fullAt(B) });
});

test('hold: with two uplinks a few milliseconds apart, each peer first gets an instance with its own link', () => {
  const net = new Network();
  const uplinks = ['eth1', 'eth2'].map((name) => interfaceConfig(name));
  const us = net.addNode('us', instanceConfig('10.0.0.9', uplinks));
  const peers = ['10.0.0.1', '10.0.0.2'].map((id) =>
    net.addNode(id, instanceConfig(id, [interfaceConfig('eth1')], { holdLimit: 0 })),
  );
  const first = new Map<string, number[]>();
  const links = peers.map((peer, at) => {
    const link = new SimLink();
    link.quality = { delay: 1 + 6 * at, jitter: 0, loss: 0, duplication: 0 };
    link.filter = (packet, from, to) => {
      if (from !== us || packet.body.kind !== 'lsUpdate' || first.has(to.name)) return true;
      const own = packet.body.lsas.find(({ header }) => header.advertisingRouter === us.config.routerId);
      const links = own === undefined ? [] : (own.body as RouterLsaBody).links;
      if (own !== undefined)
        first.set(
          to.name,
          links.filter(({ type }) => type === 1).map(({ id }) => id),
        );
      return true;
    };
    net.attach(link, peer, 'eth1', `10.1.${at}.1`, 30);
    return link;
  });
  for (const [at, link] of links.entries()) net.attach(link, us, `eth${at + 1}`, `10.1.${at}.2`, 30);
  net.run(500);
  expect(us.fullAt(A)).not.toBe(us.fullAt(B));
  expect(first.get('10.0.0.1')).toContain(A);
  expect(first.get('10.0.0.2')).toContain(B);
});

test.each([
  ['the first prefix is announced', 700, 700],
  ['the limit has passed, for want of a prefix', undefined, 2000],
])('firstAnnounceLimit: adjacencies wait in Loading until %s', (_until, announceAt, fullAt) => {
  const { net, a, b } = pair({ firstAnnounceLimit: 2000 }, { holdLimit: 0 });
  const seen = watchRouterLsas(net, a);
  if (announceAt !== undefined) net.at(announceAt, () => announce(net, a, '203.0.113.10'));
  net.run(fullAt - 1);
  expect(a.instance.neighbors(net.now)[0]?.state).toBe('loading');
  expect(seen).toEqual([]);
  net.run(500);
  expect(a.fullAt(B)).toBe(fullAt);
  expect(seen).toMatchObject([{ at: fullAt, to: [B] }]);
  expect(hostsSeen(net, b, '10.0.0.1')).toHaveLength(announceAt === undefined ? 0 : 1);
});

test('two speakers that hold their answers for each other are Full soon after the hold limit', () => {
  const { net, a, b } = pair({ holdLimit: 300 }, { holdLimit: 300 });
  net.run(3000);
  expect(a.fullAt(B)).toBeLessThan(310);
  expect(b.fullAt(A)).toBeLessThan(310);
  expect(databaseOf(a, net.now)).toEqual(databaseOf(b, net.now));
});

test('a larger MTU of the peer stops the exchange and is counted; mtuIgnore lets it through', () => {
  const met = (mtuIgnore: boolean) => {
    const net = new Network();
    const link = new SimLink();
    const a = net.addNode('a', instanceConfig('10.0.0.1', [interfaceConfig('eth1', { mtuIgnore })]));
    const b = net.addNode('b', instanceConfig('10.0.0.2', [interfaceConfig('eth1')]));
    net.attach(link, a, 'eth1', '10.1.0.1', 30);
    net.attach(link, b, 'eth1', '10.1.0.2', 30);
    net.up(b, 'eth1', 9000);
    net.run(5000);
    return { state: a.instance.neighbors(net.now)[0]?.state, drops: a.instance.counters().dropped.mtu ?? 0 };
  };
  expect(met(false).state).toBe('exStart');
  expect(met(false).drops).toBeGreaterThan(0);
  expect(met(true)).toEqual({ state: 'full', drops: 0 });
});

test('a Hello with other intervals is refused with the detail of what differs', () => {
  const net = new Network();
  const link = new SimLink();
  const a = net.addNode('a', instanceConfig('10.0.0.1', [interfaceConfig('eth1')]));
  const b = net.addNode('b', instanceConfig('10.0.0.2', [interfaceConfig('eth1', { deadInterval: 8000 })]));
  net.attach(link, a, 'eth1', '10.1.0.1', 30);
  net.attach(link, b, 'eth1', '10.1.0.2', 30);
  net.run(2000);
  expect(a.instance.neighbors(net.now)).toEqual([]);
  expect(a.logged('dropped')[0]?.effect).toMatchObject({
    reason: 'helloMismatch',
    detail: 'dead interval 8 s, ours is 4 s',
  });
});

test('a second router with our router id is reported, and no adjacency comes of it', () => {
  const net = new Network();
  const link = new SimLink();
  const nodes = ['a', 'b'].map((name) => net.addNode(name, instanceConfig('10.0.0.1', [interfaceConfig('eth1')])));
  for (const [at, node] of nodes.entries()) net.attach(link, node, 'eth1', `10.1.0.${at + 1}`, 30);
  net.run(2000);
  expect(nodes[0]!.instance.neighbors(net.now)).toEqual([]);
  expect(nodes[0]!.instance.counters().dropped.duplicateRouterId).toBeGreaterThan(0);
  expect(nodes[0]!.logged('dropped')[0]?.effect).toMatchObject({
    interface: 'eth1',
    source: ipv4('10.1.0.2'),
    reason: 'duplicateRouterId',
    detail: '10.1.0.2 has our router id 10.0.0.1',
  });
});

/** A router in the middle, r, with one at each end. */
function chain(idOfA: string, idOfB: string) {
  const net = new Network();
  const r = net.addNode('r', instanceConfig('10.0.0.3', [interfaceConfig('eth1'), interfaceConfig('eth2')]));
  const ends = [idOfA, idOfB].map((id, at) => {
    const link = new SimLink();
    const end = net.addNode(`end${at}`, instanceConfig(id, [interfaceConfig('eth1')], { seed: at + 1 }));
    net.attach(link, r, `eth${at + 1}`, `10.1.${at}.1`, 30);
    net.attach(link, end, 'eth1', `10.1.${at}.2`, 30);
    return end;
  });
  return { net, ends };
}

const impostors = (node: SimNode) =>
  node.logged('dropped').filter(({ effect }) => effect.reason === 'duplicateRouterId');

test('a router with our router id elsewhere in the area is reported within seconds, by both', () => {
  const { net, ends } = chain('10.0.0.1', '10.0.0.1');
  net.run(15_000);
  for (const end of ends) {
    expect(impostors(end)[0]?.effect.detail).toBe('another router of the area has our router id 10.0.0.1');
  }
});

test('what an earlier life of ours has left in the area is no other router', () => {
  const { net, ends } = chain('10.0.0.1', '10.0.0.2');
  for (let n = 0; n < 5; n++) {
    net.run(2000 * n + 300);
    announce(net, ends[0]!, `203.0.113.${n}`);
    ends[0] = net.replace(ends[0]!, n);
  }
  net.run(20_000);
  expect(ends[0]!.instance.neighbors(net.now)[0]?.state).toBe('full');
  expect(net.nodes.flatMap(impostors)).toEqual([]);
});

test('a peer that falls silent is dead after the dead interval, not before', () => {
  const { net, a, b } = pair();
  net.run(3500);
  net.kill(b);
  const lastHello = net.now;
  net.run(5000);
  const gone = a.logged('neighborChanged').findLast(({ effect }) => effect.to === 'down');
  expect(gone?.effect.reason).toBe('inactivityTimer');
  expect(gone!.at - lastHello).toBeGreaterThan(3000);
  expect(gone!.at - lastHello).toBeLessThanOrEqual(4000);
});

test('an interface that goes down takes its neighbors along at once, and comes back by itself', () => {
  const { net, a, b } = pair();
  net.run(2000);
  net.down(a, 'eth1');
  expect(a.instance.neighbors(net.now)).toEqual([]);
  expect(a.instance.interfaces()[0]).toMatchObject({ state: 'down', address: undefined });
  net.run(500);
  net.up(a, 'eth1');
  expect(net.runUntil(() => a.instance.neighbors(net.now)[0]?.state === 'full', 400)).toBe(true);
  net.run(3000);
  expect(databaseOf(a, net.now)).toEqual(databaseOf(b, net.now));
});

test('an interface with a new address starts over and announces the new network', () => {
  const { net, a } = pair();
  net.run(2000);
  net.input(a, {
    kind: 'interfaceUp',
    name: 'eth1',
    address: ipv4('10.9.0.1'),
    prefixLength: 24,
    mtu: 1500,
    ifindex: 2,
  });
  const states = a.logged('interfaceChanged').map(({ effect }) => effect.to);
  expect(states).toEqual(['pointToPoint', 'down', 'pointToPoint']);
  net.run(2000);
  const own = a.instance.lsdb(net.now).find(({ own: ours }) => ours);
  expect(own?.summary).toContain('stub 10.9.0.0/24 metric 10');
});

test('saying again that the interface is up changes nothing', () => {
  const { net, a } = pair();
  net.run(2000);
  const before = a.log.length;
  net.up(a, 'eth1');
  net.run(500);
  expect(a.log.length).toBe(before);
});

test('a shell that was stalled and serves its timers late does not lose a neighbor whose Hellos are waiting', () => {
  const { net, link, a, b } = pair();
  net.run(3000);
  // Ten seconds in which a is not called at all; b's Hellos pile up in its socket.
  const waiting: (() => void)[] = [];
  link.filter = (packet, from) => {
    if (from !== b) return false;
    const bytes = encodePacket(packet);
    const [source, destination] = [ipv4('10.1.0.2'), ALL_SPF_ROUTERS];
    waiting.push(() => net.input(a, { kind: 'packet', interface: 'eth1', source, destination, bytes }));
    return false;
  };
  a.running = false;
  net.run(3900);
  a.running = true;
  link.filter = undefined;
  net.now += 3000;
  net.input(a, { kind: 'timer' });
  for (const read of waiting) read();
  net.run(3000);
  expect(a.logged('neighborChanged').filter(({ effect }) => effect.reason === 'inactivityTimer')).toEqual([]);
});

test.each(['lower', 'higher'])(
  'a peer with the %s router id that starts the exchange over is followed at once',
  (which) => {
    const { net, link, a, b } = pair({ holdLimit: 0 }, { holdLimit: 0 });
    net.run(5000);
    // A request for what its peer has never heard of throws the peer's adjacency back to ExStart.
    const [by, victim] = which === 'lower' ? [b, a] : [a, b];
    const request = { type: 5, id: 1, advertisingRouter: 1 };
    const header = { routerId: by.config.routerId, areaId: 0 };
    const bytes = encodePacket({ header, body: { kind: 'lsRequest', requests: [request] } });
    const source = ipv4(by === a ? '10.1.0.1' : '10.1.0.2');
    const before = net.now;
    net.input(victim, { kind: 'packet', interface: 'eth1', source, destination: ALL_SPF_ROUTERS, bytes });
    expect(victim.instance.neighbors(net.now)[0]?.state).toBe('exStart');
    link.quality = { delay: 1, jitter: 0, loss: 0, duplication: 0 };
    net.run(500);
    for (const [node, peer] of [
      [a, B],
      [b, A],
    ] as const) {
      expect(node.instance.neighbors(net.now)[0]?.state).toBe('full');
      expect(node.fullAt(peer)! - before).toBeLessThan(20);
    }
  },
);

test('bytes that arrive in a Buffer which is used again afterwards do not change the database', () => {
  const { net, a, b } = pair();
  const memory = Buffer.alloc(2000);
  const handle = b.instance.handle.bind(b.instance);
  b.instance.handle = (input, now) => {
    if (input.kind !== 'packet') return handle(input, now);
    memory.set(input.bytes);
    const effects = handle({ ...input, bytes: memory.subarray(0, input.bytes.length) }, now);
    memory.fill(0xff);
    return effects;
  };
  net.run(3000);
  const fresh = net.replace(a);
  net.run(6000);
  expect(databaseOf(fresh, net.now)).toEqual(databaseOf(b, net.now));
  expect(databaseOf(b, net.now)).toHaveLength(2);
  expect(fresh.instance.counters().dropped.lsa).toBeUndefined();
});

test.each([
  ['remembered', true],
  ['not remembered', false],
])('after a crash the peer is without the adjacency for less than 10 ms if it is %s', (_how, remembered) => {
  const { net, link, a, b } = pair({ holdLimit: 0 }, { holdLimit: 0 });
  link.filter = onlyRegularHellos(net, b, 5000);
  net.run(5300);
  net.replace(a, 99, remembered ? lifeOf(a, net.now) : undefined);
  const notFull = () => b.instance.neighbors(net.now)[0]?.state !== 'full';
  expect(net.runUntil(notFull, 2000)).toBe(true);
  const lostAt = net.now;
  expect(net.runUntil(() => !notFull(), 2000)).toBe(true);
  expect(net.now - lostAt).toBeLessThan(10);
});

/** As other implementations do: `node` does not answer a Hello at once, the next regular one has to do. */
function onlyRegularHellos(net: Network, node: SimNode, since: number): SimLink['filter'] {
  let last = since;
  return (packet, from) => {
    if (net.now < since || from !== node || packet.body.kind !== 'hello') return true;
    if (net.now < last + 900) return false;
    last = net.now;
    return true;
  };
}

test.each([
  ['higher', '10.0.0.9'],
  ['lower', '10.0.0.1'],
])('a router that answers no stranger is met before its next Hello; ours is the %s router id', (_which, routerId) => {
  const net = new Network();
  const link = new SimLink();
  const a = net.addNode('a', instanceConfig(routerId, [interfaceConfig('eth1')]));
  const b = net.addNode('b', instanceConfig('10.0.0.2', [interfaceConfig('eth1')], { holdLimit: 0 }));
  link.filter = onlyRegularHellos(net, b, 0);
  // Nor does it open an exchange with somebody whom it has not heard.
  const opensUnasked = (packet: Packet) =>
    packet.body.kind === 'dbDescription' && b.instance.neighbors(net.now).length === 0;
  const regular = link.filter!;
  link.filter = (packet, from, to) => regular(packet, from, to) && !(from === b && opensUnasked(packet));
  net.attach(link, b, 'eth1', '10.1.0.2', 30);
  net.run(1200);
  net.attach(link, a, 'eth1', '10.1.0.1', 30);
  net.run(6000);
  expect(a.fullAt(B)! - 1200).toBeLessThan(10);
  expect(a.logged('neighborChanged').filter(({ effect }) => effect.from === 'full')).toEqual([]);
  expect(databaseOf(a, net.now)).toEqual(databaseOf(b, net.now));
});

test('a description proves nothing from a router whose Hello did not match', () => {
  const net = new Network();
  const link = new SimLink();
  const a = net.addNode('a', instanceConfig('10.0.0.1', [interfaceConfig('eth1')]));
  const b = net.addNode('b', instanceConfig('10.0.0.2', [interfaceConfig('eth1', { deadInterval: 8000 })]));
  net.attach(link, a, 'eth1', '10.1.0.1', 30);
  net.attach(link, b, 'eth1', '10.1.0.2', 30);
  net.run(2000);
  expect(a.instance.counters().sent.dbDescription + b.instance.counters().sent.dbDescription).toBeLessThanOrEqual(2);
  expect([...a.instance.neighbors(net.now), ...b.instance.neighbors(net.now)]).toEqual([]);
});

test('who is remembered but never heard is listed for a dead interval, and no longer', () => {
  const net = new Network();
  const a = net.addNode('a', instanceConfig('10.0.0.1', [interfaceConfig('eth1')]));
  const link = new SimLink();
  link.ports.push({ node: a, interface: 'eth1', address: ipv4('10.1.0.1'), prefixLength: 30, inAllDRouters: false });
  a.links.set('eth1', link);
  const listedAt: number[] = [];
  net.onSend = (_from, { body }) => {
    if (body.kind === 'hello' && body.neighbors.includes(B)) listedAt.push(net.now);
  };
  const nobody = { designatedRouter: 0, backupDesignatedRouter: 0 };
  const interfaces = [{ interface: 'eth1', routerIds: [B], ...nobody }];
  net.input(a, { kind: 'takeOver', ...lifeOf(a, 0, { interfaces }) });
  net.up(a, 'eth1');
  net.run(10_000);
  expect(listedAt[0]).toBe(0);
  expect(listedAt.at(-1)).toBeGreaterThan(3000);
  expect(listedAt.at(-1)).toBeLessThan(4000);
});
