/**
 * Counters of connection tracking (IPCTNL_MSG_CT_GET_STATS_CPU, linux/netfilter/nfnetlink_conntrack.h), of this network
 * namespace since it was made: a message for each processor, attributes CTA_STATS_* u32 in network order.
 */
import { NetlinkReader, NetlinkWriter } from './attributes.ts';
import { NFGENMSG_BYTES } from './codes.ts';
import { NFNL_SUBSYS_CTNETLINK } from './conntrack-codes.ts';

export const IPCTNL_MSG_CT_GET_STATS_CPU = NFNL_SUBSYS_CTNETLINK | 4;

const CTA_STATS_INSERT_FAILED = 9;
const CTA_STATS_DROP = 10;

export interface ConntrackStatistics {
  /** New connections that could not be entered, mostly because no port was free. */
  readonly insertFailed: number;
  /** Packets dropped because of that, or because the table was full. */
  readonly drop: number;
}

/** For a dump. */
export const encodeStatisticsRequest = (): Uint8Array => new NetlinkWriter().u8(0).u8(0).u16(0).finish();

/**
 * The sum over all processors.
 *
 * @throws DecodeError when the attributes do not fit into each other
 */
export function decodeStatistics(payloads: readonly Uint8Array[]): ConntrackStatistics {
  let [insertFailed, drop] = [0, 0];
  for (const payload of payloads) {
    const attributes = new NetlinkReader(payload).attributes(NFGENMSG_BYTES);
    insertFailed += attributes.get(CTA_STATS_INSERT_FAILED)?.ipv4(0) ?? 0;
    drop += attributes.get(CTA_STATS_DROP)?.ipv4(0) ?? 0;
  }
  return { insertFailed, drop };
}
