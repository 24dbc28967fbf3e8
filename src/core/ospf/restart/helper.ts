/**
 * Helping a neighbor that restarts (RFC 3623 3): it says so by a Grace-LSA, and until it is back, at most for the grace period,
 * it counts as Full whatever is heard of it. Its link stays in our LSAs, its silence does not end the adjacency, a Hello
 * that does not list us does not either, and the DR it was it remains.
 *
 * Not helped is who is not Full, whose grace period is over, and, unless `lenient`, who has not acknowledged a change of the
 * topology yet: it would come back to a network that is not the one it left. Neither is anybody while we restart ourselves, nor
 * with mode `off`. Help ends when the Grace-LSA is flushed, when the adjacency has been renewed, when the grace period is over,
 * and, unless `lenient`, with any change of the topology that would have to be flooded to the neighbor (3.2).
 *
 * Not here: what begins and ends with help at the neighbor (neighbor/helped.ts).
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Instant } from '../../base/machine.ts';
import { LsType } from '../codes.ts';
import { isPointToPoint } from '../interface/interface.ts';
import { lsaKeyText } from '../lsa/codec.ts';
import { decodeGraceLsa, type GraceLsa } from '../lsa/grace-lsa.ts';
import type { Lsa } from '../lsa/lsa.ts';
import type { LsdbEntry } from '../lsdb/lsdb.ts';
import { beginHelp, endHelp, tellOfHelp } from '../neighbor/helped.ts';
import type { Neighbor } from '../neighbor/neighbor.ts';
import { allNeighbors, dropFrom, type Speaker } from '../speaker.ts';
import { isTakingOver } from './state.ts';

/** RFC 3623 3.1 (2) and 3.2 (3): what a change of the topology is made of. */
const TOPOLOGY: ReadonlySet<number> = new Set([
  LsType.router,
  LsType.network,
  LsType.summaryNetwork,
  LsType.summaryAsbr,
  LsType.asExternal,
  LsType.nssa,
]);

/** A Grace-LSA was installed. `via`: who sent it, which on a LAN may be the DR. */
export function receiveGraceLsa(speaker: Speaker, via: Neighbor, entry: LsdbEntry): void {
  const grace = decode(speaker, via, entry);
  const neighbor = grace === undefined ? undefined : restarting(via, entry, grace);
  if (grace === undefined || neighbor === undefined) return;
  if (speaker.lsdb.isMaxAge(entry, speaker.now)) {
    endHelp(speaker, neighbor, 'it has finished its restart');
    return;
  }
  const until = speaker.now + (grace.period - speaker.lsdb.ageOf(entry, speaker.now)) * 1000;
  const refusal = reasonToRefuse(speaker, neighbor, until);
  if (refusal === undefined) beginHelp(speaker, neighbor, until, grace.reason);
  else tellOfHelp(speaker, neighbor, 'refused', until, refusal);
}

function decode(speaker: Speaker, via: Neighbor, { lsa }: LsdbEntry): GraceLsa | undefined {
  try {
    return decodeGraceLsa(lsa);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    dropFrom(speaker, via, 'lsa', `${lsaKeyText(lsa.header)}: ${error.message}`);
    return undefined;
  }
}

/** RFC 3623 3.1: on links with more than two ends the address in the LSA says who it is. */
function restarting(via: Neighbor, { lsa }: LsdbEntry, { address }: GraceLsa): Neighbor | undefined {
  const iface = via.interface;
  return [...iface.neighbors.values()].find((neighbor) => {
    if (neighbor.routerId !== lsa.header.advertisingRouter) return false;
    return isPointToPoint(iface) || address === undefined || neighbor.address === address;
  });
}

function reasonToRefuse(speaker: Speaker, neighbor: Neighbor, until: Instant): string | undefined {
  if (speaker.helper === 'off') return 'helping is off';
  if (speaker.phase !== 'running' || isTakingOver(speaker)) return 'we restart ourselves';
  if (until <= speaker.now) return 'its grace period is over';
  // Who is helped already has only changed its grace period.
  if (neighbor.helped !== undefined) return undefined;
  if (neighbor.state !== 'full') return `it is not full but ${neighbor.state}`;
  const pending = [...neighbor.retransmissions.values()].find(({ entry }) => isTopologyChange(entry));
  if (speaker.helper === 'strict' && pending !== undefined) {
    return `it has not acknowledged ${lsaKeyText(pending.entry.lsa.header)}`;
  }
  return undefined;
}

function isTopologyChange({ lsa, changed }: LsdbEntry): boolean {
  return changed && TOPOLOGY.has(lsa.header.type);
}

/** An LSA says something new, or has aged out: unless lenient, nobody may be kept from hearing of it. */
export function noticeTopologyChange(speaker: Speaker, { header }: Lsa): void {
  if (speaker.helper !== 'strict' || !TOPOLOGY.has(header.type)) return;
  for (const neighbor of [...allNeighbors(speaker)]) {
    if (neighbor.helped !== undefined) endHelp(speaker, neighbor, `the topology has changed: ${lsaKeyText(header)}`);
  }
}

/** With `off` nobody is helped any longer. */
export function setHelper(speaker: Speaker, mode: Speaker['helper']): void {
  speaker.helper = mode;
  if (mode !== 'off') return;
  for (const neighbor of [...allNeighbors(speaker)]) endHelp(speaker, neighbor, 'helping is off');
}
