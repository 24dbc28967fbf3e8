/**
 * The record of a connection: one layout of 48 bytes, big-endian, on the wire, in the table and towards the kernel back end.
 *
 *      0 client u32 | 4 VIP u32                                     as the client sent it
 *      8 client port u16 | 10 VIP port u16 | 12 protocol u8         bytes 0 to 12 are the key
 *     13 op u8 | 14 TCP state u8 | 15 flags u8
 *     16 server u32 | 20 local u32                                  as the server sees it; local = client with plain NAT
 *     24 server port u16 | 26 local port u16
 *     28 service u32 | 32 owner u32 (router id) | 36 epoch u32
 *     40 timeout u32 (s) | 44 window scales u8 | 45 birth (3 bytes)
 *
 * A persistence entry (which server a client's connections go to) is a record of protocol 255: its VIP is the hash of the
 * service's name, both ports and the local port are 0, so that the key is client and service.
 *
 * Hot code passes bytes and an offset and uses `Field`; `readRecord` and `writeRecord` are for what is rare. Nothing here
 * looks beyond the 48 bytes at the offset: whoever has bytes from outside asks `recordFault` first.
 *
 * The birth tells two connections apart that have one tuple after another: 24 bits of the id that the kernel had given to it
 * where it began, which it keeps wherever it moves; 0 = not known.
 */
import { i32At, putU16, putU32, u16At, u32At } from '../../base/big-endian.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import { jhashText } from '../../hash/jhash.ts';

export const RECORD_BYTES = 48;

/** The key stands first. */
export const KEY_BYTES = 13;

/** Offsets in a record. */
export const Field = {
  client: 0,
  vip: 4,
  clientPort: 8,
  vipPort: 10,
  protocol: 12,
  op: 13,
  state: 14,
  flags: 15,
  server: 16,
  local: 20,
  serverPort: 24,
  localPort: 26,
  service: 28,
  owner: 32,
  epoch: 36,
  timeout: 40,
  windowScale: 44,
  birth: 45,
} as const;

/** What a record says is to be done. `closing`: somebody who is not the owner saw FIN or RST; the owner decides. */
export const Op = { put: 1, delete: 2, refresh: 3, closing: 4 } as const;

export const RecordFlag = {
  /** Both directions were seen, and the connection is not dropped early when the kernel's table fills. */
  assured: 1,
  seenReply: 2,
  /** Nobody told of it: computed from the client's tuple and a dead director's port blocks. */
  predicted: 4,
  /** Never on the wire: the kernel says that the client's packets come here now. */
  claimed: 8,
  /** Never on the wire: the kernel's entry, which was our own, becomes a replica. */
  demote: 16,
  /** Never on the wire: of an entry of the kernel's that another director carries. */
  replica: 32,
} as const;

/** The flags that may be sent. */
export const WIRE_FLAGS = RecordFlag.assured | RecordFlag.seenReply | RecordFlag.predicted;

export const Protocol = { tcp: 6, udp: 17, persistence: 255 } as const;

/** What `state` says, as conntrack counts (enum tcp_conntrack). What is not TCP has `none`. */
export const TcpState = {
  none: 0,
  synSent: 1,
  synRecv: 2,
  established: 3,
  /** The states from here on have seen a FIN or RST. */
  finWait: 4,
  closeWait: 5,
  lastAck: 6,
  timeWait: 7,
  close: 8,
} as const;

/** The bits of a kernel's id that are a birth. */
export const BIRTH_MASK = 0xff_ffff;

/** `windowScale` where nobody knows; else the client's shift << 4 | the server's. */
export const UNKNOWN_WINDOW_SCALE = 0xff;

/** A record as a value, for tests, for what people read, and for what happens seldom. */
export interface ConnectionRecord {
  readonly client: Ipv4;
  /** Of a persistence entry: `serviceHash` of the service. */
  readonly vip: Ipv4;
  readonly clientPort: number;
  readonly vipPort: number;
  readonly protocol: number;
  readonly op: number;
  /** As `TcpState`. */
  readonly state: number;
  /** Bits of `RecordFlag`. */
  readonly flags: number;
  readonly server: Ipv4;
  /** Source address towards the server: the client's with plain NAT, one of ours with FullNAT. */
  readonly local: Ipv4;
  readonly serverPort: number;
  readonly localPort: number;
  /** `serviceHash` of the service's name: services without an address have one, too. */
  readonly service: number;
  /** Router id of the director whose word counts. */
  readonly owner: Ipv4;
  /** Counts the changes of owner of this connection. */
  readonly epoch: number;
  /** Seconds that the entry had left when this was told. */
  readonly timeout: number;
  readonly windowScale: number;
  /** Which of the connections that have had this tuple: 24 bits; 0 = not known. */
  readonly birth: number;
}

/** A record at a place. The bytes there are `RECORD_BYTES` at least. */
export function readRecord(bytes: Uint8Array, at: number): ConnectionRecord {
  return {
    client: u32At(bytes, at + Field.client),
    vip: u32At(bytes, at + Field.vip),
    clientPort: u16At(bytes, at + Field.clientPort),
    vipPort: u16At(bytes, at + Field.vipPort),
    protocol: bytes[at + Field.protocol]!,
    op: bytes[at + Field.op]!,
    state: bytes[at + Field.state]!,
    flags: bytes[at + Field.flags]!,
    server: u32At(bytes, at + Field.server),
    local: u32At(bytes, at + Field.local),
    serverPort: u16At(bytes, at + Field.serverPort),
    localPort: u16At(bytes, at + Field.localPort),
    service: u32At(bytes, at + Field.service),
    owner: u32At(bytes, at + Field.owner),
    epoch: u32At(bytes, at + Field.epoch),
    timeout: u32At(bytes, at + Field.timeout),
    windowScale: bytes[at + Field.windowScale]!,
    birth: birthAt(bytes, at),
  };
}

/** All 48 bytes at a place. */
export function writeRecord(bytes: Uint8Array, at: number, record: ConnectionRecord): void {
  putU32(bytes, at + Field.client, record.client);
  putU32(bytes, at + Field.vip, record.vip);
  putU16(bytes, at + Field.clientPort, record.clientPort);
  putU16(bytes, at + Field.vipPort, record.vipPort);
  bytes[at + Field.protocol] = record.protocol;
  bytes[at + Field.op] = record.op;
  bytes[at + Field.state] = record.state;
  bytes[at + Field.flags] = record.flags;
  putU32(bytes, at + Field.server, record.server);
  putU32(bytes, at + Field.local, record.local);
  putU16(bytes, at + Field.serverPort, record.serverPort);
  putU16(bytes, at + Field.localPort, record.localPort);
  putU32(bytes, at + Field.service, record.service);
  putU32(bytes, at + Field.owner, record.owner);
  putU32(bytes, at + Field.epoch, record.epoch);
  putU32(bytes, at + Field.timeout, record.timeout);
  putU32(bytes, at + Field.windowScale, (record.windowScale << 24) | (record.birth & BIRTH_MASK));
}

/** Records as one batch, in their order. */
export function recordsOf(records: readonly ConnectionRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.length * RECORD_BYTES);
  for (const [index, record] of records.entries()) writeRecord(bytes, index * RECORD_BYTES, record);
  return bytes;
}

/** Single records as one batch, in their order. */
export function joinRecords(records: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(records.length * RECORD_BYTES);
  for (const [index, record] of records.entries()) bytes.set(record, index * RECORD_BYTES);
  return bytes;
}

/** Every record of a batch as a value; for tests and for people. */
export function readRecords(bytes: Uint8Array): readonly ConnectionRecord[] {
  return Array.from({ length: Math.floor(bytes.length / RECORD_BYTES) }, (_, index) =>
    readRecord(bytes, index * RECORD_BYTES),
  );
}

/** Are two records about the same connection: client, VIP, ports and protocol? */
export function sameKey(a: Uint8Array, at: number, b: Uint8Array, bAt: number): boolean {
  return (
    i32At(a, at) === i32At(b, bAt) &&
    i32At(a, at + 4) === i32At(b, bAt + 4) &&
    i32At(a, at + 8) === i32At(b, bAt + 8) &&
    a[at + Field.protocol] === b[bAt + Field.protocol]
  );
}

/** Do two records look the same to the server: its address and port, ours and the protocol? */
export function sameServerSide(a: Uint8Array, at: number, b: Uint8Array, bAt: number): boolean {
  return (
    i32At(a, at + Field.server) === i32At(b, bAt + Field.server) &&
    i32At(a, at + Field.local) === i32At(b, bAt + Field.local) &&
    i32At(a, at + Field.serverPort) === i32At(b, bAt + Field.serverPort) &&
    a[at + Field.protocol] === b[bAt + Field.protocol]
  );
}

/** The birth that a record names. */
export function birthAt(bytes: Uint8Array, at: number): number {
  return u32At(bytes, at + Field.windowScale) & BIRTH_MASK;
}

/** Nothing else of a record changes. */
export function putBirth(bytes: Uint8Array, at: number, birth: number): void {
  bytes[at + Field.birth] = birth >>> 16;
  putU16(bytes, at + Field.birth + 1, birth);
}

/** Are two records certainly about one connection: do they look the same to the server, and name the same birth? */
export function sameConnection(a: Uint8Array, at: number, b: Uint8Array, bAt: number): boolean {
  const birth = birthAt(a, at);
  return birth !== 0 && birth === birthAt(b, bAt) && sameServerSide(a, at, b, bAt);
}

/** Are two records certainly about two connections? */
export function otherConnection(a: Uint8Array, at: number, b: Uint8Array, bAt: number): boolean {
  if (!sameServerSide(a, at, b, bAt)) return true;
  const [birth, other] = [birthAt(a, at), birthAt(b, bAt)];
  return birth !== other && birth !== 0 && other !== 0;
}

/** Is this a persistence entry, and no connection? */
export function isRemembered(bytes: Uint8Array, at: number): boolean {
  return bytes[at + Field.protocol] === Protocol.persistence;
}

/**
 * The hash of a record's key: MurmurHash3_x86_32 (Appleby) with seed 0 over four words: client, VIP, both ports, protocol,
 * each as the number that it is. It is on the wire, in digests, and therefore never changes.
 *
 * @returns unsigned 32 bits
 */
export function recordHash(bytes: Uint8Array, at: number): number {
  return hash4(i32At(bytes, at), i32At(bytes, at + 4), i32At(bytes, at + 8), bytes[at + Field.protocol]!);
}

/** The same over server, local address, both their ports and the protocol. Never on the wire. */
export function serverSideHash(bytes: Uint8Array, at: number): number {
  return hash4(
    i32At(bytes, at + Field.server),
    i32At(bytes, at + Field.local),
    i32At(bytes, at + Field.serverPort),
    bytes[at + Field.protocol]!,
  );
}

/** How many ranges the hashes are cut into, for digests and for what is sent again. */
export const RANGES = 256;

/** The range that a hash lies in, 0 to 255. */
export function rangeOf(hash: number): number {
  return hash >>> 24;
}

function hash4(a: number, b: number, c: number, d: number): number {
  let h = mix(mix(mix(mix(0, a), b), c), d) ^ 16;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** One word into the state of MurmurHash3_x86_32. */
function mix(state: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = state ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/**
 * What is wrong with a record that a peer sent; undefined = it may be believed.
 */
export function recordFault(bytes: Uint8Array, at: number): string | undefined {
  const op = bytes[at + Field.op]!;
  if (op < Op.put || op > Op.closing) return `op ${op}`;
  const flags = bytes[at + Field.flags]!;
  if ((flags & ~WIRE_FLAGS) !== 0) return `flags ${flags}`;
  if (i32At(bytes, at + Field.owner) === 0) return 'no owner';
  const protocol = bytes[at + Field.protocol]!;
  if (protocol === Protocol.persistence)
    return i32At(bytes, at + 8) === 0 ? undefined : 'a persistence entry with ports';
  return protocol === Protocol.tcp || protocol === Protocol.udp ? undefined : `protocol ${protocol}`;
}

/** Arbitrary, and fixed: hashes of names are on the wire. */
const SERVICE_SEED = 0x51c1ce30;

/** What a service is called in records: 32 bits of its name. */
export function serviceHash(name: string): number {
  return jhashText(name, SERVICE_SEED);
}
