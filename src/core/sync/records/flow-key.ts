/** A flow's tuple as a key of a Map: what a packet says, which is what the key of a record says of its client's packets. */
import { putU16, putU32, u16At, u32At } from '../../base/big-endian.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import { Field, KEY_BYTES, Protocol } from './record.ts';

export interface FlowTuple {
  readonly protocol: number;
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly sport: number;
  readonly dport: number;
}

/** 13 bytes as seven UTF-16 units: made faster than any readable text. */
export function flowKey({ protocol, source, destination, sport, dport }: FlowTuple): string {
  return String.fromCharCode(
    source >>> 16,
    source & 0xffff,
    destination >>> 16,
    destination & 0xffff,
    sport,
    dport,
    protocol,
  );
}

/** Of the client's packets of a record. */
export function recordKey(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(
    u16At(bytes, at),
    u16At(bytes, at + 2),
    u16At(bytes, at + 4),
    u16At(bytes, at + 6),
    u16At(bytes, at + 8),
    u16At(bytes, at + 10),
    bytes[at + Field.protocol]!,
  );
}

/** As a query has it. */
export function tupleBytes({ protocol, source, destination, sport, dport }: FlowTuple): Uint8Array {
  const bytes = new Uint8Array(KEY_BYTES);
  putU32(bytes, 0, source);
  putU32(bytes, 4, destination);
  putU16(bytes, 8, sport);
  putU16(bytes, 10, dport);
  bytes[12] = protocol;
  return bytes;
}

/** The tuple in such 13 bytes, or at the beginning of a record. */
export function tupleAt(bytes: Uint8Array): FlowTuple {
  return {
    protocol: bytes[Field.protocol]!,
    source: u32At(bytes, 0),
    destination: u32At(bytes, 4),
    sport: u16At(bytes, 8),
    dport: u16At(bytes, 10),
  };
}

/** The key of a persistence entry: the server of a client of a service. */
export function clientKey(service: number, client: Ipv4): Uint8Array {
  return tupleBytes({ protocol: Protocol.persistence, source: client, destination: service, sport: 0, dport: 0 });
}
