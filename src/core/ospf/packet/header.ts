/**
 * The packet header (RFC 2328 A.3.1), 24 bytes:
 *
 *     0      version u8 = 2 | type u8 | length u16 (header included)
 *     4      router id u32
 *     8      area id u32
 *     12     checksum u16 | authentication type u16
 *     16     authentication 8 bytes                                    see authentication.ts
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { OSPF_VERSION, PACKET_HEADER_LENGTH } from '../codes.ts';
import type { Seal } from './authentication.ts';
import type { PacketHeader } from './packet.ts';

const MAX_PACKET_LENGTH = 0xffff;

const LENGTH_AT = 2;

/** The header with what only the codec needs: which body follows, and where it ends. */
export interface DecodedHeader {
  readonly type: number;
  readonly length: number;
  readonly routerId: Ipv4;
  readonly areaId: Ipv4;
}

/**
 * Reads the header at the start of the reader's bytes and judges length and version; the rest is authentication's. Bytes
 * beyond the length are tolerated: that is where digests and LLS blocks (RFC 5613) live.
 *
 * @throws DecodeError 'short', 'length', 'version'
 */
export function decodeHeader(r: Reader): DecodedHeader {
  const given = r.remaining;
  const version = r.u8();
  const type = r.u8();
  const length = r.u16();
  const routerId = r.u32();
  const areaId = r.u32();
  // Checksum and authentication: read below, by whoever judges them.
  r.skip(PACKET_HEADER_LENGTH - 12);
  if (length < PACKET_HEADER_LENGTH || length > given) {
    throw new DecodeError('length', LENGTH_AT, `${length} of ${given} bytes`);
  }
  if (version !== OSPF_VERSION) throw new DecodeError('version', 0, `version ${version}`);
  return { type, length, routerId, areaId };
}

/** Writes a header whose length, checksum and authentication are still zero; `sealPacket` fills them in behind the body. */
export function encodeHeader(w: Writer, type: number, header: PacketHeader): void {
  w.u8(OSPF_VERSION).u8(type).u16(0).u32(header.routerId).u32(header.areaId).u32(0).u32(0).u32(0);
}

/**
 * Fills in the length of a packet that is otherwise written, seals it, and returns its bytes with the seal's trailer (a view
 * of the writer).
 *
 * @throws RangeError beyond 65,535 bytes
 */
export function sealPacket(w: Writer, seal: Seal): Uint8Array {
  const { length } = w;
  if (length > MAX_PACKET_LENGTH) throw new RangeError(`an OSPF packet of ${length} bytes cannot be encoded`);
  w.patchU16(LENGTH_AT, length);
  if (seal.trailerLength > 0) w.zeros(seal.trailerLength);
  const bytes = w.view();
  seal.seal(bytes, length);
  return bytes;
}
