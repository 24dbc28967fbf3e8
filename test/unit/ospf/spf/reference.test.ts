/**
 * The shortest-path tree against a second calculation that shares nothing with it: all distances by relaxing every edge
 * until nothing changes, and as next hops every first step that lies on some shortest path.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../../../src/core/base/ipv4.ts';
import { computeRoutes } from '../../../../src/core/ospf/spf/spf.ts';
import { THOROUGH } from '../../../sizes.ts';
import { lsa } from '../arbitraries.ts';
import { print, Topology } from './topology.ts';

interface Member {
  readonly router: number;
  readonly metric: number;
}

/** Two members are joined by a point-to-point link or, like more than two, by a LAN. */
interface Wire {
  readonly kind: 'p2p' | 'lan';
  readonly members: readonly Member[];
}

interface Area {
  readonly routers: number;
  readonly wires: readonly Wire[];
}

const metric = fc.integer({ min: 1, max: 3 });

/** Router 0 is the one that calculates. */
const area: fc.Arbitrary<Area> = fc.integer({ min: 2, max: 8 }).chain((routers) => {
  const members = (maxLength: number) =>
    fc.uniqueArray(fc.record({ router: fc.integer({ min: 0, max: routers - 1 }), metric }), {
      minLength: 2,
      maxLength: Math.min(maxLength, routers),
      selector: ({ router }) => router,
    });
  const wire = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('p2p' as const), members: members(2) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('lan' as const), members: members(5) }) },
  );
  return fc.record({ routers: fc.constant(routers), wires: fc.array(wire, { minLength: 1, maxLength: 14 }) });
});

const nameOf = (router: number) => (router === 0 ? 'd1' : `r${router}`);
const addressOf = (wire: number, router: number) => `10.${wire}.0.${router + 1}`;

/** The area as statements of `Topology`; every router but ours has a host stub 172.16.0.N. */
function drawn({ routers, wires }: Area): string {
  const lines = wires.map(({ kind, members }, wire) => {
    const ends = members.map((end) => `${nameOf(end.router)} ${addressOf(wire, end.router)} ${end.metric}`);
    return kind === 'p2p' ? `p2p ${ends.join(' ')}` : `lan 10.${wire}.0.0/24 ${ends.join(' ')}`;
  });
  for (let router = 1; router < routers; router++) lines.push(`stub r${router} 172.16.0.${router}/32 0`);
  return lines.join('\n');
}

/** Distance from every router to every router; LANs need no vertex of their own, as leaving them is free. */
function distances({ routers, wires }: Area): number[][] {
  const far = Array.from({ length: routers }, (_, from) =>
    Array.from({ length: routers }, (_, to) => (from === to ? 0 : Number.POSITIVE_INFINITY)),
  );
  for (let changed = true; changed; ) {
    changed = false;
    for (const { members } of wires) {
      for (const from of members) {
        for (const via of members) {
          for (let to = 0; to < routers; to++) {
            if (via === from || from.metric + far[via.router]![to]! >= far[from.router]![to]!) continue;
            far[from.router]![to] = from.metric + far[via.router]![to]!;
            changed = true;
          }
        }
      }
    }
  }
  return far;
}

function expectedRoutes(given: Area): string[] {
  const far = distances(given);
  const own = given.wires.filter(({ members }) => members.some(({ router }) => router === 0));
  const lines: string[] = [];
  for (let to = 1; to < given.routers; to++) {
    const distance = far[0]![to]!;
    if (distance === Number.POSITIVE_INFINITY) continue;
    const hops = own.flatMap(({ members }, at) => {
      const cost = members.find(({ router }) => router === 0)!.metric;
      const wire = given.wires.indexOf(own[at]!);
      return members
        .filter(({ router }) => router !== 0 && cost + far[router]![to]! === distance)
        .map(({ router }) => ({ name: `if${at}`, address: ipv4(addressOf(wire, router)) }));
    });
    hops.sort((a, b) => (a.name === b.name ? a.address - b.address : a.name < b.name ? -1 : 1));
    const via = hops.map(({ name, address }) => `${name} ${formatIpv4(address)}`).join(', ');
    lines.push(`172.16.0.${to}/32 intra ${distance} via ${via}`);
  }
  return lines;
}

test('costs and next hops agree with the reference on random areas', () => {
  let shared = 0;
  fc.assert(
    fc.property(area, (given) => {
      const routes = print(new Topology(drawn(given)).solve('d1')).filter((line) => line.startsWith('172.'));
      const expected = expectedRoutes(given);
      expect(routes).toEqual(expected);
      shared += expected.filter((line) => line.includes(',')).length;
    }),
    { numRuns: THOROUGH ? 300 : 120 },
  );
  // Without equal-cost paths the comparison would say little.
  expect(shared).toBeGreaterThan(50);
});

test('LSAs that make no sense together give routes or none, but no exception', () => {
  const few = fc.constantFrom(0, 1, 2, 3);
  const nonsense = fc
    .tuple(lsa, few, few, fc.array(few, { minLength: 8, maxLength: 8 }))
    .map(([{ header, body, bytes }, id, advertisingRouter, ids]) => {
      const small = (n: number) => ids[n % ids.length]!;
      const near = { ...header, id, advertisingRouter };
      if (body.kind === 'router') {
        const links = body.links.map((link, n) => ({ ...link, id: small(n) }));
        return { header: { ...near, id: advertisingRouter }, body: { ...body, links }, bytes };
      }
      if (body.kind !== 'network') return { header: near, body, bytes };
      return { header: near, body: { ...body, attachedRouters: ids }, bytes };
    });
  const neighbors = [{ routerId: 1, address: 1 }];
  const link = { interface: 'if0', network: 'broadcast', address: 1, prefixLength: 24, neighbors } as const;
  fc.assert(
    fc.property(fc.array(nonsense, { maxLength: 20 }), few, (lsas, routerId) => {
      for (const route of computeRoutes({ routerId, lsas, links: [link] }).routes) {
        expect(route.nextHops.length).toBeGreaterThan(0);
      }
    }),
    { numRuns: THOROUGH ? 1000 : 300 },
  );
});
