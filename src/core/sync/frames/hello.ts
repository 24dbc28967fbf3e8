/**
 * Who speaks, and what both must agree on. The first frame of each direction; said again, with the same identity, whenever
 * anything else in it has changed:
 *
 *     min version u8 | version u8 | flags u16 (bit 0: empty)
 *     router id u32 | boot epoch (8 bytes) | hash of the cluster file (8) | hash-table digest (8)
 *     director's name: length u8, bytes | cluster's name: length u8, bytes
 *     services: count u16, each: service u32, digest (8)
 *
 * Hellos of later versions begin with all this, so what follows is skipped.
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import type { VersionRange } from '../mesh/version.ts';
import { HelloFlag } from './codes.ts';
import { putHex8, putText, takeHex8, takeText } from './parts.ts';

export interface ServiceDigest {
  /** `serviceHash` of its name. */
  readonly service: number;
  /** Over its definition; 16 hexadecimal digits, as all digests here. */
  readonly digest: string;
}

export interface Hello {
  readonly kind: 'hello';
  readonly versions: VersionRange;
  readonly empty: boolean;
  readonly routerId: Ipv4;
  /** Random per start of the sender's process; 16 hexadecimal digits. */
  readonly bootEpoch: string;
  /** The first 8 bytes of the cluster file's SHA-256. */
  readonly configHash: string;
  readonly tableDigest: string;
  readonly name: string;
  readonly cluster: string;
  readonly services: readonly ServiceDigest[];
}

/** @throws DecodeError 'short', 'version' (no version 0, no range that ends before it begins), 'value' */
export function decodeHello(r: Reader): Hello {
  const versions = { min: r.u8(), max: r.u8() };
  if (versions.min === 0 || versions.min > versions.max) {
    throw new DecodeError('version', r.offset - 2, `versions ${versions.min} to ${versions.max}`);
  }
  const empty = (r.u16() & HelloFlag.empty) !== 0;
  const routerId = r.u32();
  if (routerId === 0) throw new DecodeError('value', r.offset - 4, 'router id 0.0.0.0');
  const identity = { routerId, bootEpoch: takeHex8(r), configHash: takeHex8(r), tableDigest: takeHex8(r) };
  const names = { name: takeText(r), cluster: takeText(r) };
  const services: ServiceDigest[] = [];
  for (let left = r.u16(); left > 0; left--) services.push({ service: r.u32(), digest: takeHex8(r) });
  r.skip(r.remaining);
  return { kind: 'hello', versions, empty, ...identity, ...names, services };
}

export function encodeHello(w: Writer, hello: Hello): void {
  w.u8(hello.versions.min)
    .u8(hello.versions.max)
    .u16(hello.empty ? HelloFlag.empty : 0)
    .u32(hello.routerId);
  putHex8(w, hello.bootEpoch);
  putHex8(w, hello.configHash);
  putHex8(w, hello.tableDigest);
  putText(w, hello.name);
  putText(w, hello.cluster);
  w.u16(hello.services.length);
  for (const { service, digest } of hello.services) {
    w.u32(service);
    putHex8(w, digest);
  }
}
