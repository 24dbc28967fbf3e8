/** What becomes of an answer of a connection that nobody here knows, for the fake: it interprets the elements of the hand-over. */
import { formatIpv4, type Ipv4, parseIpv4 } from '../../../core/base/ipv4.ts';
import {
  HAND_OVER_COUNTER,
  HAND_OVER_MAP,
  LIPS_SET,
  POOLS_SET,
  REAL_SERVERS_SET,
} from '../../../core/dataplane/names.ts';
import { type CountingTable, plusOne } from './direct.ts';

/** TCP or UDP, from whoever answers to one of our addresses. */
export interface FakeAnswer {
  readonly source: Ipv4;
  readonly address: Ipv4;
  readonly port: number;
}

/** The next hop that it is handed over to; `undefined` when it stays, and ends here. */
export function handedOverTo(data: CountingTable | undefined, { source, address, port }: FakeAnswer): Ipv4 | undefined {
  const has = (set: string, one: Ipv4) => data?.sets.get(set)?.elements.has(formatIpv4(one)) === true;
  const isAnswer = (has(LIPS_SET, address) && has(REAL_SERVERS_SET, source)) || has(POOLS_SET, address);
  if (data === undefined || !isAnswer || !data.chains.has('hand_over')) return undefined;
  for (const [range, nextHop] of data.sets.get(HAND_OVER_MAP)?.elements ?? []) {
    const [, of, low, high] = /^(\S+) \. (\d+)-(\d+)$/.exec(range) ?? [];
    if (of !== formatIpv4(address) || port < Number(low) || port > Number(high)) continue;
    data.counters.set(HAND_OVER_COUNTER, plusOne(data.counters.get(HAND_OVER_COUNTER)));
    return parseIpv4(nextHop);
  }
  return undefined;
}
