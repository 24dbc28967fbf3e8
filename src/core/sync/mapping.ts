/**
 * Who was behind an address of ours: the lines of the mapping log, one when this director begins to carry a FullNAT connection
 * and one when it has ended here.
 *
 *   2026-11-21T19:03:11.042Z opened tcp 198.51.100.7:40001 203.0.113.10:80 10.3.0.1:4711 10.2.0.21:80 web
 *   time (UTC)               what   protocol client        VIP             local         server       service
 *
 * In: what the kernel tells, before the table takes it, and the table, which says what is news. Not here: files.
 */
import { u16At, u32At } from '../base/big-endian.ts';
import { formatIpv4 } from '../base/ipv4.ts';
import { Field, Op, Protocol, RECORD_BYTES, RecordFlag, sameKey, sameServerSide } from './records/record.ts';
import { type ConnectionTable, NO_SLOT } from './table/connection-table.ts';

/**
 * What a line says has happened: a connection was established or, without TCP, answered; its packets come here now, which another
 * director carried; it stood in the kernel when the kernel was listed, and nobody knows since when; it is over.
 */
export type MappingVerb = 'opened' | 'moved' | 'found' | 'closed';

/** Of a connection that this director carries, and whose server does not see the client's address. */
function isOurs(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at + Field.protocol] !== Protocol.persistence &&
    (bytes[at + Field.flags]! & (RecordFlag.replica | RecordFlag.demote)) === 0 &&
    u32At(bytes, at + Field.local) !== u32At(bytes, at + Field.client)
  );
}

/** Handshakes and questions without an answer are no connections yet. */
function isAnswered(bytes: Uint8Array, at: number): boolean {
  const flag = bytes[at + Field.protocol] === Protocol.tcp ? RecordFlag.assured : RecordFlag.seenReply;
  return (bytes[at + Field.flags]! & flag) !== 0;
}

/** How a record's connection stands with us before the record; `begun`: it is ours and was not answered yet. */
type Standing = 'unknown' | 'begun' | 'ours' | 'theirs';

/** What the table does not know yet may stand in the batch: short connections begin and end in one. */
function standing(records: Uint8Array, at: number, table: ConnectionTable, self: number): Standing {
  const earlier = earlierOf(records, at);
  if (earlier >= 0) {
    if (records[earlier + Field.op] !== Op.put || !sameServerSide(records, at, records, earlier)) return 'unknown';
    return isClaimed(records, earlier) || isAnswered(records, earlier) ? 'ours' : 'begun';
  }
  const slot = table.find(records, at);
  const { bytes } = table;
  const known = table.offset(slot);
  if (slot === NO_SLOT || !sameServerSide(records, at, bytes, known)) return 'unknown';
  if (u32At(bytes, known + Field.owner) !== self) return 'theirs';
  return isAnswered(bytes, known) ? 'ours' : 'begun';
}

/** The last record of the same connection before this one, -1 = none. Most differ in the client's port. */
function earlierOf(records: Uint8Array, at: number): number {
  const high = records[at + Field.clientPort]!;
  const low = records[at + Field.clientPort + 1]!;
  for (let other = at - RECORD_BYTES; other >= 0; other -= RECORD_BYTES) {
    if (records[other + Field.clientPort + 1] !== low || records[other + Field.clientPort] !== high) continue;
    if (sameKey(records, at, records, other) && isOurs(records, other)) return other;
  }
  return -1;
}

function isClaimed(records: Uint8Array, at: number): boolean {
  return (records[at + Field.flags]! & RecordFlag.claimed) !== 0;
}

/**
 * How the record came to us: as it happened; by listing the kernel, so that what is unknown did not begin now; by the first
 * listing of this process: what peers have told of our earlier life says nothing of what that has written.
 */
export type MappingSource = 'event' | 'dump' | 'start';

/**
 * What the log has to say of a record of the kernel's; undefined = nothing, or it was said.
 *
 * @param records the batch that it stands in, at `at`
 * @param table what was known before the batch
 * @param self router id of this director
 */
export function mappingVerb(
  records: Uint8Array,
  at: number,
  table: ConnectionTable,
  self: number,
  source: MappingSource,
): MappingVerb | undefined {
  if (!isOurs(records, at)) return undefined;
  const known = standing(records, at, table, self);
  switch (records[at + Field.op]) {
    case Op.put:
      if (known === 'ours') return source === 'start' ? 'found' : undefined;
      // What a listing finds is another director's until a packet of its client comes here.
      if (known === 'theirs' || isClaimed(records, at)) return source === 'event' ? 'moved' : undefined;
      if (!isAnswered(records, at)) return undefined;
      return source === 'event' ? 'opened' : 'found';
    case Op.delete:
      return known === 'ours' ? 'closed' : undefined;
    default:
      return undefined;
  }
}

const PROTOCOLS: Readonly<Record<number, string>> = { [Protocol.tcp]: 'tcp', [Protocol.udp]: 'udp' };

/**
 * A line, its end included.
 *
 * @param time UTC, as text
 * @param service the service's name
 */
export function mappingLine(time: string, verb: MappingVerb, bytes: Uint8Array, at: number, service: string): string {
  const end = (address: number, port: number) => `${formatIpv4(u32At(bytes, at + address))}:${u16At(bytes, at + port)}`;
  const client = end(Field.client, Field.clientPort);
  const vip = end(Field.vip, Field.vipPort);
  const local = end(Field.local, Field.localPort);
  const server = end(Field.server, Field.serverPort);
  const protocol = PROTOCOLS[bytes[at + Field.protocol]!] ?? bytes[at + Field.protocol];
  return `${time} ${verb} ${protocol} ${client} ${vip} ${local} ${server} ${service}\n`;
}
