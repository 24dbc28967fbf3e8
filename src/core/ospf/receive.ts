/** Packets in: the checks that every packet passes (RFC 2328 8.2), then to the part that it concerns. */
import { DecodeError } from '../base/decode-error.ts';
import { formatIpv4, type Ipv4, prefixContains, prefixOf } from '../base/ipv4.ts';
import { sequenceOf } from './authentication/cryptographic.ts';
import { ALL_D_ROUTERS } from './codes.ts';
import type { OspfInput } from './events.ts';
import { receiveLsAck, receiveLsUpdate } from './flooding/receive.ts';
import { hasSubnet, isDesignated, isPointToPoint, type OspfInterface } from './interface/interface.ts';
import { meetUnheard, receiveHello } from './interface/receive-hello.ts';
import { receiveDbDescription } from './neighbor/exchange.ts';
import { noticeLife } from './neighbor/machine.ts';
import type { Neighbor } from './neighbor/neighbor.ts';
import { receiveLsRequest } from './neighbor/requests.ts';
import { AuthenticationType, authenticationType } from './packet/authentication.ts';
import { decodePacket } from './packet/codec.ts';
import type { Packet, PacketHeader } from './packet/packet.ts';
import { drop, type Speaker } from './speaker.ts';
import { noticeTrouble } from './troubles.ts';

type PacketInput = Extract<OspfInput, { kind: 'packet' }>;

export function receivePacket(speaker: Speaker, input: PacketInput): void {
  const { source } = input;
  const iface = speaker.interfaces.get(input.interface);
  if (iface === undefined || iface.state === 'down') {
    drop(speaker, input.interface, source, 'interfaceDown', 'the interface is down');
    return;
  }
  if (iface.state === 'passive') {
    drop(speaker, iface.name, source, 'passive', 'OSPF is not spoken here');
    return;
  }
  if (source === iface.address) {
    drop(speaker, iface.name, source, 'ownPacket', 'from our own address');
    return;
  }
  const packet = decode(speaker, iface, input);
  if (packet === undefined || !isAcceptable(speaker, iface, packet.header, input)) return;
  if (!isFresh(speaker, iface, packet.header, input)) return;
  speaker.counters.received[packet.body.kind]++;
  dispatch(speaker, iface, packet, source);
  noteAuthentication(iface, packet.header, input);
}

/** RFC 2328 D.5.3: a number below the neighbor's last is a repetition. An equal one is not: BIRD's counts in seconds. */
function isFresh(speaker: Speaker, iface: OspfInterface, { routerId }: PacketHeader, input: PacketInput): boolean {
  const sequence = sequenceOf(input.bytes);
  const neighbor = findNeighbor(iface, routerId, input.source);
  const last = neighbor?.sequence;
  if (sequence === undefined || last === undefined || sequence >= last) return true;
  // Only our help (RFC 3623 3) keeps it from being down, where it might begin again at any number.
  if (neighbor?.helped !== undefined && neighbor.inactiveAt <= speaker.now) return true;
  const detail = `sequence number ${sequence}, its last was ${last}`;
  drop(speaker, iface.name, input.source, 'authSequence', detail);
  noticeForgery(speaker, iface, input, `authSequence: ${detail}`);
  return false;
}

/** Whoever it is: a router id that is not authenticated says nothing. */
function noticeForgery(speaker: Speaker, iface: OspfInterface, { source }: PacketInput, detail: string): void {
  noticeTrouble(speaker, iface, { address: source, routerId: 0 }, 'authentication', detail);
}

function noteAuthentication(iface: OspfInterface, { routerId }: PacketHeader, { source, bytes }: PacketInput): void {
  const neighbor = findNeighbor(iface, routerId, source);
  if (neighbor === undefined || neighbor.state === 'down') return;
  neighbor.sequence = sequenceOf(bytes) ?? neighbor.sequence;
  neighbor.authenticated = authenticationType(bytes) !== AuthenticationType.null;
}

function decode(speaker: Speaker, iface: OspfInterface, input: PacketInput): Packet | undefined {
  // Node hands out Buffers, whose `slice` is a view where a Uint8Array's is a copy; the database must get copies.
  const { buffer, byteOffset, byteLength } = input.bytes;
  try {
    return decodePacket(new Uint8Array(buffer, byteOffset, byteLength), iface.authenticator);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    drop(speaker, iface.name, input.source, error.reason, error.message);
    if (error.reason.startsWith('auth')) noticeForgery(speaker, iface, input, error.message);
    return undefined;
  }
}

function isAcceptable(speaker: Speaker, iface: OspfInterface, header: PacketHeader, input: PacketInput): boolean {
  const { source } = input;
  const refuse = (reason: Parameters<typeof drop>[3], detail: string): false => {
    drop(speaker, iface.name, source, reason, detail);
    return false;
  };
  const { areaId, routerId } = header;
  const who = { address: source, routerId };
  if (areaId !== speaker.config.areaId) {
    const detail = `area ${formatIpv4(areaId)}, ours is ${formatIpv4(speaker.config.areaId)}`;
    noticeTrouble(speaker, iface, who, 'area', detail);
    return refuse('area', detail);
  }
  const subnet = prefixOf(iface.address, iface.prefixLength);
  if (hasSubnet(iface) && !prefixContains(subnet, source)) {
    return refuse('subnet', `${formatIpv4(source)} is not on this link`);
  }
  if (input.destination === ALL_D_ROUTERS && !isDesignated(iface)) {
    return refuse('notDr', 'sent to AllDRouters, and we are neither DR nor BDR');
  }
  if (routerId === speaker.config.routerId) {
    const detail = `${formatIpv4(source)} has our router id ${formatIpv4(routerId)}`;
    noticeTrouble(speaker, iface, who, 'duplicateRouterId', detail);
    return refuse('duplicateRouterId', detail);
  }
  return routerId === 0 ? refuse('value', 'router id 0.0.0.0') : true;
}

function dispatch(speaker: Speaker, iface: OspfInterface, { header, body }: Packet, source: Ipv4): void {
  if (body.kind === 'hello') {
    receiveHello(speaker, iface, header, body, source);
    return;
  }
  const known = findNeighbor(iface, header.routerId, source);
  const answers = known === undefined && body.kind === 'dbDescription';
  const neighbor = answers ? meetUnheard(speaker, iface, header.routerId, source) : known;
  if (neighbor === undefined) {
    drop(speaker, iface.name, source, 'unknownNeighbor', `${body.kind} from ${formatIpv4(header.routerId)}`);
    return;
  }
  noticeLife(speaker, neighbor);
  switch (body.kind) {
    case 'dbDescription':
      receiveDbDescription(speaker, neighbor, body);
      break;
    case 'lsRequest':
      receiveLsRequest(speaker, neighbor, body);
      break;
    case 'lsUpdate':
      receiveLsUpdate(speaker, neighbor, body);
      break;
    case 'lsAck':
      receiveLsAck(speaker, neighbor, body);
      break;
  }
}

function findNeighbor(iface: OspfInterface, routerId: Ipv4, source: Ipv4): Neighbor | undefined {
  const neighbor = iface.neighbors.get(isPointToPoint(iface) ? routerId : source);
  return neighbor?.routerId === routerId ? neighbor : undefined;
}
