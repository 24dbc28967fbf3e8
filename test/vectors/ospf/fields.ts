/**
 * An OSPF packet under tshark's names: what our decoder read, written as `tshark -T fields` prints the same packet, so that
 * the two can be compared text by text. A field that occurs several times in a packet is a list in the order of the wire.
 */
import { formatIpv4 } from '../../../src/core/base/ipv4.ts';
import { LsType, PacketType } from '../../../src/core/ospf/codes.ts';
import type { Lsa, LsaBody, LsaHeader, RouterLink } from '../../../src/core/ospf/lsa/lsa.ts';
import { opaqueTypeOf } from '../../../src/core/ospf/lsa/opaque-lsa.ts';
import { packetLength } from '../../../src/core/ospf/packet/codec.ts';
import type { DbDescription, Hello, Packet, PacketBody } from '../../../src/core/ospf/packet/packet.ts';

/** Field name to values; fields that the packet does not have are left out. */
export type Fields = Readonly<Record<string, readonly string[]>>;

type Values = (packet: Packet) => readonly string[];

const hello = (take: (body: Hello) => readonly string[]): Values => {
  return ({ body }) => (body.kind === 'hello' ? take(body) : []);
};

const description = (take: (body: DbDescription) => string): Values => {
  return ({ body }) => (body.kind === 'dbDescription' ? [take(body)] : []);
};

const ofHeaders = (take: (header: LsaHeader) => string): Values => {
  return ({ body }) => headersOf(body).map(take);
};

const ofLsas = (take: (lsa: Lsa) => readonly string[]): Values => {
  return ({ body }) => (body.kind === 'lsUpdate' ? body.lsas.flatMap(take) : []);
};

function ofBodies<K extends LsaBody['kind']>(
  kind: K,
  take: (body: Extract<LsaBody, { kind: K }>) => readonly string[],
) {
  return ofLsas(({ body }) => (body.kind === kind ? take(body as Extract<LsaBody, { kind: K }>) : []));
}

const ofLinks = (take: (link: RouterLink) => string) => ofBodies('router', ({ links }) => links.map(take));

/** In the order in which the vector files list them. */
const FIELDS: Readonly<Record<string, Values>> = {
  'ospf.msg': ({ body }) => [String(PacketType[body.kind])],
  'ospf.packet_length': ({ body }) => [String(packetLength(body))],
  'ospf.srcrouter': ({ header }) => [formatIpv4(header.routerId)],
  'ospf.area_id': ({ header }) => [formatIpv4(header.areaId)],
  'ospf.hello.network_mask': hello((body) => [formatIpv4(body.networkMask)]),
  'ospf.hello.hello_interval': hello((body) => [String(body.helloInterval)]),
  'ospf.hello.router_priority': hello((body) => [String(body.priority)]),
  'ospf.hello.router_dead_interval': hello((body) => [String(body.deadInterval)]),
  'ospf.hello.designated_router': hello((body) => [formatIpv4(body.designatedRouter)]),
  'ospf.hello.backup_designated_router': hello((body) => [formatIpv4(body.backupDesignatedRouter)]),
  'ospf.hello.active_neighbor': hello((body) => body.neighbors.map(formatIpv4)),
  'ospf.db.interface_mtu': description((body) => String(body.interfaceMtu)),
  'ospf.dbd': description((body) => hex(body.flags, 2)),
  'ospf.db.dd_sequence': description((body) => String(body.sequence)),
  'ospf.ls.number_of_lsas': ({ body }) => (body.kind === 'lsUpdate' ? [String(body.lsas.length)] : []),
  // The packet's own options, if it has some, come before those of the LSAs in it.
  'ospf.v2.options': ({ body }) => [...ownOptions(body), ...headersOf(body).map(({ options }) => hex(options, 2))],
  'ospf.lsa.age': ofHeaders(({ age }) => String(age)),
  'ospf.lsa': ({ body }) => keysOf(body).map(({ type }) => String(type)),
  'ospf.lsa.id': ({ body }) => headersOf(body).flatMap(({ type, id }) => (isOpaque(type) ? [] : [formatIpv4(id)])),
  'ospf.lsid_opaque_type': ({ body }) =>
    headersOf(body).flatMap(({ type, id }) => (isOpaque(type) ? [String(opaqueTypeOf(id))] : [])),
  'ospf.link_state_id': ({ body }) => (body.kind === 'lsRequest' ? body.requests.map(({ id }) => formatIpv4(id)) : []),
  'ospf.advrouter': ({ body }) => keysOf(body).map(({ advertisingRouter }) => formatIpv4(advertisingRouter)),
  'ospf.lsa.seqnum': ofHeaders(({ sequence }) => hex(sequence >>> 0, 8)),
  'ospf.lsa.chksum': ofHeaders(({ checksum }) => hex(checksum, 4)),
  'ospf.lsa.length': ofHeaders(({ length }) => String(length)),
  'ospf.v2.router.lsa.flags': ofBodies('router', ({ flags }) => [hex(flags, 2)]),
  'ospf.lsa.number_of_links': ofBodies('router', ({ links }) => [String(links.length)]),
  'ospf.lsa.router.linktype': ofLinks(({ type }) => String(type)),
  'ospf.lsa.router.linkid': ofLinks(({ id }) => formatIpv4(id)),
  'ospf.lsa.router.linkdata': ofLinks(({ data }) => formatIpv4(data)),
  'ospf.lsa.router.metric0': ofLinks(({ metric }) => String(metric)),
  'ospf.lsa.network.netmask': ofBodies('network', ({ mask }) => [formatIpv4(mask)]),
  'ospf.lsa.network.attchrtr': ofBodies('network', ({ attachedRouters }) => attachedRouters.map(formatIpv4)),
  // tshark has one name for the masks of both summaries, types 3 and 4.
  'ospf.lsa.asbr.netmask': ofBodies('summary', ({ mask }) => [formatIpv4(mask)]),
  'ospf.lsa.asext.netmask': ofBodies('external', ({ mask }) => [formatIpv4(mask)]),
  'ospf.lsa.asext.type': ofBodies('external', ({ e2 }) => [e2 ? '1' : '0']),
  'ospf.metric': ofLsas(({ body }) =>
    body.kind === 'summary' || body.kind === 'external' ? [String(body.metric)] : [],
  ),
  'ospf.lsa.asext.fwdaddr': ofBodies('external', ({ forwardingAddress }) => [formatIpv4(forwardingAddress)]),
  'ospf.lsa.asext.extrttag': ofBodies('external', ({ tag }) => [String(tag)]),
};

/** What to ask tshark for. */
export const FIELD_NAMES: readonly string[] = Object.keys(FIELDS);

/** A decoded packet in tshark's words. */
export function fieldsOf(packet: Packet): Fields {
  const all = Object.entries(FIELDS).map(([name, values]) => [name, values(packet)] as const);
  return Object.fromEntries(all.filter(([, values]) => values.length > 0));
}

/** The LSA headers in a packet: listed, or of the LSAs that it carries. */
export function headersOf(body: PacketBody): readonly LsaHeader[] {
  if (body.kind === 'lsUpdate') return body.lsas.map(({ header }) => header);
  return body.kind === 'dbDescription' || body.kind === 'lsAck' ? body.headers : [];
}

function keysOf(body: PacketBody) {
  return body.kind === 'lsRequest' ? body.requests : headersOf(body);
}

function ownOptions(body: PacketBody): string[] {
  return body.kind === 'hello' || body.kind === 'dbDescription' ? [hex(body.options, 2)] : [];
}

function isOpaque(type: number): boolean {
  return type === LsType.opaqueLink || type === LsType.opaqueArea || type === LsType.opaqueAs;
}

function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}
