/**
 * Ways to spoil an OSPF packet: bytes flipped, cut, added; length fields that lie; and fields set to the values at which
 * programs go wrong. Mostly lengths and checksums are made right again afterwards, so that the nonsense gets past the door.
 */
import type { Prng } from '../../src/core/base/prng.ts';
import { LSA_HEADER_LENGTH, LsType, MAX_AGE, PACKET_HEADER_LENGTH, PacketType } from '../../src/core/ospf/codes.ts';
import { fillLsaChecksum } from '../../src/core/ospf/lsa/checksum.ts';
import { packetChecksum } from '../../src/core/ospf/packet/checksum.ts';

/** Where a number lies in a packet, and how many bytes it has. */
interface Field {
  readonly at: number;
  readonly width: 1 | 2 | 4;
}

const PACKET_LENGTH: Field = { at: 2, width: 2 };
const PACKET_CHECKSUM_AT = 12;
const LSA_COUNT: Field = { at: PACKET_HEADER_LENGTH, width: 4 };
const FIRST_LSA_AT = PACKET_HEADER_LENGTH + 4;
const LSA_LENGTH_AT = 18;
const LINK_COUNT_AT = 22;
const TOS_COUNT_AT = 33;

/** Where the LSAs of an update begin, as far as their lengths lead. */
function lsaStarts(packet: Uint8Array): number[] {
  if (packet[1] !== PacketType.lsUpdate) return [];
  const starts: number[] = [];
  let at = FIRST_LSA_AT;
  while (at + LSA_HEADER_LENGTH <= packet.length) {
    starts.push(at);
    const length = read(packet, { at: at + LSA_LENGTH_AT, width: 2 });
    if (length < LSA_HEADER_LENGTH) break;
    at += length;
  }
  return starts;
}

/** Every length and count in a packet. */
function lengthFields(packet: Uint8Array): Field[] {
  const fields: Field[] = [PACKET_LENGTH];
  if (packet[1] === PacketType.lsUpdate) fields.push(LSA_COUNT);
  for (const start of lsaStarts(packet)) {
    fields.push({ at: start + LSA_LENGTH_AT, width: 2 });
    if (packet[start + 3] !== LsType.router) continue;
    fields.push({ at: start + LINK_COUNT_AT, width: 2 }, { at: start + TOS_COUNT_AT, width: 1 });
  }
  return fields.filter(({ at, width }) => at + width <= packet.length);
}

function read(packet: Uint8Array, { at, width }: Field): number {
  let value = 0;
  for (let n = 0; n < width; n++) value = value * 256 + packet[at + n]!;
  return value;
}

function write(packet: Uint8Array, { at, width }: Field, value: number): void {
  for (let n = 0; n < width && at + n < packet.length; n++) packet[at + n] = value / 256 ** (width - 1 - n);
}

/**
 * Every length field of a packet at 0, at one, one beside what it says, and at its maximum, each with checksums as they
 * were and with checksums made right.
 */
export function sweepLengths(packet: Uint8Array): Uint8Array[] {
  return lengthFields(packet).flatMap((field) => {
    const max = 256 ** field.width - 1;
    const now = read(packet, field);
    return [0, 1, now - 1, now + 1, max - 1, max].flatMap((value) => {
      const lying = Uint8Array.from(packet);
      write(lying, field, Math.max(0, value));
      const sealed = Uint8Array.from(lying);
      sealLsas(sealed);
      sealPacket(sealed);
      return [lying, sealed];
    });
  });
}

/** Right checksums for the LSAs of an update, as far as their lengths lead. */
function sealLsas(packet: Uint8Array): void {
  for (const start of lsaStarts(packet)) {
    const length = read(packet, { at: start + LSA_LENGTH_AT, width: 2 });
    const end = Math.min(packet.length, start + Math.max(length, LSA_HEADER_LENGTH));
    fillLsaChecksum(packet.subarray(start, end));
  }
}

/** The right checksum over all that is there, for null authentication. */
function sealPacket(packet: Uint8Array): void {
  if (packet.length < PACKET_HEADER_LENGTH) return;
  write(packet, { at: PACKET_CHECKSUM_AT, width: 2 }, 0);
  write(packet, { at: PACKET_CHECKSUM_AT, width: 2 }, packetChecksum(packet, packet.length));
}

const below = (prng: Prng, limit: number) => Math.floor(prng.unit() * limit);
const pick = <T>(prng: Prng, items: readonly T[]): T => items[below(prng, items.length)]!;

const NASTY_32 = [0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 0xe0000005];
const NASTY_AGES = [0, 1, MAX_AGE - 1, MAX_AGE, MAX_AGE + 1, 0x8000, 0x8e10, 0xffff];

type Change = (packet: Uint8Array, prng: Prng) => Uint8Array;

/** From the field's own; each leaves the packet's other bytes alone. */
const CHANGES: readonly Change[] = [
  function flip(packet, prng) {
    const at = below(prng, packet.length);
    packet[at] = packet[at]! ^ (1 << below(prng, 8));
    return packet;
  },
  function overwrite(packet, prng) {
    packet[below(prng, packet.length)] = pick(prng, [0, 255, prng.u32() & 255]);
    return packet;
  },
  function nastyWord(packet, prng) {
    write(packet, { at: 4 * below(prng, packet.length / 4), width: 4 }, pick(prng, NASTY_32));
    return packet;
  },
  function lie(packet, prng) {
    const fields = lengthFields(packet);
    if (fields.length === 0) return packet;
    const field = pick(prng, fields);
    const now = read(packet, field);
    const max = 256 ** field.width - 1;
    write(packet, field, pick(prng, [0, 1, now - 1, now + 1, 19, 20, max, prng.u32() % max]));
    return packet;
  },
  function cut(packet, prng) {
    return packet.slice(0, below(prng, packet.length));
  },
  function grow(packet, prng) {
    const grown = new Uint8Array(packet.length + 4 * (1 + below(prng, 16)));
    grown.set(packet);
    for (let at = packet.length; at < grown.length; at++) grown[at] = pick(prng, [0, 255, prng.u32() & 255]);
    return grown;
  },
  function repeatTail(packet, prng) {
    const from = below(prng, packet.length);
    const tail = packet.slice(from);
    const longer = new Uint8Array(packet.length + tail.length);
    longer.set(packet);
    longer.set(tail, packet.length);
    if (packet[1] === PacketType.lsUpdate && longer.length > FIRST_LSA_AT) {
      write(longer, LSA_COUNT, read(longer, LSA_COUNT) + 1);
    }
    return longer;
  },
  function reincarnate(packet, prng) {
    const starts = lsaStarts(packet);
    if (starts.length === 0) return packet;
    const at = pick(prng, starts);
    if (prng.unit() < 0.5) write(packet, { at, width: 2 }, pick(prng, NASTY_AGES));
    const sequence: Field = { at: at + 12, width: 4 };
    if (prng.unit() < 0.5) write(packet, sequence, pick(prng, [...NASTY_32, read(packet, sequence) + 1]));
    return packet;
  },
  function rename(packet, prng) {
    const starts = lsaStarts(packet);
    if (starts.length === 0) return packet;
    const at = pick(prng, starts);
    packet[at + 3] = pick(prng, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 255]);
    return packet;
  },
  function retype(packet, prng) {
    packet[1] = pick(prng, [0, 1, 2, 3, 4, 5, 6, 255]);
    return packet;
  },
];

/** A spoilt copy of a packet; now and then nothing but noise. */
export function mutate(original: Uint8Array, prng: Prng): Uint8Array {
  if (prng.unit() < 0.02) return Uint8Array.from({ length: below(prng, 120) }, () => prng.u32() & 255);
  let packet = Uint8Array.from(original);
  for (let changes = 1 + below(prng, 3); changes > 0 && packet.length > 0; changes--) {
    packet = Uint8Array.from(pick(prng, CHANGES)(packet, prng));
  }
  if (prng.unit() < 0.85) sealLsas(packet);
  if (prng.unit() < 0.85 && packet.length >= PACKET_HEADER_LENGTH) write(packet, PACKET_LENGTH, packet.length);
  if (prng.unit() < 0.9) sealPacket(packet);
  return packet;
}
