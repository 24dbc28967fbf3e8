/** What strangers and neighbors gone wild can make us store has an end. */
import { expect, test } from 'vitest';
import { formatIpv4, type Ipv4, ipv4 } from '../../src/core/base/ipv4.ts';
import { helloOptions } from '../../src/core/ospf/area.ts';
import { ALL_SPF_ROUTERS, DdFlag, INITIAL_SEQUENCE, LsType, MAX_AGE, Option } from '../../src/core/ospf/codes.ts';
import type { OspfEffect } from '../../src/core/ospf/events.ts';
import { MOST_NEIGHBORS } from '../../src/core/ospf/interface/hello.ts';
import { buildLsa } from '../../src/core/ospf/lsa/codec.ts';
import type { Lsa, LsaHeader } from '../../src/core/ospf/lsa/lsa.ts';
import { MOST_LSAS } from '../../src/core/ospf/lsdb/lsdb.ts';
import { encodePacket } from '../../src/core/ospf/packet/codec.ts';
import type { PacketBody } from '../../src/core/ospf/packet/packet.ts';
import { THOROUGH } from '../sizes.ts';
import { instanceConfig, interfaceConfig, Network, SimLink, type SimNode } from './network.ts';
import { announce, hostsSeen, pair } from './topologies.ts';

/** What a node makes of a packet from a router. */
function receive(net: Network, node: SimNode, routerId: Ipv4, source: Ipv4, body: PacketBody): readonly OspfEffect[] {
  const bytes = encodePacket({ header: { routerId, areaId: 0 }, body });
  const [name] = node.links.keys();
  const packet = { kind: 'packet', interface: name!, source, destination: ALL_SPF_ROUTERS, bytes } as const;
  return node.instance.handle(packet, net.now);
}

function hello(networkMask: Ipv4): PacketBody {
  const none = { designatedRouter: 0, backupDesignatedRouter: 0, neighbors: [] };
  const intervals = { helloInterval: 1, deadInterval: 4 };
  return { kind: 'hello', networkMask, options: helloOptions('normal'), priority: 0, ...intervals, ...none };
}

test.each(['broadcast', 'point-to-point'] as const)(
  'Hellos from ever new strangers (%s): a bounded number of neighbors, the rest dropped and counted',
  (network) => {
    const net = new Network();
    const us = net.addNode('us', instanceConfig('10.0.0.9', [interfaceConfig('lan', { network })]));
    net.attach(new SimLink(), us, 'lan', '10.8.0.1', 16);
    const strange = (n: number) => receive(net, us, ipv4('172.16.0.0') + n, ipv4('10.8.1.0') + n, hello(0xffff0000));
    for (let n = 0; n < MOST_NEIGHBORS; n++) strange(n);
    const effects = strange(MOST_NEIGHBORS);
    expect(effects).toEqual([
      {
        kind: 'dropped',
        interface: 'lan',
        source: ipv4('10.8.1.0') + MOST_NEIGHBORS,
        reason: 'tooManyNeighbors',
        detail: '172.16.1.0 would be one too many',
      },
    ]);
    expect(us.instance.neighbors(net.now)).toHaveLength(MOST_NEIGHBORS);
    // Who is known already is heard as before, and when the strangers have died there is room again.
    net.run(3000);
    strange(0);
    net.run(3000);
    expect(us.instance.neighbors(net.now)).toHaveLength(1);
    strange(MOST_NEIGHBORS);
    expect(us.instance.neighbors(net.now)).toHaveLength(2);
    expect(us.instance.counters().dropped.tooManyNeighbors).toBe(1);
  },
);

const STRANGER = ipv4('172.16.0.1');
const B = ipv4('10.0.0.2');
/** Filling the database that the product has takes a second. */
const LIMITS = THOROUGH ? [2000, MOST_LSAS] : [2000];

function external(n: number, age = 1): Lsa {
  const header = { type: LsType.asExternal, id: n * 256, advertisingRouter: STRANGER, age, options: Option.e };
  const body = { kind: 'external', mask: 0xffffff00, e2: true, metric: 1, forwardingAddress: 0, tag: 0 } as const;
  return buildLsa({ ...header, sequence: INITIAL_SEQUENCE }, body);
}

/** Two Full routers; `a` is then flooded with external LSAs in b's packets until its database is full. */
function filledPair(limit: number) {
  // The product's own bound is the one that nobody has to ask for.
  const { net, a, b, link } = pair(limit === MOST_LSAS ? {} : { lsdbLimit: limit });
  net.run(5000);
  const flood = (lsas: readonly Lsa[]) => receive(net, a, B, ipv4('10.1.0.2'), { kind: 'lsUpdate', lsas, skipped: [] });
  const free = limit - a.instance.lsdb(net.now).length;
  for (let n = 0; n < free; n += 30) {
    flood(Array.from({ length: Math.min(30, free - n) }, (_, at) => external(n + at)));
  }
  return { net, a, b, link, flood, free };
}

test.each(LIMITS)(
  'a database full of %i LSAs takes no more; they are not acknowledged, what is there is renewed and flushed',
  (limit) => {
    const { net, a, b, flood, free } = filledPair(limit);
    expect(a.instance.counters().dropped).toEqual({});
    const refused = () => a.instance.counters().dropped.lsdbFull ?? 0;
    expect(flood([external(free)])).toEqual([
      {
        kind: 'dropped',
        interface: 'eth1',
        source: ipv4('10.1.0.2'),
        reason: 'lsdbFull',
        detail: `5/${formatIpv4(external(free).header.id)}/172.16.0.1: ${limit} LSAs are there`,
      },
    ]);
    expect(refused()).toBe(1);
    // Our own are no strangers' to refuse, and the peer's is renewed.
    announce(net, a, '203.0.113.10');
    announce(net, b, '203.0.113.20');
    net.run(2000);
    expect(hostsSeen(net, b, '10.0.0.1')).toHaveLength(1);
    expect(hostsSeen(net, a, '10.0.0.2')).toHaveLength(1);
    // With one gone there is room for another.
    flood([external(0, MAX_AGE)]);
    net.run(11_000);
    expect(flood([external(free)])).toEqual([]);
    expect(refused()).toBe(1);
  },
);

test.each(LIMITS)(
  'a database full of %i LSAs does not keep an adjacency from becoming Full: what finds no room is asked for no more',
  (limit) => {
    const { net, a, b, flood, free } = filledPair(limit);
    net.run(2000);
    flood([external(0, MAX_AGE)]);
    net.run(11_000);
    net.kill(b);
    const from = (body: PacketBody) => receive(net, a, B, ipv4('10.1.0.2'), body);
    const dd = (flags: number, sequence: number, headers: readonly LsaHeader[]) =>
      from({ kind: 'dbDescription', interfaceMtu: 1500, options: Option.e | Option.o, flags, sequence, headers });
    const state = () => a.instance.neighbors(net.now).map(({ state, requests }) => `${state} ${requests}`)[0];
    dd(DdFlag.init | DdFlag.more | DdFlag.masterSlave, 1000, []);
    // There is room for one of these.
    dd(DdFlag.more | DdFlag.masterSlave, 1001, [external(free).header, external(free + 1).header]);
    expect(state()).toBe('exchange 1');
    flood([external(free + 2)]);
    for (let sequence = 1002; state() === 'exchange 1'; sequence++) dd(DdFlag.masterSlave, sequence, []);
    expect(state()).toBe('loading 1');
    flood([external(free)]);
    expect(state()).toBe('full 0');
    expect(a.instance.counters().dropped).toEqual({ lsdbFull: 2 });
  },
);
