/** Area types, and prefixes announced in LSAs of their own (RFC 2328 3.6, 12.4.4; RFC 3101). */
import { describe, expect, test } from 'vitest';
import { ipv4, parsePrefix } from '../../src/core/base/ipv4.ts';
import type { AreaType } from '../../src/core/model/routing.ts';
import { ALL_SPF_ROUTERS, INITIAL_SEQUENCE, LsType, Option } from '../../src/core/ospf/codes.ts';
import type { AnnouncedPrefix, InstanceConfig } from '../../src/core/ospf/events.ts';
import { buildLsa } from '../../src/core/ospf/lsa/codec.ts';
import type { Lsa, LsaBody } from '../../src/core/ospf/lsa/lsa.ts';
import { encodePacket } from '../../src/core/ospf/packet/codec.ts';
import { databaseOf, instanceConfig, interfaceConfig, Network, SimLink, type SimNode } from './network.ts';
import { agree, pair } from './topologies.ts';

const A = ipv4('10.0.0.1');
const B = ipv4('10.0.0.2');
const VIP = '203.0.113.10';
const VIP2 = '203.0.113.11';

/** `a.b.c.d/len metric N`, in an LSA of its own. */
function alone(text: string, kind: 'external' | 'nssa' = 'external', metricType: 1 | 2 = 1, tag = 0): AnnouncedPrefix {
  const [prefix, , metric] = text.split(' ');
  const written = prefix!.includes('/') ? prefix! : `${prefix}/32`;
  return { prefix: parsePrefix(written)!, metric: Number(metric ?? 1), lsa: { kind, metricType, tag } };
}

function announce(net: Network, node: SimNode, ...prefixes: readonly AnnouncedPrefix[]): void {
  net.input(node, { kind: 'announce', prefixes });
}

/** Two Full routers whose floors have long passed. */
function settled(settings: Partial<InstanceConfig> = {}) {
  const network = pair(settings, settings);
  network.net.run(5000);
  expect(network.a.fullAt(B)).toBeDefined();
  return network;
}

/** What a node's database says in force, of one type, e.g. `203.0.113.10/32 E1 metric 7`. */
function seen(net: Network, at: SimNode, type: number): string[] {
  const rows = at.instance.lsdb(net.now).filter((row) => row.type === type && row.age < 3600);
  return rows.flatMap(({ summary }) => summary);
}

/** Milliseconds until a node's database says exactly this of types 5 and 7. */
function timeUntil(net: Network, at: SimNode, ...lines: readonly string[]): number {
  const from = net.now;
  const said = () => [...seen(net, at, 5), ...seen(net, at, 7)].sort().join();
  const wanted = [...lines].sort().join();
  expect(
    net.runUntil(() => said() === wanted, 10_000),
    `${wanted} rather than ${said()}`,
  ).toBe(true);
  return net.now - from;
}

function inject(net: Network, from: SimNode, to: SimNode, lsas: readonly Lsa[]): void {
  const header = { routerId: from.config.routerId, areaId: 0 };
  const bytes = encodePacket({ header, body: { kind: 'lsUpdate', lsas, skipped: [] } });
  const source = ipv4(from.name === 'a' ? '10.1.0.1' : '10.1.0.2');
  net.input(to, { kind: 'packet', interface: 'eth1', source, destination: ALL_SPF_ROUTERS, bytes });
}

function foreign(type: number, id: string, body: LsaBody, options: number = Option.e): Lsa {
  const key = { type, id: ipv4(id), advertisingRouter: B };
  return buildLsa({ ...key, age: 1, options, sequence: INITIAL_SEQUENCE }, body);
}

const external = (metric = 1) =>
  ({ kind: 'external', mask: 0xffffffff, e2: false, metric, forwardingAddress: 0, tag: 0 }) as const;

const AREA_TYPES: readonly AreaType[] = ['normal', 'stub', 'nssa'];
const NAMES = { normal: 'a normal area', stub: 'a stub area', nssa: 'an NSSA' };

describe('routers that disagree about the type of their area never become neighbors', () => {
  for (const ours of AREA_TYPES) {
    test.each(AREA_TYPES)(`${ours} and %s`, (theirs) => {
      const { net, a } = pair({ areaType: ours }, { areaType: theirs });
      net.run(3000);
      if (ours === theirs) expect(a.fullAt(B)).toBeLessThan(1000);
      else {
        expect(a.instance.neighbors(net.now)).toEqual([]);
        expect(a.logged('dropped')[0]?.effect).toMatchObject({
          reason: 'helloMismatch',
          detail: `area type: to the neighbor this is ${NAMES[theirs]}, to us ${NAMES[ours]}`,
        });
      }
    });
  }
});

describe.each([
  ['stub', [LsType.asExternal, LsType.nssa, LsType.summaryAsbr, LsType.opaqueAs], LsType.summaryNetwork],
  ['nssa', [LsType.asExternal, LsType.summaryAsbr, LsType.opaqueAs], LsType.nssa],
  ['normal', [LsType.nssa], LsType.asExternal],
] as const)('an area of type %s', (areaType, unwelcome, welcome) => {
  test('drops LSAs that do not belong into it, each alone; the adjacency stays', () => {
    const { net, a, b } = settled({ areaType });
    const bodyOf = (type: number): LsaBody => {
      if (type === LsType.opaqueAs) return { kind: 'opaque' };
      const summary = type === LsType.summaryAsbr || type === LsType.summaryNetwork;
      return summary ? { kind: 'summary', mask: 0xffffffff, metric: 1 } : external();
    };
    const bad = unwelcome.map((type, n) => foreign(type, `198.51.100.${n}`, bodyOf(type)));
    inject(net, b, a, [...bad, foreign(welcome, '198.51.100.9', bodyOf(welcome))]);
    expect(a.instance.counters().dropped).toMatchObject({ lsa: bad.length });
    expect(a.instance.lsdb(net.now).filter(({ id }) => id >>> 8 === ipv4('198.51.100.0') >>> 8)).toMatchObject([
      { type: welcome },
    ]);
    net.run(1000);
    expect(a.instance.neighbors(net.now)).toMatchObject([{ state: 'full' }]);
  });
});

test('option bits: E in a normal area, N in the Hellos of an NSSA alone, P in its type 7 LSAs', () => {
  const options = (areaType: AreaType) => {
    const { net, a, b } = pair({ areaType }, { areaType });
    const said = new Map<string, number>();
    net.onSend = (from, { body }) => {
      if (from !== a) return;
      if (body.kind === 'hello' || body.kind === 'dbDescription') said.set(body.kind, body.options);
      if (body.kind !== 'lsUpdate') return;
      for (const { header } of body.lsas) said.set(`type ${header.type}`, header.options);
    };
    announce(net, a, alone(VIP), alone(VIP2, 'nssa'));
    net.run(3000);
    expect(b.fullAt(A)).toBeDefined();
    return Object.fromEntries(said);
  };
  const { e, o, np } = Option;
  expect(options('normal')).toEqual({ hello: e, dbDescription: e | o, 'type 1': e, 'type 5': e });
  expect(options('stub')).toEqual({ hello: 0, dbDescription: o, 'type 1': 0 });
  expect(options('nssa')).toEqual({ hello: np, dbDescription: o, 'type 1': 0, 'type 7': np });
});

describe('type 5', () => {
  test('a prefix reaches the neighbor at once, with metric type and tag, from a boundary router', () => {
    const { net, a, b } = settled();
    announce(net, a, alone(`${VIP} metric 7`), alone(`${VIP2} metric 9`, 'external', 2, 65001));
    expect(timeUntil(net, b, `${VIP}/32 E1 metric 7`, `${VIP2}/32 E2 metric 9 tag 65001`)).toBeLessThan(1);
    expect(seen(net, b, 1)).toContain('flags E');
    expect(a.instance.announced()).toMatchObject([
      { metric: 7, lsa: { kind: 'external', metricType: 1, tag: 0 } },
      { metric: 9, lsa: { kind: 'external', metricType: 2, tag: 65001 } },
    ]);
    net.run(1000);
    expect(b.instance.routes().filter(({ pathType }) => pathType.startsWith('external'))).toMatchObject([
      { pathType: 'external1', cost: 17, nextHops: [{ interface: 'eth1', gateway: ipv4('10.1.0.1') }] },
      { pathType: 'external2', cost: 9, nextHops: [{ interface: 'eth1', gateway: ipv4('10.1.0.1') }] },
    ]);
    // Ours are not routes of ours, whoever else announces them.
    expect(a.instance.routes().filter(({ prefix }) => prefix.length === 32)).toEqual([]);
  });

  test('each prefix has its own pace: only the second change of the same one waits for the floor', () => {
    const { net, a, b } = settled();
    announce(net, a, alone(VIP));
    expect(timeUntil(net, b, `${VIP}/32 E1 metric 1`)).toBeLessThan(1);
    net.run(300);
    announce(net, a, alone(VIP), alone(VIP2));
    expect(timeUntil(net, b, `${VIP}/32 E1 metric 1`, `${VIP2}/32 E1 metric 1`)).toBeLessThan(1);
    net.run(300);
    announce(net, a, alone(`${VIP} metric 5`), alone(VIP2));
    const waited = timeUntil(net, b, `${VIP}/32 E1 metric 5`, `${VIP2}/32 E1 metric 1`);
    expect(waited).toBeGreaterThan(450);
    expect(waited).toBeLessThan(510);
    expect(b.instance.counters().dropped).toEqual({});
  });

  test('one change costs one LSA: the others and the router-LSA are left alone', () => {
    const { net, a, b } = settled();
    const all = Array.from({ length: 20 }, (_, n) => alone(`203.0.113.${n + 1}`));
    announce(net, a, ...all);
    net.run(5000);
    const before = databaseOf(b, net.now);
    announce(net, a, ...all.slice(1));
    net.run(1000);
    const after = databaseOf(b, net.now);
    expect(before.filter((line) => !after.includes(line))).toHaveLength(1);
    expect(after.filter((line) => !before.includes(line))).toEqual([]);
    announce(net, a, ...all);
    net.run(1000);
    expect(databaseOf(b, net.now).filter((line) => !before.includes(line))).toHaveLength(1);
  });

  test('a withdrawal within the floor of the announcement waits, so that no neighbor refuses it', () => {
    const { net, a, b } = settled();
    announce(net, a, alone(VIP));
    net.run(400);
    announce(net, a);
    expect(a.instance.announced()).toMatchObject([{ metric: 1 }]);
    const waited = timeUntil(net, b);
    expect(waited).toBeGreaterThan(650);
    expect(waited).toBeLessThan(710);
    expect(a.instance.announced()).toEqual([]);
    expect(b.instance.counters().dropped).toEqual({});
  });

  test('a prefix that returns long after its flush goes on from the numbers of the one before', () => {
    const { net, a, b } = settled();
    announce(net, a, alone(VIP));
    net.run(2000);
    announce(net, a);
    net.run(60_000);
    expect(b.instance.lsdb(net.now).filter(({ type }) => type === 5)).toEqual([]);
    announce(net, a, alone(VIP));
    net.run(100);
    const rows = b.instance.lsdb(net.now).filter(({ type }) => type === 5);
    expect(rows).toMatchObject([{ sequence: INITIAL_SEQUENCE + 1 }]);
  });

  test('the first adjacency waits for the first prefix, and the neighbor gets all at once', () => {
    const { net, a, b } = pair({ firstAnnounceLimit: 1500 }, { holdLimit: 0 });
    net.run(200);
    expect(a.fullAt(B)).toBeUndefined();
    announce(net, a, alone(VIP));
    expect(timeUntil(net, b, `${VIP}/32 E1 metric 1`)).toBeLessThan(2);
    net.run(5);
    expect(b.fullAt(A)).toBeDefined();
    expect(seen(net, b, 1)).toContain('flags E');
  });

  test('what an earlier life announced is taken over, not flushed, if it is announced again', () => {
    const { net, a, b } = settled({ firstAnnounceLimit: 1500 });
    announce(net, a, alone(VIP), alone(VIP2));
    net.run(2000);
    const fresh = net.replace(a);
    const gone: number[] = [];
    net.onSend = (from, { body }) => {
      if (from !== fresh || body.kind !== 'lsUpdate') return;
      for (const { header } of body.lsas) if (header.type === 5 && header.age >= 3600) gone.push(header.id);
    };
    net.run(500);
    expect(seen(net, fresh, 5)).toHaveLength(2);
    announce(net, fresh, alone(VIP));
    net.run(10);
    expect(seen(net, b, 5)).toEqual([`${VIP}/32 E1 metric 1`]);
    expect(gone).toEqual([ipv4(VIP2)]);
    expect(b.instance.counters().dropped).toEqual({});
  });

  test('a stop flushes all of it', () => {
    const { net, a, b } = settled();
    announce(net, a, alone(VIP), alone(VIP2));
    net.run(3000);
    net.input(a, { kind: 'stop' });
    net.run(300);
    expect(a.logged('stopped')).toHaveLength(1);
    expect(a.logged('originated').at(-1)?.effect.prefixes).toEqual([]);
    expect([
      ...seen(net, b, 5),
      ...b.instance.lsdb(net.now).filter((row) => row.own === false && row.age < 3600),
    ]).toEqual([]);
  });

  test('a draining director is told from one that serves, by its metric', () => {
    const { net, a, b } = settled();
    announce(net, a, alone(`${VIP} metric 10`));
    net.run(100);
    expect(b.instance.otherAnnouncers(ipv4(VIP), 60_000)).toEqual([A]);
    net.run(2000);
    announce(net, a, alone(`${VIP} metric 60010`));
    net.run(100);
    expect(b.instance.otherAnnouncers(ipv4(VIP), 60_000)).toEqual([]);
    expect(b.instance.otherAnnouncers(ipv4(VIP), 60_011)).toEqual([A]);
  });

  test('prefixes that begin with the same address live side by side', () => {
    const { net, a, b } = settled();
    announce(net, a, alone('10.9.0.0/16'), alone('10.9.0.0/24'));
    net.run(100);
    announce(net, a, alone('10.9.0.0/16'), alone('10.9.0.0/24'), alone('10.9.0.0/32'));
    net.run(3000);
    expect(timeUntil(net, b, '10.9.0.0/16 E1 metric 1', '10.9.0.0/24 E1 metric 1', '10.9.0.0/32 E1 metric 1')).toBe(0);
    expect(agree(net, [a, b])).toBe(true);
  });
});

describe('E1 and E2: a router chooses between a near director and one behind another director', () => {
  /** Through d1, which announces nothing itself, to d2 (metric 10); straight to d3 (metric 11). */
  function chain(metricType: 1 | 2) {
    const net = new Network();
    const host = { stubRouter: true };
    const port = (name: string) => interfaceConfig(name);
    const r = net.addNode('r', instanceConfig('10.0.0.9', [port('eth1'), port('eth2')]));
    const d1 = net.addNode('d1', instanceConfig('10.0.0.1', [port('eth1'), port('eth2')], host));
    const d2 = net.addNode('d2', instanceConfig('10.0.0.2', [port('eth1')], host));
    const d3 = net.addNode('d3', instanceConfig('10.0.0.3', [port('eth1')], host));
    const cable = (n: number, a: SimNode, portOfA: string, b: SimNode, portOfB: string) => {
      const link = new SimLink();
      net.attach(link, a, portOfA, `10.1.${n}.1`, 30);
      net.attach(link, b, portOfB, `10.1.${n}.2`, 30);
    };
    cable(1, r, 'eth1', d1, 'eth1');
    cable(2, d1, 'eth2', d2, 'eth1');
    cable(3, r, 'eth2', d3, 'eth1');
    announce(net, d2, alone(`${VIP} metric 10`, 'external', metricType));
    announce(net, d3, alone(`${VIP} metric 11`, 'external', metricType));
    net.run(10_000);
    return r.instance.routes().find(({ prefix }) => prefix.length === 32)?.nextHops;
  }

  test('E1 takes the near one', () => {
    expect(chain(1)).toEqual([{ interface: 'eth2', gateway: ipv4('10.1.3.2') }]);
  });

  test('E2 sends the traffic through a host, for one less of metric', () => {
    expect(chain(2)).toEqual([{ interface: 'eth1', gateway: ipv4('10.1.1.2') }]);
  });
});

describe('NSSA', () => {
  /** A director with two uplinks, and a router at each. */
  function twoUplinks() {
    const net = new Network();
    const nssa = { areaType: 'nssa' } as const;
    const links = [new SimLink(), new SimLink()];
    const ports = [interfaceConfig('eth1'), interfaceConfig('eth2')];
    const d = net.addNode('d', instanceConfig('10.0.0.1', ports, nssa));
    const routers = links.map((link, n) => {
      const router = net.addNode(`r${n}`, instanceConfig(`10.0.0.${n + 2}`, [interfaceConfig('eth1')], nssa));
      net.attach(link, d, `eth${n + 1}`, `10.1.${n}.1`, 30);
      net.attach(link, router, 'eth1', `10.1.${n}.2`, 30);
      return router;
    });
    return { net, links, d, r0: routers[0]!, r1: routers[1]! };
  }

  test('the forwarding address is of an interface that is Full, and another one when that goes', () => {
    const { net, links, d, r0, r1 } = twoUplinks();
    announce(net, d, alone(VIP, 'nssa'));
    net.run(5000);
    expect(seen(net, r1, 7)).toEqual([`${VIP}/32 E1 metric 1 via 10.1.0.1`]);
    expect(r1.instance.routes().find(({ prefix }) => prefix.length === 32)).toMatchObject({
      pathType: 'external1',
      cost: 21,
      nextHops: [{ gateway: ipv4('10.1.1.1') }],
    });
    // The router dies, the link does not: the interface stays up, but what is sent there is lost.
    net.kill(r0);
    links[0]!.filter = () => false;
    net.run(5000);
    expect(seen(net, r1, 7)).toEqual([`${VIP}/32 E1 metric 1 via 10.1.1.1`]);
    net.run(5000);
    net.down(d, 'eth2');
    expect(seen(net, d, 7)).toEqual([`${VIP}/32 E1 metric 1 via 10.1.0.1`]);
    net.down(d, 'eth1');
    net.run(2000);
    expect(seen(net, d, 7)).toEqual([]);
  });

  test('an interface that comes back does not move the forwarding address', () => {
    const { net, d, r1 } = twoUplinks();
    announce(net, d, alone(VIP, 'nssa'));
    net.run(5000);
    net.down(d, 'eth1');
    net.run(3000);
    net.up(d, 'eth1');
    net.run(5000);
    expect(seen(net, r1, 7)).toEqual([`${VIP}/32 E1 metric 1 via 10.1.1.1`]);
  });

  test('an address of our own that is on no link is better than any interface', () => {
    const { net, d, r1 } = twoUplinks();
    const own: AnnouncedPrefix = { prefix: parsePrefix('10.3.0.1/32')!, metric: 1, lsa: { kind: 'stub' }, local: true };
    announce(net, d, alone(VIP, 'nssa'), own);
    net.run(5000);
    expect(seen(net, r1, 7)).toEqual([`${VIP}/32 E1 metric 1 via 10.3.0.1`]);
    net.down(d, 'eth1');
    net.run(3000);
    expect(seen(net, r1, 7)).toEqual([`${VIP}/32 E1 metric 1 via 10.3.0.1`]);
    expect(r1.instance.routes().find(({ prefix }) => prefix.address === ipv4(VIP))).toMatchObject({ cost: 12 });
  });
});
