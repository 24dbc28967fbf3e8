/**
 * ctnetlink (linux/netfilter/nfnetlink_conntrack.h): a connection as a value, for what is rare, and the requests that list and
 * delete connections by what the kernel itself can select. `flow.ts` reads the kernel's messages.
 *
 * Payloads are without the netlink header: `struct nfgenmsg` (family u8 | version u8 | res_id u16), attributes. Numbers in
 * attributes are in network order.
 *
 *   CTA_STATUS 3 u32 (IPS_*), CTA_MARK 8 u32, CTA_MARK_MASK 21 u32, CTA_STATUS_MASK 26 u32
 */
import type { Ipv4 } from '../base/ipv4.ts';
import { NetlinkWriter } from './attributes.ts';
import { AF_INET } from './codes.ts';
import { CTA_MARK, CTA_MARK_MASK, CTA_STATUS, CTA_STATUS_MASK } from './conntrack-codes.ts';
import { FLOW_WORDS, Flow, NO_STATE, NO_WINDOW_SCALE } from './flow.ts';

export interface Tuple {
  /** Number of the transport protocol: 6 TCP, 17 UDP. */
  readonly protocol: number;
  readonly source: Ipv4;
  readonly destination: Ipv4;
  /** 0 for protocols without ports. */
  readonly sport: number;
  readonly dport: number;
}

/** A connection as one message tells of it. */
export interface Connection {
  readonly original: Tuple;
  readonly reply: Tuple;
  readonly mark: number;
  /** IPS_* bits. */
  readonly status: number;
  /** The kernel's own number of the entry: another one for each entry at a time, all but for chance. */
  readonly id: number;
  /** TCP_CONNTRACK_*; undefined when the message does not say. */
  readonly tcpState: number | undefined;
}

/** The words of a connection, as the kernel would tell of it. */
export function flowOfConnection({ original, reply, mark, status, id, tcpState }: Connection): Uint32Array {
  const flow = new Uint32Array(FLOW_WORDS);
  const { protocol, source, destination, sport, dport } = original;
  flow.set([protocol, source, destination, sport, dport], Flow.protocol);
  flow.set([reply.source, reply.destination, reply.sport, reply.dport], Flow.replySource);
  flow[Flow.mark] = mark;
  flow[Flow.status] = status;
  flow[Flow.id] = id;
  flow[Flow.state] = tcpState ?? NO_STATE;
  flow[Flow.windowScale] = NO_WINDOW_SCALE;
  return flow;
}

/** What the kernel can select connections by: bits under a mask, of the connection's mark and of its status. */
export interface ConnectionFilter {
  readonly mark?: { readonly value: number; readonly mask: number };
  readonly status?: { readonly value: number; readonly mask: number };
}

/**
 * For IPCTNL_MSG_CT_GET as a dump, and for IPCTNL_MSG_CT_DELETE, which deletes all that are selected in one go.
 *
 * @throws RangeError when nothing is selected: that would be every connection of the network namespace
 */
export function encodeConnectionFilter({ mark, status }: ConnectionFilter): Uint8Array {
  if (mark === undefined && status === undefined) throw new RangeError('selects everything');
  const w = new NetlinkWriter().u8(AF_INET).u8(0).u16(0);
  if (mark !== undefined) pair(w, CTA_MARK, CTA_MARK_MASK, mark);
  if (status !== undefined) pair(w, CTA_STATUS, CTA_STATUS_MASK, status);
  return w.finish();
}

function pair(w: NetlinkWriter, valueType: number, maskType: number, bits: { value: number; mask: number }): void {
  w.attribute(valueType, () => w.ipv4(bits.value));
  w.attribute(maskType, () => w.ipv4(bits.mask));
}
