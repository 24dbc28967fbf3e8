/**
 * nfnetlink_log (linux/netfilter/nfnetlink_log.h): packets that a rule has logged to a group, and the requests of whoever listens
 * to one. In and out are payloads without the netlink header: `struct nfgenmsg` (family u8 | version u8 | group u16 in network
 * order), attributes. Numbers in attributes are in network order.
 *
 *   NFULNL_MSG_CONFIG  NFULA_CFG_CMD 1 u8, NFULA_CFG_MODE 2 { copy range u32 | mode u8 | pad u8 }, NFULA_CFG_QTHRESH 5 u32
 *   NFULNL_MSG_PACKET  NFULA_MARK 2 u32, NFULA_IFINDEX_INDEV 4 u32, NFULA_PAYLOAD 9
 */
import { NetlinkReader, NetlinkWriter } from './attributes.ts';
import { AF_INET, NFGENMSG_BYTES } from './codes.ts';

const NFNL_SUBSYS_ULOG = 4 << 8;
export const NFULNL_MSG_PACKET = NFNL_SUBSYS_ULOG | 0;
export const NFULNL_MSG_CONFIG = NFNL_SUBSYS_ULOG | 1;

const NFULA_CFG_CMD = 1;
const NFULA_CFG_MODE = 2;
const NFULA_CFG_QTHRESH = 5;
const NFULNL_CFG_CMD_BIND = 1;
const NFULNL_COPY_PACKET = 2;
/** As much as an attribute can hold; the kernel takes off what it needs for itself. */
const WHOLE = 0xffff;
const NFULA_MARK = 2;
const NFULA_IFINDEX_INDEV = 4;
const NFULA_PAYLOAD = 9;

function config(group: number, write: (w: NetlinkWriter) => void): Uint8Array {
  const w = new NetlinkWriter()
    .u8(AF_INET)
    .u8(0)
    .u8(group >>> 8)
    .u8(group & 0xff);
  write(w);
  return w.finish();
}

/** This socket listens to the group, which nobody else does. `EBUSY` when somebody does. */
export function encodeLogBind(group: number): Uint8Array {
  return config(group, (w) => w.attribute(NFULA_CFG_CMD, () => w.u8(NFULNL_CFG_CMD_BIND)));
}

/** Whole packets, each in a message of its own, at once. */
export function encodeLogMode(group: number): Uint8Array {
  return config(group, (w) => {
    w.attribute(NFULA_CFG_MODE, () => w.be32(WHOLE).u8(NFULNL_COPY_PACKET).u8(0));
    w.attribute(NFULA_CFG_QTHRESH, () => w.be32(1));
  });
}

/** A packet that was logged. */
export interface LoggedPacket {
  /** From the IP header on: a view of the message. */
  readonly bytes: Uint8Array;
  /** Of the packet (meta mark); 0 = none. */
  readonly mark: number;
  /** Of the interface that it came in by; 0 = none. */
  readonly ifindex: number;
}

/**
 * `undefined` when there is no packet in it.
 *
 * @throws DecodeError when the attributes do not fit into each other
 */
export function decodeLogged(payload: Uint8Array): LoggedPacket | undefined {
  const attributes = new NetlinkReader(payload).attributes(NFGENMSG_BYTES);
  const packet = attributes.get(NFULA_PAYLOAD);
  if (packet === undefined) return undefined;
  const mark = attributes.get(NFULA_MARK)?.ipv4(0) ?? 0;
  return { bytes: packet.bytes(), mark, ifindex: attributes.get(NFULA_IFINDEX_INDEV)?.ipv4(0) ?? 0 };
}
