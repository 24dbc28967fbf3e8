/** The contents of our own router-LSA (RFC 2328 12.4.1), computed afresh from the present state. */
import { type Ipv4, maskOf, prefixOf } from '../../base/ipv4.ts';
import { MAX_LINK_METRIC, RouterFlag, RouterLinkType } from '../codes.ts';
import type { AnnouncedPrefix } from '../events.ts';
import { hasDesignatedRouter, isPointToPoint, isUnnumbered, type OspfInterface } from '../interface/interface.ts';
import type { RouterLink, RouterLsaBody } from '../lsa/lsa.ts';
import type { Neighbor } from '../neighbor/neighbor.ts';
import type { Speaker } from '../speaker.ts';

/** The links that fit into one IP packet: 65,535 bytes less the headers of IP, OSPF, the update and the LSA. */
const MOST_LINKS = Math.floor((65_535 - 20 - 24 - 4 - 24) / 12);

export interface RouterLsaContents {
  readonly body: RouterLsaBody;
  /** The prefixes that are in it: all that are wanted, unless there are more than an LSA can carry. */
  readonly prefixes: readonly AnnouncedPrefix[];
}

export function routerLsaContents(speaker: Speaker): RouterLsaContents {
  const { stubRouter } = speaker.config;
  const links = [...speaker.interfaces.values()].flatMap((iface) => interfaceLinks(iface, stubRouter));
  const stubs = speaker.origination.wanted.filter(({ lsa }) => lsa.kind === 'stub');
  const prefixes = stubs.slice(0, MOST_LINKS - links.length);
  const hosts = prefixes.map(({ prefix, metric }) => stubLink(prefix.address, prefix.length, metric));
  // 12.4.1; RFC 3101 2.1 for type 7. Once a boundary router, always one: a prefix that comes or goes is to cost one LSA.
  const flags = (stubRouter ? RouterFlag.h : 0) | (speaker.origination.external.isBoundary ? RouterFlag.e : 0);
  return {
    body: { kind: 'router', flags, links: [...links, ...hosts] },
    prefixes,
  };
}

function interfaceLinks(iface: OspfInterface, stubRouter: boolean): RouterLink[] {
  if (iface.state === 'down') return [];
  // RFC 6987: others are to reach our stubs, and to pass through us only if there is no other way.
  const metric = stubRouter ? MAX_LINK_METRIC : iface.config.cost;
  const subnet = stubLink(prefixOf(iface.address, iface.prefixLength).address, iface.prefixLength, iface.config.cost);
  if (iface.state === 'passive') return [subnet];
  if (!hasDesignatedRouter(iface)) {
    const data = isUnnumbered(iface) ? iface.ifindex : iface.address;
    const links = fullNeighbors(iface).map(({ routerId }) => {
      return { type: RouterLinkType.pointToPoint, id: routerId, data, metric };
    });
    // 12.4.1.1 and 12.4.1.4: a cable's subnet, nothing where it has none; on point-to-multipoint, our own address at no cost.
    if (isPointToPoint(iface)) return isUnnumbered(iface) ? links : [...links, subnet];
    return [...links, stubLink(iface.address, 32, 0)];
  }
  if (!isTransit(iface)) return [subnet];
  return [{ type: RouterLinkType.transit, id: iface.designatedRouter, data: iface.address, metric }];
}

/** 12.4.1.2: a transit link needs a Full adjacency with the DR, or with anyone when we are DR. */
function isTransit(iface: OspfInterface): boolean {
  const full = fullNeighbors(iface);
  if (iface.state === 'dr') return full.length > 0;
  return full.some((neighbor) => neighbor.address === iface.designatedRouter);
}

/** Those that restart, and are helped, among them. */
export function fullNeighbors(iface: OspfInterface): Neighbor[] {
  return [...iface.neighbors.values()].filter(({ state, helped }) => state === 'full' || helped !== undefined);
}

function stubLink(address: Ipv4, length: number, metric: number): RouterLink {
  return { type: RouterLinkType.stub, id: address, data: maskOf(length), metric };
}
