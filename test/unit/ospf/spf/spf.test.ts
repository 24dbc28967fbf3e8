/** Routes within the area, and which LSAs they may rest on; what lies beyond it: beyond-the-area.test.ts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipv4, maskOf } from '../../../../src/core/base/ipv4.ts';
import { INITIAL_SEQUENCE, LsType, MAX_AGE, RouterLinkType } from '../../../../src/core/ospf/codes.ts';
import { buildOpaqueLsa, decodeLsa, withAge } from '../../../../src/core/ospf/lsa/codec.ts';
import type { Lsa } from '../../../../src/core/ospf/lsa/lsa.ts';
import { computeRoutes } from '../../../../src/core/ospf/spf/spf.ts';
import '../arbitraries.ts';
import { lsa, print, printReachable, routerId, Topology, TWO_UPLINKS } from './topology.ts';

describe('within the area', () => {
  test('equal paths over two routers give both next hops, unequal ones the shorter', () => {
    const area = new Topology(`${TWO_UPLINKS}
      stub r1 172.17.0.0/16 3
      stub r2 172.18.0.0/16 3`);
    expect(print(area.solve('d1'))).toEqual([
      '10.1.0.0/30 intra 0 via if0',
      '10.1.1.0/30 intra 0 via if1',
      '10.9.0.0/24 intra 15 via if0 10.1.0.2, if1 10.1.1.2',
      '172.16.0.0/16 intra 13 via if0 10.1.0.2, if1 10.1.1.2',
      '172.17.0.0/16 intra 13 via if0 10.1.0.2',
      '172.18.0.0/16 intra 13 via if1 10.1.1.2',
    ]);
  });

  test('next hops are inherited over several routers, and merge where paths meet', () => {
    const area = new Topology(`${TWO_UPLINKS}
      p2p r1 10.5.0.1 1 r3 10.5.0.2 1
      p2p r2 10.5.1.1 1 r3 10.5.1.2 1
      p2p r3 10.5.2.1 1 r4 10.5.2.2 1
      stub r4 172.20.0.0/16 0`);
    expect(print(area.solve('d1'))).toContain('172.20.0.0/16 intra 12 via if0 10.1.0.2, if1 10.1.1.2');
  });

  test('on a LAN the next hop is the address that the router has there', () => {
    const area = new Topology(`
      lan 10.2.0.0/24 r1 10.2.0.1 1 r2 10.2.0.2 1 d1 10.2.0.11 10
      stub r1 172.16.0.0/16 1
      stub r2 172.16.0.0/16 1
      stub r2 172.17.0.0/16 1`);
    expect(print(area.solve('d1'))).toEqual([
      '10.2.0.0/24 intra 10 via if0',
      '172.16.0.0/16 intra 11 via if0 10.2.0.1, if0 10.2.0.2',
      '172.17.0.0/16 intra 11 via if0 10.2.0.2',
    ]);
  });

  test('two interfaces on one LAN are both used', () => {
    const area = new Topology(`
      lan 10.2.0.0/24 r1 10.2.0.1 1 d1 10.2.0.11 10 d1 10.2.0.12 10
      stub r1 172.16.0.0/16 1`);
    expect(print(area.solve('d1'))).toEqual([
      '10.2.0.0/24 intra 10 via if0, if1',
      '172.16.0.0/16 intra 11 via if0 10.2.0.1, if1 10.2.0.1',
    ]);
  });

  test('two parallel links to the same router are both used', () => {
    const area = new Topology(`
      p2p d1 10.1.0.1 10 r1 10.1.0.2 1
      p2p d1 10.1.1.1 10 r1 10.1.1.2 1
      stub r1 172.16.0.0/16 1`);
    expect(print(area.solve('d1'))[2]).toBe('172.16.0.0/16 intra 11 via if0 10.1.0.2, if1 10.1.1.2');
  });

  test('a LAN that is as far over a router as directly is left by every first step', () => {
    const area = new Topology(`
      lan 10.2.0.0/24 r1 10.2.0.1 5 r2 10.2.0.2 5 d1 10.2.0.11 15
      p2p d1 10.1.0.1 10 r1 10.1.0.2 1
      stub r2 172.17.0.0/16 1`);
    expect(print(area.solve('d1'))).toContain('172.17.0.0/16 intra 16 via if0 10.2.0.2, if1 10.1.0.2');
  });

  const LONELY_STUB = {
    kind: 'router',
    flags: 0,
    links: [{ type: RouterLinkType.stub, id: ipv4('172.17.0.0'), data: maskOf(16), metric: 1 }],
  } as const;

  test('a link that the other side does not confirm is no link', () => {
    const area = new Topology(`
      p2p d1 10.1.0.1 10 r1 10.1.0.2 1
      p2p r1 10.5.0.1 1 r2 10.5.0.2 1`);
    const result = area.solve('d1', (lsas) => {
      const at = lsas.findIndex(({ header }) => header.type === LsType.router && header.id === routerId('r2'));
      lsas[at] = lsa(LsType.router, routerId('r2'), routerId('r2'), LONELY_STUB);
    });
    expect(printReachable(result)).toEqual(['10.255.0.101']);
    expect(print(result).join()).not.toContain('172.17');
  });

  test('a neighbor whose database we have is a way out before its router-LSA lists us', () => {
    const result = new Topology(TWO_UPLINKS).solve('d1', (lsas) => {
      const at = lsas.findIndex(({ header }) => header.type === LsType.router && header.id === routerId('r1'));
      lsas[at] = lsa(LsType.router, routerId('r1'), routerId('r1'), LONELY_STUB);
    });
    expect(printReachable(result)).toEqual(['10.255.0.101', '10.255.0.102']);
    expect(print(result).join()).toContain('172.17.0.0/16 intra');
  });

  test('a router that its LAN does not list, or that does not list its LAN, is not reached through it', () => {
    const area = new Topology(`
      p2p d1 10.1.0.1 10 r1 10.1.0.2 1
      lan 10.2.0.0/24 r1 10.2.0.1 1 r2 10.2.0.2 1 r3 10.2.0.3 1 r4 10.2.0.4 1`);
    const result = area.solve('d1', (lsas) => {
      const network = lsas.findIndex(({ header }) => header.type === LsType.network);
      const attachedRouters = [routerId('r1'), routerId('r3'), routerId('r4')];
      const body = { kind: 'network', mask: maskOf(24), attachedRouters } as const;
      lsas[network] = lsa(LsType.network, ipv4('10.2.0.1'), routerId('r1'), body);
      const third = lsas.findIndex(({ header }) => header.id === routerId('r3'));
      lsas[third] = lsa(LsType.router, routerId('r3'), routerId('r3'), { kind: 'router', flags: 0, links: [] });
    });
    expect(printReachable(result)).toEqual(['10.255.0.101', '10.255.0.104']);
  });

  test('a LAN is not reached through a router that it does not list', () => {
    const area = new Topology(TWO_UPLINKS);
    const result = area.solve('d1', (lsas) => {
      const at = lsas.findIndex(({ header }) => header.type === LsType.network);
      const body = { kind: 'network', mask: maskOf(24), attachedRouters: [routerId('r2')] } as const;
      lsas[at] = lsa(LsType.network, ipv4('10.9.0.1'), routerId('r1'), body);
    });
    expect(print(result)).toContain('10.9.0.0/24 intra 15 via if1 10.1.1.2');
  });

  test('a router at maximum metric is reached, but is a way through only when there is no other', () => {
    const square = `
      p2p d1 10.1.0.1 10 r1 10.1.0.2 1
      p2p d1 10.1.1.1 10 d2 10.1.1.2 1
      p2p r1 10.5.0.1 100 r3 10.5.0.2 1
      p2p d2 10.5.1.1 1 r3 10.5.1.2 1
      stub d2 203.0.113.10/32 10
      stub r3 172.16.0.0/16 1`;
    const result = new Topology(square).stubRouter('d2').solve('d1');
    expect(print(result)).toContain('172.16.0.0/16 intra 111 via if0 10.1.0.2');
    expect(print(result)).toContain('203.0.113.10/32 intra 20 via if1 10.1.1.2');
    const alone = new Topology(square.replace('p2p r1 10.5.0.1 100 r3 10.5.0.2 1', '')).stubRouter('d2').solve('d1');
    expect(print(alone)).toContain('172.16.0.0/16 intra 65546 via if1 10.1.1.2');
  });

  test('a stub router chooses its own way by what its interfaces cost, if that is given', () => {
    const area = new Topology(TWO_UPLINKS).stubRouter('d1');
    const route = '172.16.0.0/16 intra';
    expect(print(area.solve('d1'))).toContain(`${route} 65538 via if0 10.1.0.2, if1 10.1.1.2`);
    const result = area.solve('d1', (_, links) => {
      links[0] = { ...links[0]!, cost: 10 };
      links[1] = { ...links[1]!, cost: 20 };
    });
    expect(print(result)).toContain(`${route} 13 via if0 10.1.0.2`);
  });

  test('we are never a way through for ourselves: nothing leads back over us', () => {
    const area = new Topology(`
      p2p d1 10.1.0.1 1 r1 10.1.0.2 1
      p2p d1 10.1.1.1 1 r2 10.1.1.2 1
      stub r2 172.16.0.0/16 1`);
    expect(print(area.solve('d1'))).toContain('172.16.0.0/16 intra 2 via if1 10.1.1.2');
    expect(area.solve('d1').reachable.has(routerId('d1'))).toBe(false);
  });

  test('a stub whose mask has holes is left out', () => {
    const area = new Topology(TWO_UPLINKS);
    const result = area.solve('d1', (lsas) => {
      const at = lsas.findIndex(({ header }) => header.id === routerId('r1'));
      const body = lsas[at]!.body;
      if (body.kind !== 'router') throw new Error('unreachable');
      const odd = { type: RouterLinkType.stub, id: ipv4('172.30.0.0'), data: ipv4('255.0.255.0'), metric: 1 };
      const links = [...body.links, odd];
      lsas[at] = lsa(LsType.router, routerId('r1'), routerId('r1'), { ...body, links });
    });
    expect(print(result).join()).not.toContain('172.30');
    expect(result.routes).toHaveLength(4);
  });
});

describe('our own', () => {
  test('a prefix that we announce has no route, though another announces it too', () => {
    const area = new Topology(`${TWO_UPLINKS}
      p2p d2 10.1.2.1 10 r1 10.1.2.2 1
      stub d1 203.0.113.10/32 60010
      stub d2 203.0.113.10/32 10
      stub d2 203.0.113.11/32 10`);
    const routes = print(area.solve('d1'));
    expect(routes.join()).not.toContain('203.0.113.10');
    expect(routes).toContain('203.0.113.11/32 intra 21 via if0 10.1.0.2');
  });

  test('nor does one that we announce as an external', () => {
    const area = new Topology(`${TWO_UPLINKS}
      flags r1 E
      external d1 203.0.113.10/32 E1 10
      external r1 203.0.113.10/32 E1 10`);
    expect(print(area.solve('d1')).join()).not.toContain('203.0.113.10');
  });

  test('a network that we are on has no gateway, though routers announce it more cheaply', () => {
    const area = new Topology(`${TWO_UPLINKS}
      stub d1 10.1.0.0/30 50
      stub r2 10.1.0.0/30 0
      stub r1 10.1.1.0/30 0`);
    const result = area.solve('d1', (_, links) => {
      links[1] = { ...links[1]!, cost: 50 };
    });
    expect(print(result).slice(0, 2)).toEqual(['10.1.0.0/30 intra 50 via if0', '10.1.1.0/30 intra 50 via if1']);
  });

  test('a link whose neighbor is no longer Full is not used, whatever our router-LSA still says', () => {
    const area = new Topology(`${TWO_UPLINKS}
      stub r1 172.17.0.0/16 1`);
    const result = area.solve('d1', (_, links) => {
      links[0] = { ...links[0]!, neighbors: [] };
    });
    expect(print(result)).toContain('172.16.0.0/16 intra 13 via if1 10.1.1.2');
    expect(print(result)).toContain('10.9.0.0/24 intra 15 via if1 10.1.1.2');
    expect(print(result)).toContain('172.17.0.0/16 intra 16 via if1 10.1.1.2');
    const lan = new Topology('lan 10.2.0.0/24 r1 10.2.0.1 1 d1 10.2.0.11 10\nstub r1 172.16.0.0/16 1');
    const alone = lan.solve('d1', (_, links) => {
      links[0] = { ...links[0]!, neighbors: [] };
    });
    expect(print(alone)).toEqual(['10.2.0.0/24 intra 10 via if0']);
  });

  test('without our own router-LSA nothing is reachable', () => {
    const result = new Topology(TWO_UPLINKS).solve('d1', (lsas) => lsas.shift());
    expect(print(result)).toEqual(['10.1.0.0/30 intra 0 via if0', '10.1.1.0/30 intra 0 via if1']);
    expect(result.reachable.size).toBe(0);
  });

  test('no LSAs and no links give no routes', () => {
    expect(computeRoutes({ routerId: 1, lsas: [], links: [] })).toMatchObject({ routes: [], reachable: new Set() });
  });
});

describe('LSAs that do not count', () => {
  test('those at MaxAge', () => {
    const area = new Topology(TWO_UPLINKS);
    const result = area.solve('d1', (lsas) => {
      const at = lsas.findIndex(({ header }) => header.id === routerId('r1'));
      lsas[at] = decodeLsa(withAge(lsas[at]!, MAX_AGE));
    });
    expect(printReachable(result)).toEqual(['10.255.0.102']);
  });

  test('a router-LSA in the name of another router', () => {
    const area = new Topology(TWO_UPLINKS);
    const links = [{ type: RouterLinkType.stub, id: 0, data: 0, metric: 0 }];
    const result = area.solve('d1', (lsas) => {
      lsas.push(lsa(LsType.router, routerId('r1'), routerId('r9'), { kind: 'router', flags: 0, links }));
    });
    expect(print(result)).toEqual(print(area.solve('d1')));
  });

  test("a former DR's network-LSA for an address that is not its own", () => {
    const area = new Topology('lan 10.2.0.0/24 r1 10.2.0.1 1 d1 10.2.0.11 10\nstub r1 172.16.0.0/16 1');
    const stale = { kind: 'network', mask: maskOf(24), attachedRouters: [routerId('r9')] } as const;
    const result = area.solve('d1', (lsas) => {
      lsas.push(lsa(LsType.network, ipv4('10.2.0.1'), routerId('r9'), stale));
    });
    expect(print(result)).toContain('172.16.0.0/16 intra 11 via if0 10.2.0.1');
  });
});

describe('the order of the LSAs does not matter', () => {
  const area = new Topology(`${TWO_UPLINKS}
    lan 10.2.0.0/24 r1 10.2.0.1 1 r2 10.2.0.2 1 d1 10.2.0.11 9 d2 10.2.0.12 10
    p2p r1 10.5.0.1 1 r3 10.5.0.2 1
    p2p r2 10.5.1.1 1 r3 10.5.1.2 1
    flags r1 B E
    flags r2 B E
    flags r3 E
    stub r3 172.20.0.0/16 0
    summary r1 10.8.0.0/16 20
    summary r2 10.8.0.0/16 20
    external r1 0.0.0.0/0 E2 10
    external r2 0.0.0.0/0 E2 10
    external r3 0.0.0.0/0 E2 10
    external r3 10.7.0.0/16 E1 10 via 10.9.0.9`);
  const lsas = [
    ...area.lsas,
    lsa(LsType.network, ipv4('10.9.0.1'), routerId('r9'), { kind: 'network', mask: maskOf(25), attachedRouters: [] }),
    lsa(LsType.network, ipv4('10.9.0.1'), routerId('r8'), { kind: 'network', mask: maskOf(26), attachedRouters: [] }),
  ];

  test.each(['d1', 'd2', 'r1', 'r3'])('as %s sees it', (name) => {
    const links = area.linksOf(name);
    const expected = computeRoutes({ routerId: routerId(name), lsas, links });
    expect(expected.routes.length).toBeGreaterThan(5);
    const shuffled = fc.shuffledSubarray(lsas, { minLength: lsas.length });
    fc.assert(
      fc.property(shuffled, fc.shuffledSubarray(links, { minLength: links.length }), (someLsas, someLinks) => {
        const result = computeRoutes({ routerId: routerId(name), lsas: someLsas, links: someLinks });
        expect(result.routes).toEqual(expected.routes);
        expect(result.reachable).toEqual(expected.reachable);
      }),
    );
  });
});

describe('host routers (RFC 8770)', () => {
  /** d1 reaches r2's network over r1, a host, or by a way that costs more. */
  const AREA = `
    p2p d1 10.1.0.1 10 r1 10.1.0.2 1
    p2p r1 10.1.1.1 1 r2 10.1.1.2 1
    p2p d1 10.1.2.1 50 r2 10.1.2.2 1
    stub r1 172.16.0.0/16 3
    stub r2 172.17.0.0/16 3
    flags r1 H`;

  /** A Router Information LSA with these informational capabilities. */
  function capabilities(router: string, bits: number): Lsa {
    const content = new Uint8Array([0, 1, 0, 4, bits >>> 24, bits >>> 16, bits >>> 8, bits]);
    const header = { type: 10, id: 0x04000000, advertisingRouter: routerId(router), age: 1, options: 2 };
    return buildOpaqueLsa({ ...header, sequence: INITIAL_SEQUENCE }, content);
  }

  const HOST_SUPPORT = 0x01000000;

  function routesWith(...more: readonly Lsa[]): string[] {
    return print(new Topology(AREA).solve('d1', (lsas) => lsas.push(...more)));
  }

  test('nothing is reached through one that every router knows to be a host', () => {
    const routes = routesWith(capabilities('r1', HOST_SUPPORT), capabilities('r2', HOST_SUPPORT));
    expect(routes).toContain('172.16.0.0/16 intra 13 via if0 10.1.0.2');
    expect(routes).toContain('172.17.0.0/16 intra 53 via if1 10.1.2.2');
  });

  test('while one router does not honour the H-bit, nobody does', () => {
    const unaware = '172.17.0.0/16 intra 14 via if0 10.1.0.2';
    expect(routesWith(capabilities('r1', HOST_SUPPORT))).toContain(unaware);
    expect(routesWith(capabilities('r1', HOST_SUPPORT), capabilities('r2', ~HOST_SUPPORT))).toContain(unaware);
  });

  test('a capability LSA whose lengths lie says nothing', () => {
    const header = { type: 10, id: 0x04000000, advertisingRouter: routerId('r2'), age: 1, options: 2 };
    for (const bytes of [
      [0, 1, 0, 4],
      [0, 2, 255, 255, 1, 1, 1, 1],
      [0, 1, 0, 2, 1, 0],
    ]) {
      const lying = buildOpaqueLsa({ ...header, sequence: INITIAL_SEQUENCE }, new Uint8Array(bytes));
      const routes = routesWith(capabilities('r1', HOST_SUPPORT), lying);
      expect(routes).toContain('172.17.0.0/16 intra 14 via if0 10.1.0.2');
    }
  });
});
