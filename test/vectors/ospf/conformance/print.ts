/** What the router under test does, in words: one line per effect, one more per LSA that a packet carries or lists. */
import { formatIpv4, formatPrefix, lengthOfMask } from '../../../../src/core/base/ipv4.ts';
import { LsType, Option } from '../../../../src/core/ospf/codes.ts';
import type {
  AnnouncedPrefix,
  LsaView,
  NeighborView,
  OspfEffect,
  OspfRoute,
} from '../../../../src/core/ospf/events.ts';
import { lsaKeyText } from '../../../../src/core/ospf/lsa/codec.ts';
import type { LsaHeader } from '../../../../src/core/ospf/lsa/lsa.ts';
import { describeLsa } from '../../../../src/core/ospf/lsa/summary.ts';
import type { Verifier } from '../../../../src/core/ospf/packet/authentication.ts';
import { decodePacket } from '../../../../src/core/ospf/packet/codec.ts';
import type { Hello, PacketBody } from '../../../../src/core/ospf/packet/packet.ts';
import { bitNames, DD_FLAGS, OPTIONS } from './words.ts';

/** For those who look on: whether a packet is authentic is its receiver's question. */
export const ANY_AUTHENTICATION: Verifier = { verify: () => {} };

/** What a case may leave out with `ignore`. */
export type Topic = 'hello' | 'routes' | 'originated' | 'neighbor' | 'interface' | 'update' | 'ack' | 'dd' | 'request';

const TOPICS: Readonly<Record<string, Topic>> = {
  routes: 'routes',
  originated: 'originated',
  neighborChanged: 'neighbor',
  interfaceChanged: 'interface',
  joinAllDRouters: 'interface',
  leaveAllDRouters: 'interface',
};

const PACKET_WORDS: Readonly<Record<PacketBody['kind'], Topic>> = {
  hello: 'hello',
  dbDescription: 'dd',
  lsRequest: 'request',
  lsUpdate: 'update',
  lsAck: 'ack',
};

export function topicOf(effect: OspfEffect): Topic | undefined {
  if (effect.kind === 'send') return PACKET_WORDS[decodePacket(effect.bytes, ANY_AUTHENTICATION).body.kind];
  return TOPICS[effect.kind];
}

/** `claimed` is the sequence number of our last claim to be master; ours are printed as `x`, `x+1`, and so on. */
export function printEffect(effect: OspfEffect, claimed: number): string[] {
  switch (effect.kind) {
    case 'send': {
      const { body } = decodePacket(effect.bytes, ANY_AUTHENTICATION);
      const [first, ...list] = printBody(body, claimed);
      const head = `${effect.interface} ${PACKET_WORDS[body.kind]} to ${formatIpv4(effect.destination)}`;
      return [first === '' ? head : `${head}: ${first}`, ...list.map((line) => `    ${line}`)];
    }
    case 'joinAllDRouters':
      return [`${effect.interface} joins 224.0.0.6`];
    case 'leaveAllDRouters':
      return [`${effect.interface} leaves 224.0.0.6`];
    case 'interfaceChanged':
      return [`${effect.interface} ${effect.from} -> ${effect.to}`];
    case 'neighborChanged':
      return [
        `${effect.interface} neighbor ${formatIpv4(effect.routerId)} ${effect.from} -> ${effect.to} (${eventOf(effect.reason)})`,
      ];
    case 'originated':
      return [`router-LSA ${hex(effect.sequence)} announces ${printPrefixes(effect.prefixes)}`];
    case 'routes':
      return effect.routes.length === 0 ? ['no routes'] : ['routes', ...effect.routes.map(printRoute)];
    case 'helper':
      return [`${effect.interface} help for ${formatIpv4(effect.routerId)} ${effect.step}`];
    case 'restart':
      return [`our restart ${effect.step}`];
    case 'dropped':
      return [`${effect.interface} drops (${effect.reason})`];
    case 'neighborTrouble':
      return [`${effect.interface} tells the operator of ${formatIpv4(effect.address)} (${effect.reason})`];
    default:
      return [effect.kind];
  }
}

/** The event in RFC words; what an operator is told beyond it is no claim of a case. */
function eventOf(reason: string): string {
  return reason.split(/[: ]/)[0]!;
}

function printBody(body: PacketBody, claimed: number): string[] {
  switch (body.kind) {
    case 'hello':
      return [printHello(body)];
    case 'dbDescription': {
      const distance = (body.sequence - claimed) >>> 0;
      const sequence = distance < 1000 ? `x${distance === 0 ? '' : `+${distance}`}` : String(body.sequence);
      const words = `seq ${sequence} flags ${bitNames(DD_FLAGS, body.flags)} mtu ${body.interfaceMtu}`;
      return [`${words} options ${bitNames(OPTIONS, body.options)}`, ...body.headers.map(printHeader)];
    }
    case 'lsRequest':
      return ['', ...body.requests.map(lsaKeyText)];
    case 'lsAck':
      return ['', ...body.headers.map(printHeader)];
    case 'lsUpdate':
      return ['', ...body.lsas.map((lsa) => `${printHeader(lsa.header)}: ${describeLsa(lsa).join(', ') || '-'}`)];
  }
}

function printHello(hello: Hello): string {
  const heard = hello.neighbors.map(formatIpv4).join(' ');
  const length = lengthOfMask(hello.networkMask);
  return [
    `mask /${length} interval ${hello.helloInterval} dead ${hello.deadInterval} options ${bitNames(OPTIONS, hello.options)}`,
    `priority ${hello.priority} dr ${formatIpv4(hello.designatedRouter)} bdr ${formatIpv4(hello.backupDesignatedRouter)}`,
    `heard ${heard || '-'}`,
  ].join(' ');
}

function printHeader(header: LsaHeader): string {
  // Of an LSA's options the P-bit alone decides something (RFC 3101 2.4); elsewhere the same bit has another meaning.
  const isTranslated = header.type === LsType.nssa && (header.options & Option.np) !== 0;
  return `${lsaKeyText(header)} seq ${hex(header.sequence)} age ${header.age}${isTranslated ? ' P' : ''}`;
}

function hex(sequence: number): string {
  return (sequence >>> 0).toString(16).padStart(8, '0');
}

function printPrefixes(prefixes: readonly AnnouncedPrefix[]): string {
  return prefixes.map(({ prefix, metric }) => `${formatPrefix(prefix)} metric ${metric}`).join(', ') || '-';
}

function printRoute({ prefix, pathType, cost, nextHops }: OspfRoute): string {
  const hops = nextHops.map((hop) =>
    hop.gateway === undefined ? hop.interface : `${formatIpv4(hop.gateway)} ${hop.interface}`,
  );
  return `    ${formatPrefix(prefix)} ${pathType} cost ${cost} via ${hops.join(', ')}`;
}

export function printNeighbor(view: NeighborView): string {
  const { requests, retransmissions } = view;
  const lists = `requests ${requests} retransmissions ${retransmissions}`;
  return `${view.interface} ${formatIpv4(view.routerId)} at ${formatIpv4(view.address)} ${view.state} ${lists}`;
}

export function printLsaView(view: LsaView): string {
  return `${lsaKeyText(view)} seq ${hex(view.sequence)} age ${view.age}: ${view.summary.join(', ') || '-'}`;
}
