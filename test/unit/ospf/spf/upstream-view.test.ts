/** What an upstream router makes of the directors' announcements: one hand-made area for every reason. */
import { describe, expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../../../src/core/base/ipv4.ts';
import type { Lsa, RouterLsaBody } from '../../../../src/core/ospf/lsa/lsa.ts';
import { describeAbsence } from '../../../../src/core/ospf/spf/absence.ts';
import { type UpstreamInput, upstreamView } from '../../../../src/core/ospf/spf/upstream-view.ts';
import { lsa, routerId, Topology } from './topology.ts';

const VIP = ipv4('203.0.113.10');

/** Two directors with a link to each of two routers. */
const FABRIC = `
  p2p d1 10.1.1.2 10 r1 10.1.1.1 10
  p2p d2 10.1.2.2 10 r1 10.1.2.1 10
  p2p d1 10.2.1.2 10 r2 10.2.1.1 10
  p2p d2 10.2.2.2 10 r2 10.2.2.1 10
`;
const BOTH = 'stub d1 203.0.113.10/32 10\nstub d2 203.0.113.10/32 10';

const directors = ['d1', 'd2'].map((name) => ({ name, routerId: routerId(name) }));

function nameOf(id: number): string {
  return directors.find((director) => director.routerId === id)?.name ?? formatIpv4(id);
}

function view(lsas: readonly Lsa[], more: Partial<UpstreamInput> = {}) {
  return upstreamView({
    lsas,
    directors,
    vips: [VIP],
    router: undefined,
    maxPaths: undefined,
    lastResort: 60_000,
    ...more,
  });
}

/** What r1 sees: `d1 yes 20` or `d2 no -: REASON`. */
function seen(lsas: readonly Lsa[], more: Partial<UpstreamInput> = {}): string[] {
  const [first] = view(lsas, { router: routerId('r1'), ...more });
  return first!.vips[0]!.directors.map(({ name, inSet, cost, absence }) => {
    const why = absence === undefined ? '' : `: ${describeAbsence(absence, nameOf)}`;
    return `${name} ${inSet} ${cost ?? '-'}${why}`;
  });
}

function withoutLink(lsas: readonly Lsa[], from: string, to: string): Lsa[] {
  const id = routerId(from);
  return lsas.map((one) => {
    if (one.body.kind !== 'router' || one.header.id !== id) return one;
    const links = one.body.links.filter((link) => link.type !== 1 || link.id !== routerId(to));
    return lsa(1, id, id, { ...one.body, links } satisfies RouterLsaBody);
  });
}

test('both directors at the same cost are the set, with one next hop each', () => {
  const views = view(new Topology(FABRIC + BOTH).lsas);
  expect(views.map(({ router }) => router)).toEqual([routerId('r1'), routerId('r2')]);
  const { route, directors: rows } = views[0]!.vips[0]!;
  expect(rows.map(({ inSet, cost }) => [inSet, cost])).toEqual([
    ['yes', 20],
    ['yes', 20],
  ]);
  expect(route?.nextHops.map(({ gateway }) => formatIpv4(gateway!))).toEqual(['10.1.1.2', '10.1.2.2']);
});

test('on a LAN the next hops are the directors themselves', () => {
  const area = new Topology(`lan 10.3.0.0/24 r1 10.3.0.1 1 r2 10.3.0.2 1 d1 10.3.0.11 10 d2 10.3.0.12 10\n${BOTH}`);
  for (const { vips } of view(area.lsas)) {
    expect(vips[0]!.route).toMatchObject({ cost: 11 });
    expect(vips[0]!.route?.nextHops.map(({ gateway }) => formatIpv4(gateway!))).toEqual(['10.3.0.11', '10.3.0.12']);
  }
});

describe('a director is not in the set because', () => {
  test('it has no router-LSA', () => {
    const lsas = new Topology(FABRIC + BOTH).lsas.filter(({ header }) => header.advertisingRouter !== routerId('d2'));
    expect(seen(lsas)[1]).toMatch(/^d2 no -: it has no router-LSA/);
  });

  test('it does not announce the VIP', () => {
    expect(seen(new Topology(`${FABRIC} stub d1 203.0.113.10/32 10`).lsas)[1]).toMatch(
      /^d2 no -: it does not announce/,
    );
  });

  test('its announcement is dearer', () => {
    const area = new Topology(`${FABRIC} stub d1 203.0.113.10/32 10\nstub d2 203.0.113.10/32 15`);
    expect(seen(area.lsas)).toEqual(['d1 yes 20', 'd2 no 25: cost 25, the best is 20: 10 to reach it, 15 announced']);
  });

  test('the way to it is dearer', () => {
    const area = new Topology(FABRIC.replace('r1 10.1.2.1 10', 'r1 10.1.2.1 30') + BOTH);
    expect(seen(area.lsas)[1]).toBe('d2 no 40: cost 40, the best is 20: 30 to reach it, 10 announced');
  });

  test('it announces as a last resort, which is meant so', () => {
    const area = new Topology(`${FABRIC} stub d1 203.0.113.10/32 10\nstub d2 203.0.113.10/32 60010`);
    expect(seen(area.lsas)[1]).toMatch(/^d2 no 60020: announced as a last resort \(metric 60010\)/);
    expect(view(area.lsas)[0]!.vips[0]!.directors.map(({ expected }) => expected)).toEqual([true, false]);
  });

  test('the router lists the link and the director does not, and nothing else leads there', () => {
    const cut = withoutLink(withoutLink(new Topology(FABRIC + BOTH).lsas, 'd2', 'r1'), 'd2', 'r2');
    const why = seen(cut)[1];
    expect(why).toMatch(/^d2 no -: no path leads to it; 10\.255\.0\.101 lists a link to d2, d2 lists none back/);
    expect(why).toContain('10.255.0.102 lists a link to d2');
  });

  test('the director lists the link and the router does not: it is reached by a detour only', () => {
    const cut = withoutLink(new Topology(FABRIC + BOTH).lsas, 'r1', 'd2');
    expect(seen(cut)[1]).toMatch(/^d2 no 40: cost 40, the best is 20 by a detour; d2 lists a link to 10\.255\.0\.101/);
  });

  test('the DR of the LAN does not list it', () => {
    const area = new Topology(`lan 10.3.0.0/24 r1 10.3.0.1 1 r2 10.3.0.2 1 d1 10.3.0.11 10 d2 10.3.0.12 10\n${BOTH}`);
    const lsas = area.lsas.map((one) => {
      if (one.body.kind !== 'network') return one;
      const attachedRouters = one.body.attachedRouters.filter((id) => id !== routerId('d2'));
      return lsa(2, one.header.id, one.header.advertisingRouter, { ...one.body, attachedRouters });
    });
    expect(seen(lsas)[1]).toMatch(/no path leads to it; d2 lists a link to 10\.255\.0\.101, .* lists none back/);
  });

  test('the only way passes a stub router', () => {
    const noLink = FABRIC.replace('p2p d2 10.1.2.2 10 r1 10.1.2.1 10\n', '');
    const area = new Topology(noLink + BOTH).stubRouter('d1').stubRouter('d2');
    expect(seen(area.lsas)[1]).toBe(
      'd2 no 65565: cost 65565, the best is 20: the path passes d1, which sends at the maximum metric (stub router)',
    );
  });

  test('it announces an external LSA where another has a stub link', () => {
    const area = new Topology(`${FABRIC} flags d2 E\nstub d1 203.0.113.10/32 10\nexternal d2 203.0.113.10/32 E1 1`);
    expect(seen(area.lsas)[1]).toBe('d2 no 11: announced as external1, and intraArea routes win whatever the cost');
  });

  test('its external LSA does not count, as its router-LSA lacks the E-bit', () => {
    const area = new Topology(`${FABRIC} external d2 203.0.113.10/32 E1 1`);
    expect(seen(area.lsas)[1]).toMatch(/^d2 no -: its external LSA leads nowhere/);
  });

  test('the router takes fewer next hops than there are: nobody knows whose is left out', () => {
    const why = 'maybe 20: 2 next hops, and the router takes 1: this one may be left out';
    expect(seen(new Topology(FABRIC + BOTH).lsas, { maxPaths: 1 })).toEqual([`d1 ${why}`, `d2 ${why}`]);
    expect(seen(new Topology(FABRIC + BOTH).lsas, { maxPaths: 2 })).toEqual(['d1 yes 20', 'd2 yes 20']);
  });
});

test('external LSAs of type 1 count the way, those of type 2 first the metric', () => {
  const flags = 'flags d1 E\nflags d2 E\n';
  const externals = (type: string) => `external d1 203.0.113.10/32 ${type} 5\nexternal d2 203.0.113.10/32 ${type} 5`;
  const dearer = FABRIC.replace('r1 10.1.2.1 10', 'r1 10.1.2.1 12');
  expect(seen(new Topology(FABRIC + flags + externals('E1')).lsas)).toEqual(['d1 yes 15', 'd2 yes 15']);
  expect(seen(new Topology(dearer + flags + externals('E1')).lsas)[1]).toMatch(/^d2 no 17/);
  // Equal external metrics: the nearer of the two is used alone.
  expect(seen(new Topology(dearer + flags + externals('E2')).lsas).map((row) => row.slice(0, 6))).toEqual([
    'd1 yes',
    'd2 no ',
  ]);
});

test('only routers with a link to a director are asked for; any other can be named', () => {
  const area = new Topology(`${FABRIC}${BOTH}\np2p r1 10.5.0.1 1 r3 10.5.0.2 7`);
  expect(view(area.lsas).map(({ router }) => router)).toEqual([routerId('r1'), routerId('r2')]);
  const [core] = view(area.lsas, { router: routerId('r3') });
  expect(core!.vips[0]!.directors.map(({ cost }) => cost)).toEqual([27, 27]);
  expect(core!.vips[0]!.route?.nextHops).toHaveLength(1);
  expect(view(area.lsas, { router: routerId('r9') })).toEqual([]);
});

test('parallel links are told apart by their networks', () => {
  const area = new Topology(`
    p2p d1 10.1.1.2 10 r1 10.1.1.1 10
    p2p d1 10.1.5.2 10 r1 10.1.5.1 10
    stub r1 10.1.1.0/30 10
    stub r1 10.1.5.0/30 10
    ${BOTH.split('\n')[0]}`);
  const [r1] = view(area.lsas);
  expect(r1!.vips[0]!.route?.nextHops.map(({ gateway }) => formatIpv4(gateway!))).toEqual(['10.1.1.2', '10.1.5.2']);
});
