/** The contents of the network-LSAs that we owe as Designated Router (RFC 2328 12.4.2). */
import { maskOf } from '../../base/ipv4.ts';
import type { OspfInterface } from '../interface/interface.ts';
import type { NetworkLsaBody } from '../lsa/lsa.ts';
import type { Speaker } from '../speaker.ts';
import { fullNeighbors } from './router-lsa.ts';

/** Undefined where we are not DR, or have no Full neighbor: then the network is a stub of our router-LSA. */
export function networkLsaBody(speaker: Speaker, iface: OspfInterface): NetworkLsaBody | undefined {
  const full = fullNeighbors(iface);
  if (iface.state !== 'dr' || full.length === 0) return undefined;
  const routers = [speaker.config.routerId, ...full.map((neighbor) => neighbor.routerId)];
  return {
    kind: 'network',
    mask: maskOf(iface.prefixLength),
    // Sorted, so that the same set of routers is the same LSA whoever came first.
    attachedRouters: routers.sort((a, b) => a - b),
  };
}
