/** `sluice upstream-view` as a table: one block per router, one line per VIP and director. */
import type { UpstreamDirectorDocument, UpstreamRouterDocument, UpstreamVipDocument } from '../../api/documents.ts';
import { plural, table } from './text.ts';

/** How many directors that should be in a set are not in it, or not surely. */
export function missingMembers(routers: readonly UpstreamRouterDocument[]): number {
  return routers.flatMap(({ vips }) => vips.flatMap(({ directors }) => directors.filter(isMissing))).length;
}

function isMissing({ inSet, expected }: UpstreamDirectorDocument): boolean {
  return expected && inSet !== 'yes';
}

export function renderUpstreamView(routers: readonly UpstreamRouterDocument[]): string {
  if (routers.length === 0) {
    return 'no upstream router: the database has no router with a link to a director; `sluice neighbors` shows ours';
  }
  const missing = missingMembers(routers);
  const verdict =
    missing === 0
      ? 'every director that should be in a set is in it'
      : `${plural(missing, 'director')} missing in a set: see WHY NOT`;
  return [...routers.map(renderRouter), verdict].join('\n\n');
}

function renderRouter({ instance, router, reachable, vips }: UpstreamRouterDocument): string {
  const old = reachable ? '' : ' (no path leads there: what follows may be old)';
  const rows = vips.flatMap((vip) => vip.directors.map((director) => row(vip, director)));
  const warnings = vips.flatMap((vip) => vip.warnings.map((warning) => `warning: ${vip.vip}: ${warning}`));
  return [
    `router ${router}, instance ${instance}${old}`,
    table(['VIP', 'DIRECTOR', 'IN SET', 'COST', 'BEST', 'PATHS', 'WHY NOT'], rows, ['COST', 'BEST', 'PATHS']),
    ...new Set(warnings),
  ].join('\n');
}

function row(vip: UpstreamVipDocument, director: UpstreamDirectorDocument): string[] {
  const { inSet, expected, cost, why } = director;
  return [
    vip.vip,
    director.director,
    inSet === 'no' && expected ? 'NO' : inSet,
    cost === null ? '-' : String(cost),
    vip.cost === null ? '-' : String(vip.cost),
    String(vip.nextHops.length),
    why ?? '',
  ];
}
