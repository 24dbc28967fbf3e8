/**
 * What a neighbor says, one packet a line, to bytes:
 *
 *     hello [mask A] [interval S] [dead S] [options E] [priority N] [dr A] [bdr A] [heard us|A ...]
 *     dd seq N|x|x+N flags I,M,MS [mtu N] [options E,O] [lsas REF ...]          x: the sequence that we claimed last
 *     request for REF|type/id/router ...
 *     update [count N] lsas REF ...
 *     ack lsas REF ...
 *
 * and, before the lists, what breaks the packet or comes from elsewhere: `from A`, `router A`, `to A`, `area A`,
 * `version N`, `packet-type N`, `autype N`, `length N` (as the header states it), `checksum wrong`, `cut N` (bytes off the
 * end), `trailing HEX` (bytes beyond the packet's length, such as an LLS block). The checksum is right unless it says so.
 *
 * Where our interface has a key, the packet is authenticated with it: `crypto-seq N` (1 unless told), `key-id N`, `secret S`
 * (ours unless told), `digest wrong`. Nothing else breaks such a packet.
 */
import { formatIpv4, type Ipv4, ipv4, maskOf } from '../../../../src/core/base/ipv4.ts';
import { Secret } from '../../../../src/core/base/secret.ts';
import type { AuthenticationKey } from '../../../../src/core/model/keys.ts';
import { cryptographicSeal } from '../../../../src/core/ospf/authentication/cryptographic.ts';
import { ALL_SPF_ROUTERS } from '../../../../src/core/ospf/codes.ts';
import type { InterfaceConfig } from '../../../../src/core/ospf/events.ts';
import type { Lsa, LsaKey } from '../../../../src/core/ospf/lsa/lsa.ts';
import { packetChecksum } from '../../../../src/core/ospf/packet/checksum.ts';
import { encodePacket } from '../../../../src/core/ospf/packet/codec.ts';
import type { Packet, PacketBody } from '../../../../src/core/ospf/packet/packet.ts';
import { digester } from '../../../../src/io/digester.ts';
import { fromHex } from '../handmade.ts';
import { resolveLsa } from './lsas.ts';
import { bits, DD_FLAGS, OPTIONS, Pairs, split } from './words.ts';

export interface Peer {
  readonly name: string;
  readonly interface: string;
  readonly address: Ipv4;
  readonly routerId: Ipv4;
}

/** What a packet line refers to. */
export interface Surroundings {
  readonly us: {
    readonly routerId: Ipv4;
    readonly areaId: Ipv4;
    readonly address: Ipv4;
    readonly prefixLength: number;
  };
  readonly interface: InterfaceConfig;
  readonly lsas: ReadonlyMap<string, Lsa>;
  /** Of our interface, where it has one. */
  readonly key: AuthenticationKey | undefined;
  /** The sequence number of our last claim to be master. */
  readonly claimed: number;
}

export interface PeerPacket {
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly bytes: Uint8Array;
}

const LISTS = ['heard', 'lsas', 'for'];

/** `words` is the line behind the peer's name: the kind of packet, then pairs. */
export function peerPacket(peer: Peer, text: string, around: Surroundings): PeerPacket {
  const [kind = '', ...words] = split(text);
  const pairs = new Pairs(text, words, LISTS);
  const body = bodyOf(kind, pairs, around);
  const header = {
    routerId: ipv4(pairs.get('router', String(formatIpv4(peer.routerId)))),
    areaId: ipv4(pairs.get('area', formatIpv4(around.us.areaId))),
  };
  const packet = {
    source: ipv4(pairs.get('from', formatIpv4(peer.address))),
    destination: destinationOf(kind, pairs, around),
    bytes:
      around.key === undefined
        ? breakPacket(encodePacket({ header, body }), pairs)
        : authenticated({ header, body }, around.key, pairs),
  };
  pairs.done();
  return packet;
}

function destinationOf(kind: string, pairs: Pairs, { us, interface: { network } }: Surroundings): Ipv4 {
  const usual = kind === 'hello' || network === 'point-to-point' ? ALL_SPF_ROUTERS : us.address;
  return ipv4(pairs.get('to', formatIpv4(usual)));
}

function bodyOf(kind: string, pairs: Pairs, around: Surroundings): PacketBody {
  switch (kind) {
    case 'hello':
      return helloOf(pairs, around);
    case 'dd':
      return {
        kind: 'dbDescription',
        interfaceMtu: pairs.number('mtu', 1500),
        options: bits(OPTIONS, pairs.get('options', 'E,O')),
        flags: bits(DD_FLAGS, pairs.get('flags')),
        sequence: ddSequence(pairs.get('seq'), around.claimed),
        headers: pairs.list('lsas').map((word) => resolveLsa(word, around.lsas).header),
      };
    case 'request':
      return { kind: 'lsRequest', requests: pairs.list('for').map((word) => keyOf(word, around)) };
    case 'update':
      return updateOf(pairs, around);
    case 'ack':
      return { kind: 'lsAck', headers: pairs.list('lsas').map((word) => resolveLsa(word, around.lsas).header) };
    default:
      throw new Error(`no such packet: ${kind}`);
  }
}

function helloOf(pairs: Pairs, { us, interface: config }: Surroundings): PacketBody {
  return {
    kind: 'hello',
    networkMask: ipv4(pairs.get('mask', formatIpv4(maskOf(us.prefixLength)))),
    helloInterval: pairs.number('interval', config.helloInterval / 1000),
    options: bits(OPTIONS, pairs.get('options', 'E')),
    priority: pairs.number('priority', 1),
    deadInterval: pairs.number('dead', config.deadInterval / 1000),
    designatedRouter: ipv4(pairs.get('dr', '0.0.0.0')),
    backupDesignatedRouter: ipv4(pairs.get('bdr', '0.0.0.0')),
    neighbors: pairs.list('heard').map((word) => (word === 'us' ? us.routerId : ipv4(word))),
  };
}

/** `x` and `x+N`: counted from the sequence number of our last claim. */
function ddSequence(word: string, claimed: number): number {
  const match = /^x(?:\+(\d+))?$/.exec(word);
  return match === null ? Number(word) : (claimed + Number(match[1] ?? 0)) >>> 0;
}

function keyOf(word: string, { lsas }: Surroundings): LsaKey {
  const [type = '', id, router] = word.split('/');
  if (id === undefined || router === undefined) return resolveLsa(word, lsas).header;
  return { type: Number(type), id: ipv4(id), advertisingRouter: ipv4(router) };
}

function updateOf(pairs: Pairs, { lsas: known }: Surroundings): PacketBody {
  const wire = pairs.list('lsas').map((word) => resolveLsa(word, known));
  // Only the bytes of an LSA are encoded, so that a broken one needs no body.
  const lsas = wire.map(({ header, bytes }): Lsa => ({ header, bytes, body: { kind: 'opaque' } }));
  return { kind: 'lsUpdate', lsas, skipped: [] };
}

const VERSION_AT = 0;
const TYPE_AT = 1;
const LENGTH_AT = 2;
const CHECKSUM_AT = 12;
const AUTHENTICATION_TYPE_AT = 14;
const COUNT_AT = 24;

function authenticated(packet: Packet, ours: AuthenticationKey, pairs: Pairs): Uint8Array {
  const secret = pairs.get('secret', '');
  const key = {
    ...ours,
    id: pairs.number('key-id', ours.id),
    ...(secret === '' ? {} : { secret: new Secret(new TextEncoder().encode(secret)) }),
  };
  const sequence = pairs.number('crypto-seq', 1);
  const bytes = encodePacket(
    packet,
    cryptographicSeal(key, digester, () => sequence),
  );
  if (pairs.get('digest', 'right') === 'wrong') bytes[bytes.length - 1]! ^= 1;
  return bytes;
}

/** Applies what the line says of the packet itself; the checksum is made right after all but its own change. */
function breakPacket(whole: Uint8Array, pairs: Pairs): Uint8Array {
  const packet = whole.slice(0, whole.length - pairs.number('cut', 0));
  const view = new DataView(packet.buffer);
  view.setUint8(VERSION_AT, pairs.number('version', view.getUint8(VERSION_AT)));
  view.setUint8(TYPE_AT, pairs.number('packet-type', view.getUint8(TYPE_AT)));
  view.setUint16(LENGTH_AT, pairs.number('length', packet.length));
  view.setUint16(AUTHENTICATION_TYPE_AT, pairs.number('autype', 0));
  const count = pairs.get('count', '');
  if (count !== '') view.setUint32(COUNT_AT, Number(count));
  view.setUint16(CHECKSUM_AT, 0);
  const wrong = pairs.get('checksum', 'right') === 'wrong' ? 0x0101 : 0;
  view.setUint16(CHECKSUM_AT, packetChecksum(packet, packet.length) ^ wrong);
  const trailing = fromHex(pairs.get('trailing', ''));
  const bytes = new Uint8Array(packet.length + trailing.length);
  bytes.set(packet);
  bytes.set(trailing, packet.length);
  return bytes;
}
