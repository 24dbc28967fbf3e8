import { u16At, u32At } from '../../core/base/big-endian.ts';
import type { Tuple } from '../../core/netlink/conntrack.ts';
import { Field } from '../../core/sync/record.ts';

/** What a packet has whose connection a query is about; `tuple`: 13 bytes as in the query, of either side. */
export function packetTuple(tuple: Uint8Array): Tuple {
  return {
    protocol: tuple[Field.protocol]!,
    source: u32At(tuple, Field.client),
    destination: u32At(tuple, Field.vip),
    sport: u16At(tuple, Field.clientPort),
    dport: u16At(tuple, Field.vipPort),
  };
}
