/**
 * Routes out of the AS (RFC 2328 16.4), from type 5 LSAs, or, in an NSSA, from type 7 ones (RFC 3101 2.5). The two never
 * meet: we belong to one area. So nothing remains of their order of preference; default routes of the border routers
 * are used with and without P-bit, as we are not one of them. As with RFC1583Compatibility enabled, its default (C.1), the
 * cost alone decides between boundary routers, not whether the path to them stays in the area (16.4.1).
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import { LS_INFINITY, LsType } from '../codes.ts';
import type { ExternalLsaBody } from '../lsa/lsa.ts';
import type { LsaOf } from './graph.ts';
import { maskedPrefix } from './intra-area.ts';
import { type Path, throughGateway } from './next-hops.ts';
import type { Offer, RouteTable } from './table.ts';

/**
 * `table` holds the routes within the area and over borders, by which forwarding addresses are resolved; the external
 * ones are added at the end, so that none is resolved by another. `ownAddresses` are those of our interfaces: a
 * forwarding address that is ours would lead back to us.
 */
export function addExternalRoutes(
  table: RouteTable,
  externals: readonly LsaOf<ExternalLsaBody>[],
  boundaryRouters: ReadonlyMap<Ipv4, Path>,
  ownAddresses: ReadonlySet<Ipv4>,
): void {
  const offers: Offer[] = [];
  for (const lsa of externals) {
    const offer = externalOffer(lsa, table, boundaryRouters, ownAddresses);
    if (offer !== undefined) offers.push(offer);
  }
  for (const offer of offers) table.offer(offer);
}

/** The route that an LSA stands for; undefined when it leads nowhere. */
export function externalOffer(
  { header, body }: LsaOf<ExternalLsaBody>,
  table: RouteTable,
  boundaryRouters: ReadonlyMap<Ipv4, Path>,
  ownAddresses: ReadonlySet<Ipv4>,
): Offer | undefined {
  const prefix = maskedPrefix(header.id, body.mask);
  const boundary = boundaryRouters.get(header.advertisingRouter);
  if (body.metric >= LS_INFINITY || prefix === undefined || boundary === undefined) return undefined;
  const forwarder = body.forwardingAddress;
  const exit = forwarder === 0 ? boundary : pathToForwarder(forwarder, header.type, table, ownAddresses);
  if (exit === undefined) return undefined;
  const { cost: distance, nextHops } = exit;
  return body.e2
    ? { prefix, pathType: 'external2', cost: body.metric, distance, nextHops }
    : { prefix, pathType: 'external1', cost: distance + body.metric, distance, nextHops };
}

/**
 * RFC 2328 16.4 (3); that of a type 7 LSA must be in the NSSA itself (RFC 3101 2.5 (3)). On a network that we are on
 * ourselves, the forwarding address is the next hop.
 */
function pathToForwarder(
  address: Ipv4,
  type: number,
  table: RouteTable,
  ownAddresses: ReadonlySet<Ipv4>,
): Path | undefined {
  if (ownAddresses.has(address)) return undefined;
  const route = table.lookup(address);
  if (route === undefined || (type === LsType.nssa && route.pathType !== 'intraArea')) return undefined;
  return { cost: route.cost, nextHops: throughGateway(route.nextHops, address) };
}
