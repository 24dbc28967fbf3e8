/**
 * A dump of connections, some thousand at a time, with the event loop in between. The kernel makes the next part of a dump when
 * the last one is fetched, so that nothing is waited for, and no buffer can overflow.
 */
import { setImmediate } from 'node:timers/promises';
import { walkAnswers } from '../../core/netlink/answers.ts';
import { NetlinkWriter } from '../../core/netlink/attributes.ts';
import { NLM_F_DUMP, NLM_F_REQUEST } from '../../core/netlink/codes.ts';
import { type ConnectionFilter, encodeConnectionFilter } from '../../core/netlink/conntrack.ts';
import { IPCTNL_MSG_CT_GET } from '../../core/netlink/conntrack-codes.ts';
import { FLOW_WORDS, readFlow } from '../../core/netlink/flow.ts';
import { type CtnetlinkSocket, ctnetlinkRefusal, type OpenCtnetlink } from '../../io/ctnetlink.ts';
import { KernelError } from '../../io/kernel-error.ts';

/** What the kernel cuts a dump into, about 130 entries each. */
const SLOT_BYTES = 32_768;
const BATCH = 4;
const RECEIVE_BYTES = 1024 * 1024;
const SEQUENCE = 1;
/** In a row; the kernel answers before it returns. */
const MAX_SILENCES = 100;

/**
 * @param on every connection, as words that are used again
 * @param between parts; awaited, so that whoever takes them sets the pace; false: no more is wanted
 * @throws KernelError `conntrack-dump`
 */
export async function dumpFlows(
  open: OpenCtnetlink,
  filter: ConnectionFilter,
  on: (flow: Uint32Array) => void,
  between: () => Promise<boolean>,
): Promise<void> {
  const socket = open({ slotBytes: SLOT_BYTES, batch: BATCH, receiveBytes: RECEIVE_BYTES });
  try {
    socket.send(dumpRequest(filter));
    for (let silences = 0; !takePart(socket, on, () => silences++); ) {
      if (silences > MAX_SILENCES) throw new KernelError('conntrack-dump', { text: 'no answer' });
      if (!(await between())) return;
      await setImmediate();
    }
  } catch (cause) {
    throw ctnetlinkRefusal('conntrack-dump', cause);
  } finally {
    socket.close();
  }
}

/** @returns true when it was the last. */
function takePart(socket: CtnetlinkSocket, on: (flow: Uint32Array) => void, silent: () => void): boolean {
  const rows = socket.receive();
  if (rows < 0) throw new KernelError('conntrack-dump', { errno: 'ENOBUFS' });
  if (rows === 0) silent();
  const view = new DataView(socket.bytes.buffer, socket.bytes.byteOffset, socket.bytes.byteLength);
  const flow = new Uint32Array(FLOW_WORDS);
  let ended = false;
  const listener = {
    message: (_index: number, _type: number, at: number, end: number) => {
      if (readFlow(view, at, end, flow)) on(flow);
    },
    settled: (_index: number, errno: number) => {
      if (errno !== 0) throw new KernelError('conntrack-dump', { text: `errno ${errno}` });
      ended = true;
    },
  };
  for (let row = 0; row < rows; row++) {
    walkAnswers(view, socket.table[2 * row]!, socket.table[2 * row + 1]!, SEQUENCE, 1, listener);
  }
  return ended;
}

function dumpRequest(filter: ConnectionFilter): Uint8Array {
  const w = new NetlinkWriter().u32(0).u16(IPCTNL_MSG_CT_GET);
  w.u16(NLM_F_REQUEST | NLM_F_DUMP);
  return w.u32(SEQUENCE).u32(0).bytes(encodeConnectionFilter(filter)).endMessage(0).finish();
}
