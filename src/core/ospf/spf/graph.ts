/**
 * The area as a graph (RFC 2328 2.1.2): LSAs sorted by what the calculation asks for. Nothing is computed here except
 * which network-LSA speaks for a network when there are several.
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import { MAX_AGE, RouterLinkType } from '../codes.ts';
import type { ExternalLsaBody, Lsa, LsaHeader, NetworkLsaBody, RouterLsaBody, SummaryLsaBody } from '../lsa/lsa.ts';
import { supportsHostBit } from '../lsa/router-information.ts';

export interface NetworkVertex extends NetworkLsaBody {
  readonly advertisingRouter: Ipv4;
}

export interface LsaOf<Body> {
  readonly header: LsaHeader;
  readonly body: Body;
}

export interface Graph {
  /** By router id. */
  readonly routers: ReadonlyMap<Ipv4, RouterLsaBody>;
  /** By link state id, which is the address of the designated router on that network. */
  readonly networks: ReadonlyMap<Ipv4, NetworkVertex>;
  /** Routers that say that they honour the H-bit (RFC 8770 5). */
  readonly hostBitSupporters: ReadonlySet<Ipv4>;
  /** Types 3 and 4. */
  readonly summaries: readonly LsaOf<SummaryLsaBody>[];
  /** Type 5, or, in an NSSA, type 7. */
  readonly externals: readonly LsaOf<ExternalLsaBody>[];
}

/** LSAs at MaxAge are on their way out and take no part (RFC 2328 16.1 (2)(b), 16.2 (1), 16.4 (1)). */
export function buildGraph(lsas: Iterable<Lsa>): Graph {
  const routers = new Map<Ipv4, RouterLsaBody>();
  const networkLsas: LsaOf<NetworkLsaBody>[] = [];
  const summaries: LsaOf<SummaryLsaBody>[] = [];
  const externals: LsaOf<ExternalLsaBody>[] = [];
  const hostBitSupporters = new Set<Ipv4>();
  for (const lsa of lsas) {
    const { header, body } = lsa;
    if (header.age >= MAX_AGE) continue;
    if (body.kind === 'router' && header.id === header.advertisingRouter) routers.set(header.id, body);
    else if (body.kind === 'network') networkLsas.push({ header, body });
    else if (body.kind === 'summary') summaries.push({ header, body });
    else if (body.kind === 'external') externals.push({ header, body });
    else if (body.kind === 'opaque' && supportsHostBit(lsa)) hostBitSupporters.add(header.advertisingRouter);
  }
  return { routers, networks: chooseNetworks(networkLsas, routers), hostBitSupporters, summaries, externals };
}

/**
 * After a change of designated router, or of its router id, two network-LSAs with the same link state id can be about for
 * a while. Links name the network by that id alone, so one must be chosen, and not by the order they arrived in: the one
 * whose originator says that the address is its own, else the one of the higher router id.
 */
function chooseNetworks(
  lsas: readonly LsaOf<NetworkLsaBody>[],
  routers: ReadonlyMap<Ipv4, RouterLsaBody>,
): ReadonlyMap<Ipv4, NetworkVertex> {
  const rank = (id: Ipv4, router: Ipv4) => (ownsNetwork(routers.get(router), id) ? 2 ** 32 : 0) + router;
  const chosen = new Map<Ipv4, NetworkVertex>();
  for (const { header, body } of lsas) {
    const { id, advertisingRouter } = header;
    const rival = chosen.get(id);
    if (rival === undefined || rank(id, advertisingRouter) > rank(id, rival.advertisingRouter)) {
      chosen.set(id, { ...body, advertisingRouter });
    }
  }
  return chosen;
}

function ownsNetwork(router: RouterLsaBody | undefined, id: Ipv4): boolean {
  if (router === undefined) return false;
  return router.links.some((link) => link.type === RouterLinkType.transit && link.id === id && link.data === id);
}
