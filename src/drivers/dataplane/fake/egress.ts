/** What becomes of a packet that a server sends to the outside, for the fake: it interprets the rules and elements of SNAT. */
import { formatIpv4, type Ipv4, parsePrefix, prefixContains } from '../../../core/base/ipv4.ts';
import { EGRESS_COUNTER } from '../../../core/dataplane/names.ts';
import { type CountingTable, plusOne } from './direct.ts';
import { blockSource } from './fullnat.ts';

/** The first packet of a connection that leaves by an interface where pools are announced. */
export interface FakeDeparture {
  readonly protocol: 'tcp' | 'udp';
  readonly source: Ipv4;
  readonly sport: number;
  readonly destination: Ipv4;
  readonly port: number;
}

/**
 * @param taken sources in use, each with where they lead; the one that is chosen is added
 * @returns `ADDRESS:PORT` as the outside sees it; `undefined` when the packet is dropped
 */
export function departure(
  data: CountingTable | undefined,
  guard: CountingTable | undefined,
  packet: FakeDeparture,
  taken: Set<string>,
): string | undefined {
  const plain = `${formatIpv4(packet.source)}:${packet.sport}`;
  const rules = data?.chains.get('postrouting')?.shapes ?? [];
  const chain = rules.map((rule) => chainOf(rule, packet.source)).find((name) => name !== undefined);
  if (data === undefined || chain === undefined) return plain;
  const pool = chain.replace(/^egress_/, 'pool_');
  const there = `${packet.protocol} ${formatIpv4(packet.destination)}:${packet.port}`;
  const source = blockSource(data, { chain, map: pool }, packet, there, taken);
  if (source !== undefined || guard === undefined) return source ?? plain;
  guard.counters.set(EGRESS_COUNTER, plusOne(guard.counters.get(EGRESS_COUNTER)));
  return undefined;
}

/** The chain to which a rule sends what comes from `source`. */
function chainOf(rule: string, source: Ipv4): string | undefined {
  const [, text, chain] = /ip saddr (\S+) .* jump (egress_\S+)/.exec(rule) ?? [];
  const from = parsePrefix(text ?? '');
  return from !== undefined && prefixContains(from, source) ? chain : undefined;
}
