/** Who else announces a host route: what tells a director whether it is the last one that serves a VIP. */
import type { Ipv4 } from '../../base/ipv4.ts';
import { RouterLinkType } from '../codes.ts';
import type { Lsa } from '../lsa/lsa.ts';
import type { Speaker } from '../speaker.ts';
import { liveLsas } from './routing.ts';
import type { Announcer, Announcers } from './state.ts';

/**
 * Router ids, ours not among them, that were reachable at the last computation and announce the host route `vip` at a
 * metric below `below`: as a stub link or as an external LSA. Ascending.
 *
 * Asked for every VIP whenever anything happens, so the database is gone through once for each of its versions.
 */
export function otherAnnouncers(speaker: Speaker, vip: Ipv4, below: number): Ipv4[] {
  const found = new Set<Ipv4>();
  for (const { router, metric } of announcers(speaker).byHost.get(vip) ?? []) {
    if (router === speaker.config.routerId || !speaker.routing.reachable.has(router)) continue;
    if (metric < below) found.add(router);
  }
  return [...found].sort((a, b) => a - b);
}

function announcers(speaker: Speaker): Announcers {
  const { version } = speaker.lsdb;
  if (speaker.routing.announcers?.version === version) return speaker.routing.announcers;
  const byHost = new Map<Ipv4, Announcer[]>();
  const add = (host: Ipv4, announcer: Announcer) => {
    const known = byHost.get(host);
    if (known === undefined) byHost.set(host, [announcer]);
    else known.push(announcer);
  };
  for (const lsa of liveLsas(speaker)) noteHosts(lsa, add);
  speaker.routing.announcers = { version, byHost };
  return speaker.routing.announcers;
}

const HOST_MASK = 0xffffffff;

function noteHosts({ header, body }: Lsa, add: (host: Ipv4, announcer: Announcer) => void): void {
  const router = header.advertisingRouter;
  if (body.kind === 'external') {
    // Types 5 and 7: no area carries both.
    if (body.mask === HOST_MASK) add(header.id, { router, metric: body.metric });
  } else if (body.kind === 'router') {
    for (const { type, id, data, metric } of body.links) {
      if (type === RouterLinkType.stub && data === HOST_MASK) add(id, { router, metric });
    }
  }
}
