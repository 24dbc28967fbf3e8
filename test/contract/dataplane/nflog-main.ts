/** Listens to a log group inside a director's namespace, by JSON lines: `take` says what was logged since the last time. */
import { createNetlink } from 'netlink';
import { NetlinkReader, NetlinkWriter } from '../../../src/core/netlink/attributes.ts';
import { serve } from './json-lines.ts';

const NETLINK_NETFILTER = 12;
const NLM_F_REQUEST_ACK = 5;
/** linux/netfilter/nfnetlink_log.h: subsystem 4, then the message. */
const NFULNL_MSG_PACKET = 0x400;
const NFULNL_MSG_CONFIG = 0x401;
const NFULA_CFG_CMD = 1;
const NFULA_CFG_MODE = 2;
const NFULNL_CFG_CMD_BIND = 1;
const NFULNL_COPY_PACKET = 2;
const NFULA_PAYLOAD = 9;

interface Logged {
  readonly source: string;
  readonly sport: number;
  /** Of the whole packet. */
  readonly length: number;
}

const group = Number(process.argv[2]);
const socket = createNetlink(NETLINK_NETFILTER);
socket.ref();
let logged: Logged[] = [];

/** struct nfgenmsg: family, version, and the group in network order. */
function config(write: (writer: NetlinkWriter) => void): Uint8Array {
  const writer = new NetlinkWriter()
    .u8(0)
    .u8(0)
    .u8(group >> 8)
    .u8(group & 0xff);
  write(writer);
  return writer.finish();
}

socket.on('message', (messages) => {
  for (const { type, data } of messages) {
    if (type !== NFULNL_MSG_PACKET) continue;
    const packet = new NetlinkReader(data).attributes(4).get(NFULA_PAYLOAD);
    if (packet === undefined) continue;
    const source = [12, 13, 14, 15].map((at) => packet.u8(at)).join('.');
    logged.push({ source, sport: packet.u8(20) * 256 + packet.u8(21), length: packet.length });
  }
});

serve({
  open: async () => {
    const bind = config((writer) => writer.attribute(NFULA_CFG_CMD, () => writer.u8(NFULNL_CFG_CMD_BIND)));
    const mode = config((writer) =>
      writer.attribute(NFULA_CFG_MODE, () => writer.be32(0xffff).u8(NFULNL_COPY_PACKET).u8(0)),
    );
    for (const request of [bind, mode]) await socket.request(NFULNL_MSG_CONFIG, request, { flags: NLM_F_REQUEST_ACK });
  },
  take: async () => {
    const taken = logged;
    logged = [];
    return taken;
  },
});
