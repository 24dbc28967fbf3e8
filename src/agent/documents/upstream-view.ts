/** `GET /v1/upstream-view`: which directors the upstream routers spread each VIP over, from every routing instance. */
import type { UpstreamDirectorDocument, UpstreamRouterDocument, UpstreamVipDocument } from '../../api/documents.ts';
import { LAST_RESORT } from '../../core/announce/policy.ts';
import { formatIpv4, type Ipv4 } from '../../core/base/ipv4.ts';
import type { Cluster } from '../../core/model/cluster.ts';
import { describeAbsence } from '../../core/ospf/spf/absence.ts';
import type { DirectorView, VipView } from '../../core/ospf/spf/upstream-view.ts';
import type { Director } from '../director.ts';

export interface UpstreamChoice {
  readonly router: Ipv4 | undefined;
  readonly maxPaths: number | undefined;
}

/** Only instances that announce VIPs have such a view. */
export function upstreamDocuments({ loaded, speakers }: Director, choice: UpstreamChoice): UpstreamRouterDocument[] {
  const { cluster } = loaded;
  const announcing = new Set(
    cluster.routing.instances.filter(({ announce }) => announce.includes('vip')).map(({ name }) => name),
  );
  const vips = [...new Set(cluster.services.flatMap((service) => service.vips))].sort((a, b) => a - b);
  const query = { directors: cluster.directors, vips, lastResort: LAST_RESORT, ...choice };
  return speakers
    .all()
    .filter(({ instance }) => announcing.has(instance))
    .flatMap((speaker) =>
      speaker.upstreamView(query).map(({ router, reachable, vips: views }) => ({
        instance: speaker.instance,
        router: formatIpv4(router),
        reachable,
        vips: views.map((view) => vipDocument(view, cluster)),
      })),
    );
}

function vipDocument({ vip, route, directors }: VipView, cluster: Cluster): UpstreamVipDocument {
  const nextHops = (route?.nextHops ?? []).map((hop) => {
    return { interface: hop.interface, gateway: hop.gateway === undefined ? null : formatIpv4(hop.gateway) };
  });
  return {
    vip: formatIpv4(vip),
    pathType: route?.pathType ?? null,
    cost: route?.cost ?? null,
    nextHops,
    directors: directors.map((view) => directorDocument(view, cluster)),
    warnings: warnings(route?.pathType, nextHops.length),
  };
}

function warnings(pathType: string | undefined, paths: number): string[] {
  if (!pathType?.startsWith('external') || paths < 2) return [];
  return [
    `external LSAs: a BIRD router uses one of the ${paths} next hops only, unless its OSPF has \`merge external yes\``,
  ];
}

function directorDocument(view: DirectorView, cluster: Cluster): UpstreamDirectorDocument {
  const nameOf = (id: Ipv4) => cluster.directors.find(({ routerId }) => routerId === id)?.name ?? formatIpv4(id);
  return {
    director: view.name,
    routerId: formatIpv4(view.routerId),
    inSet: view.inSet,
    cost: view.cost ?? null,
    expected: view.expected,
    reason: view.absence?.kind ?? null,
    why: view.absence === undefined ? null : describeAbsence(view.absence, nameOf),
  };
}
