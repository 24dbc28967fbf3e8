/** External LSAs that change alone (RFC 2328 16.6): the short calculation must find what the whole one finds. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Lsa } from '../../../../src/core/ospf/lsa/lsa.ts';
import { computeRoutes, externalPrefixKey, recomputeExternals } from '../../../../src/core/ospf/spf/spf.ts';
import '../arbitraries.ts';
import { print, routerId, Topology } from './topology.ts';

/** Two ways out; prefixes of the area, of other areas and outside that cover each other; forwarding addresses. */
const AREA = `
  p2p d1 10.1.0.1 10 r1 10.1.0.2 1
  p2p d1 10.1.1.1 10 r2 10.1.1.2 1
  lan 10.9.0.0/24 r1 10.9.0.1 5 r2 10.9.0.2 5
  stub r1 172.16.0.0/16 3
  flags r1 E B
  flags r2 E B
  summary r1 10.8.0.0/16 20
`;

const external = fc
  .record({
    router: fc.constantFrom('r1', 'r2', 'r3'),
    prefix: fc.constantFrom('0.0.0.0/0', '172.16.0.0/16', '10.8.0.0/16', '192.0.2.0/24', '192.0.2.0/25', '10.1.0.0/30'),
    type: fc.constantFrom('E1', 'E2'),
    metric: fc.integer({ min: 1, max: 3 }),
    via: fc.constantFrom('', ' via 10.9.0.9', ' via 10.8.0.1', ' via 192.0.2.1'),
  })
  .map(({ router, prefix, type, metric, via }) => `external ${router} ${prefix} ${type} ${metric}${via}`);

const externals = fc.uniqueArray(external, { maxLength: 8, selector: (line) => line.split(' ').slice(1, 3).join() });

function changedKeys(before: readonly Lsa[], after: readonly Lsa[]): Set<number> {
  return new Set([...before, ...after].flatMap((lsa) => externalPrefixKey(lsa) ?? []));
}

test('whatever external LSAs come, go or change, the routes are those of a whole calculation', () => {
  fc.assert(
    fc.property(externals, externals, (first, second) => {
      const [before, after] = [first, second].map((lines) => new Topology([AREA, ...lines].join('\n')).lsas);
      const links = new Topology(AREA).linksOf('d1');
      const input = { routerId: routerId('d1'), links };
      const start = computeRoutes({ ...input, lsas: before! });
      const short = recomputeExternals(start, after!, changedKeys(before!, after!));
      expect(print(short)).toEqual(print(computeRoutes({ ...input, lsas: after! })));
    }),
    { numRuns: 100 },
  );
});

test('the other routes stay the objects they were', () => {
  const lines = ['external r1 192.0.2.0/24 E2 1', 'external r1 198.51.100.0/24 E2 1'];
  const { lsas } = new Topology([AREA, ...lines].join('\n'));
  const links = new Topology(AREA).linksOf('d1');
  const before = computeRoutes({ routerId: routerId('d1'), lsas, links });
  const gone = lsas.at(-1)!;
  const after = recomputeExternals(before, lsas.slice(0, -1), new Set([externalPrefixKey(gone)!]));
  expect(after.routes).toHaveLength(before.routes.length - 1);
  for (const route of after.routes) expect(before.routes).toContain(route);
});
