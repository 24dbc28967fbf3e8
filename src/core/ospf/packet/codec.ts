/**
 * OSPFv2 packets between bytes and values. One file beside this one per message has its layout.
 *
 * In: what arrived behind the IP header, any bytes at all; or a packet to send. Out: a `Packet`, or a DecodeError (the
 * only thing that decoding throws), or fresh bytes. LSAs inside a decoded update are views of the bytes given, so they
 * live as long as the caller's buffer does: `copyLsa` what is kept.
 *
 * Not here: anything that needs an interface or a neighbor to judge (area, subnet, intervals, duplicates). Authentication
 * is the interface's too: whoever decodes or encodes brings it, else there is none (authentication.ts).
 */
import { DecodeError } from '../../base/decode-error.ts';
import { Reader } from '../../base/reader.ts';
import { Writer } from '../../base/writer.ts';
import { PACKET_HEADER_LENGTH, PacketType } from '../codes.ts';
import { nullAuthentication, type Seal, type Verifier } from './authentication.ts';
import { dbDescriptionLength, decodeDbDescription, encodeDbDescription } from './db-description.ts';
import { decodeHeader, encodeHeader, sealPacket } from './header.ts';
import { decodeHello, encodeHello, helloLength } from './hello.ts';
import { decodeLsAck, encodeLsAck, lsAckLength } from './ls-ack.ts';
import { decodeLsRequest, encodeLsRequest, lsRequestLength } from './ls-request.ts';
import { decodeLsUpdate, encodeLsUpdate, lsUpdateLength } from './ls-update.ts';
import type { Packet, PacketBody } from './packet.ts';

/**
 * Decodes one OSPF packet, given without its IP header. What follows it beyond the OSPF length is the verifier's.
 *
 * @throws DecodeError with the first thing that is wrong: 'short', 'length', 'version', then what the verifier finds
 *   ('checksum' or a reason that begins with 'auth'), 'type', 'trailing'. A bad LSA inside an update is no error of the
 *   packet: see `LsUpdate.skipped`.
 */
export function decodePacket(bytes: Uint8Array, verifier: Verifier = nullAuthentication): Packet {
  const { type, length, routerId, areaId } = decodeHeader(new Reader(bytes));
  verifier.verify(bytes, length);
  const body = decodeBody(new Reader(bytes, PACKET_HEADER_LENGTH, length), type);
  return { header: { routerId, areaId }, body };
}

function decodeBody(r: Reader, type: number): PacketBody {
  switch (type) {
    case PacketType.hello:
      return decodeHello(r);
    case PacketType.dbDescription:
      return decodeDbDescription(r);
    case PacketType.lsRequest:
      return decodeLsRequest(r);
    case PacketType.lsUpdate:
      return decodeLsUpdate(r);
    case PacketType.lsAck:
      return decodeLsAck(r);
    default:
      throw new DecodeError('type', 1, `packet type ${type}`);
  }
}

/**
 * Encodes a packet; length, checksum and authentication are computed. The bytes, with what the seal adds behind the packet,
 * are fresh memory that belongs to the caller.
 *
 * @throws RangeError beyond 65,535 bytes
 */
export function encodePacket(packet: Packet, seal: Seal = nullAuthentication): Uint8Array {
  const { header, body } = packet;
  const w = new Writer(packetLength(body) + seal.trailerLength);
  encodeHeader(w, PacketType[body.kind], header);
  encodeBody(w, body);
  return sealPacket(w, seal);
}

function encodeBody(w: Writer, body: PacketBody): void {
  switch (body.kind) {
    case 'hello':
      encodeHello(w, body);
      break;
    case 'dbDescription':
      encodeDbDescription(w, body);
      break;
    case 'lsRequest':
      encodeLsRequest(w, body);
      break;
    case 'lsUpdate':
      encodeLsUpdate(w, body);
      break;
    case 'lsAck':
      encodeLsAck(w, body);
      break;
  }
}

/** Bytes that a packet with this body takes, header included: for packing to the MTU (20 bytes of IP header go first). */
export function packetLength(body: PacketBody): number {
  switch (body.kind) {
    case 'hello':
      return PACKET_HEADER_LENGTH + helloLength(body);
    case 'dbDescription':
      return PACKET_HEADER_LENGTH + dbDescriptionLength(body);
    case 'lsRequest':
      return PACKET_HEADER_LENGTH + lsRequestLength(body);
    case 'lsUpdate':
      return PACKET_HEADER_LENGTH + lsUpdateLength(body);
    case 'lsAck':
      return PACKET_HEADER_LENGTH + lsAckLength(body);
  }
}
