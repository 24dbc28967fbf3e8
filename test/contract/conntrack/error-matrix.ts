/** What ctnetlink answers to requests that it does not take, or takes although they are wrong: by name, the errno, 0 = taken. */
import { walkAnswers } from '../../../src/core/netlink/answers.ts';
import { NetlinkWriter, NLA_F_NESTED } from '../../../src/core/netlink/attributes.ts';
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST } from '../../../src/core/netlink/codes.ts';
import type { OpenCtnetlink } from '../../../src/io/ctnetlink.ts';

const [CREATE, EXCL] = [NLM_F_CREATE, NLM_F_CREATE | NLM_F_EXCL];
const [NEW, GET, DELETE] = [0x100, 0x101, 0x102];
const [CLIENT, VIP, SERVER] = [0x0a000002, 0x0a000001, 0x0a000003];
const SURE = 0xe;

interface Asked {
  readonly type?: number;
  readonly flags?: number;
  /** Of the client; one connection each. */
  readonly sport: number;
  readonly client?: number;
  readonly withReply?: boolean;
  readonly status?: number;
  readonly timeout?: number | undefined;
  readonly state?: number;
  readonly mark?: readonly [value: number, mask: number];
  /** Source and destination are translated. */
  readonly translated?: boolean;
  /** Source port towards the server. */
  readonly port?: number;
  readonly id?: number;
}

const nested = (w: NetlinkWriter, type: number, write: () => void) => w.attribute(type | NLA_F_NESTED, write);
const word = (w: NetlinkWriter, type: number, value: number) => w.attribute(type, () => w.be32(value));
const half = (w: NetlinkWriter, type: number, value: number) =>
  w.attribute(type, () => w.u8(value >>> 8).u8(value & 0xff));

function tuple(w: NetlinkWriter, type: number, source: number, destination: number, sport: number, dport: number) {
  nested(w, type, () => {
    nested(w, 1, () => word(w, 1, source) && word(w, 2, destination));
    nested(w, 2, () => w.attribute(1, () => w.u8(6)) && half(w, 2, sport) && half(w, 3, dport));
  });
}

function translation(w: NetlinkWriter, type: number, address: number, port: number): void {
  nested(w, type, () => {
    for (const limit of [1, 2]) word(w, limit, address);
    nested(w, 3, () => half(w, 1, port) && half(w, 2, port));
  });
}

function encode(asked: Asked): Uint8Array {
  const { sport, client = CLIENT } = asked;
  const w = new NetlinkWriter().u32(0).u16(asked.type ?? NEW);
  w.u16(NLM_F_REQUEST | NLM_F_ACK | (asked.flags ?? 0));
  w.u32(1).u32(0).u8(2).u8(0).u16(0);
  tuple(w, 1, client, VIP, sport, 80);
  if (asked.withReply !== false && (asked.flags ?? 0) !== 0) tuple(w, 2, VIP, client, 80, sport);
  if (asked.status !== undefined) word(w, 3, asked.status);
  if (asked.timeout !== undefined) word(w, 7, asked.timeout);
  if (asked.mark !== undefined) {
    word(w, 8, asked.mark[0]);
    word(w, 21, asked.mark[1]);
  }
  if (asked.id !== undefined) word(w, 12, asked.id);
  if (asked.state !== undefined) nested(w, 4, () => nested(w, 1, () => w.attribute(1, () => w.u8(asked.state!))));
  if (asked.translated) {
    translation(w, 13, SERVER, 80);
    translation(w, 6, VIP, asked.port ?? 2048);
  }
  return w.endMessage(0).finish();
}

const WHOLE = { flags: EXCL, status: SURE, timeout: 60, state: 3, translated: true } as const;

/** In this order: each builds on those before it. */
const REQUESTS: Readonly<Record<string, Asked>> = {
  'create, without a timeout': { ...WHOLE, sport: 1000, timeout: undefined },
  'create, without a reply tuple': { ...WHOLE, sport: 1000, withReply: false },
  'create, with status 0': { ...WHOLE, sport: 1000, status: 0 },
  'create, with a state that there is none of': { ...WHOLE, sport: 1000, state: 14 },
  'get what is not there': { type: GET, sport: 1000 },
  create: { ...WHOLE, sport: 1000 },
  'create again': { ...WHOLE, sport: 1000 },
  'create over it, with a translation': { ...WHOLE, flags: CREATE, sport: 1000 },
  'update with a translation': { ...WHOLE, flags: 0, sport: 1000 },
  'update with status and timeout': { sport: 1000, status: SURE, timeout: 30 },
  'update as upsert': { flags: CREATE, sport: 1000, timeout: 30 },
  'update of the timeout alone': { sport: 1000, timeout: 30 },
  'update of some bits of the mark': { sport: 1000, mark: [0x80000000, 0xc0000000] },
  'update that takes SEEN_REPLY away': { sport: 1000, status: 0xc },
  'update that takes ASSURED away': { sport: 1000, status: 0xa },
  'update that takes CONFIRMED away': { sport: 1000, status: 0x6 },
  'update that sets DYING': { sport: 1000, status: SURE | 0x200 },
  'update to FIN_WAIT': { sport: 1000, state: 4 },
  'update back to ESTABLISHED': { sport: 1000, state: 3 },
  'update to a state that there is none of': { sport: 1000, state: 14 },
  'update of what is not there': { sport: 1001, timeout: 30 },
  'create with a reply tuple that is in use': { ...WHOLE, sport: 1000, client: 0x0a000004 },
  'create beside it': { ...WHOLE, sport: 1000, client: 0x0a000004, port: 2049 },
  'delete by another id': { type: DELETE, sport: 1000, id: 12_345 },
  delete: { type: DELETE, sport: 1000 },
  'delete again': { type: DELETE, sport: 1000 },
};

const [ENOENT, EBUSY, EEXIST, EINVAL, ERANGE, EOPNOTSUPP] = [2, 16, 17, 22, 34, 95];

export const ERROR_MATRIX: Readonly<Record<string, number>> = {
  'create, without a timeout': EINVAL,
  'create, without a reply tuple': EINVAL,
  'create, with status 0': EBUSY,
  'create, with a state that there is none of': ERANGE,
  'get what is not there': ENOENT,
  create: 0,
  'create again': EEXIST,
  'create over it, with a translation': EOPNOTSUPP,
  'update with a translation': EOPNOTSUPP,
  'update with status and timeout': 0,
  'update as upsert': 0,
  'update of the timeout alone': 0,
  'update of some bits of the mark': 0,
  'update that takes SEEN_REPLY away': EBUSY,
  'update that takes ASSURED away': EBUSY,
  'update that takes CONFIRMED away': EBUSY,
  'update that sets DYING': EBUSY,
  'update to FIN_WAIT': 0,
  'update back to ESTABLISHED': 0,
  'update to a state that there is none of': ERANGE,
  'update of what is not there': ENOENT,
  'create with a reply tuple that is in use': EEXIST,
  'create beside it': 0,
  'delete by another id': ENOENT,
  delete: 0,
  'delete again': ENOENT,
};

/** Asks all of it, and says what was answered. */
export function errorMatrix(open: OpenCtnetlink): Record<string, number> {
  const socket = open({ slotBytes: 4096, batch: 8, receiveBytes: 1 << 20 });
  const view = new DataView(socket.bytes.buffer, socket.bytes.byteOffset, socket.bytes.byteLength);
  const answers = Object.entries(REQUESTS).map(([name, asked]) => {
    let said = -1;
    socket.send(encode(asked));
    for (let rows = socket.receive(); rows > 0; rows = socket.receive()) {
      for (let row = 0; row < rows; row++) {
        const settled = (_index: number, errno: number) => {
          said = errno;
        };
        walkAnswers(view, socket.table[2 * row]!, socket.table[2 * row + 1]!, 1, 1, { settled, message: () => {} });
      }
    }
    return [name, said] as const;
  });
  socket.close();
  return Object.fromEntries(answers);
}
