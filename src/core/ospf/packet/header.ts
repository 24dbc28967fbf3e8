/**
 * The packet header (RFC 2328 A.3.1), 24 bytes:
 *
 *     0      version u8 = 2 | type u8 | length u16 (header included)
 *     4      router id u32
 *     8      area id u32
 *     12     checksum u16 | authentication type u16
 *     16     authentication 8 bytes                                    ignored with type 0
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { OSPF_VERSION, PACKET_HEADER_LENGTH } from '../codes.ts';
import { packetChecksum } from './checksum.ts';
import type { PacketHeader } from './packet.ts';

const NULL_AUTHENTICATION = 0;
const MAX_PACKET_LENGTH = 0xffff;

const LENGTH_AT = 2;
const CHECKSUM_AT = 12;
const AUTHENTICATION_TYPE_AT = 14;

/** The header with what only the codec needs: which body follows, and where it ends. */
export interface DecodedHeader {
  readonly type: number;
  readonly length: number;
  readonly routerId: Ipv4;
  readonly areaId: Ipv4;
}

/**
 * Reads and judges the header at the start of the reader's bytes. Order: length, version, authentication, checksum (a
 * packet with cryptographic authentication has no checksum, RFC 2328 D.4.3). Bytes beyond the length are tolerated:
 * that is where LLS blocks (RFC 5613) and digests live.
 *
 * @throws DecodeError 'short', 'length', 'version', 'auth' (anything but null authentication), 'checksum'
 */
export function decodeHeader(r: Reader): DecodedHeader {
  const given = r.remaining;
  const version = r.u8();
  const type = r.u8();
  const length = r.u16();
  const routerId = r.u32();
  const areaId = r.u32();
  r.skip(2);
  const authenticationType = r.u16();
  r.skip(8);
  if (length < PACKET_HEADER_LENGTH || length > given) {
    throw new DecodeError('length', LENGTH_AT, `${length} of ${given} bytes`);
  }
  if (version !== OSPF_VERSION) throw new DecodeError('version', 0, `version ${version}`);
  if (authenticationType !== NULL_AUTHENTICATION) {
    throw new DecodeError('auth', AUTHENTICATION_TYPE_AT, `authentication type ${authenticationType}`);
  }
  if (packetChecksum(r.bytes, length) !== 0) throw new DecodeError('checksum', CHECKSUM_AT);
  return { type, length, routerId, areaId };
}

/** Writes a header whose length and checksum are still zero; `sealPacket` fills them in once the body is there. */
export function encodeHeader(w: Writer, type: number, header: PacketHeader): void {
  w.u8(OSPF_VERSION).u8(type).u16(0).u32(header.routerId).u32(header.areaId).u32(0).u32(0).u32(0);
}

/**
 * Fills in length and checksum of a packet that is complete but for them, and returns its bytes (a view of the writer).
 *
 * @throws RangeError beyond 65,535 bytes
 */
export function sealPacket(w: Writer): Uint8Array {
  if (w.length > MAX_PACKET_LENGTH) throw new RangeError(`an OSPF packet of ${w.length} bytes cannot be encoded`);
  w.patchU16(LENGTH_AT, w.length);
  const bytes = w.view();
  w.patchU16(CHECKSUM_AT, packetChecksum(bytes, bytes.length));
  return bytes;
}
