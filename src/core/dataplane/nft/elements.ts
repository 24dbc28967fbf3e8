/**
 * Duty: dumps of the elements of a set or map (NFT_MSG_NEWSETELEM, linux/netfilter/nf_tables.h) to elements as the planner
 * writes them. Ten services have 40,000 elements, so this decoder makes no objects on its way through the attributes.
 *
 * Keys and data are as the packets' registers hold them: addresses and ports in network order, marks and slots in the
 * machine's, each part of a concatenation padded to four bytes.
 */
import { DecodeError } from '../../base/decode-error.ts';
import { formatIpv4 } from '../../base/ipv4.ts';
import { numberText } from '../../base/number-text.ts';
import { align, LITTLE_ENDIAN, NetlinkReader, NLA_HEADER, NLA_TYPE_MASK } from '../../netlink/attributes.ts';
import { NFGENMSG_BYTES } from '../../netlink/codes.ts';
import { endpointElement, limitElement, linkElement, markedElement, memberElement, type Tally } from '../ruleset.ts';
import {
  NFTA_COUNTER_BYTES,
  NFTA_COUNTER_PACKETS,
  NFTA_DATA_VALUE,
  NFTA_EXPR_DATA,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_LIST_ELEMENTS,
} from './messages.ts';

const NFTA_SET_ELEM_FLAGS = 3;
const NFTA_SET_ELEM_EXPR = 7;
const NFTA_SET_ELEM_KEY_END = 10;
const NFTA_CONNLIMIT_COUNT = 1;
const NFTA_CONNLIMIT_FLAGS = 2;
/** "over" */
const NFT_CONNLIMIT_F_INV = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;

const NFT_SET_ELEM_CATCHALL = 0x2;
const NFT_JUMP = -3;
const NFT_GOTO = -4;

const PROTOCOLS: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };

/**
 * What a key or the data of an element is: a mark, slot or index, an address, `address . protocol . port`, the same of a packet
 * within a packet, `address . protocol . port . address` (of a service and one of its servers), `mark . address` (the same of a
 * service known by mark), `address . ports` (of data, which holds the least and the greatest of both), the name of an interface
 * or two of them, a MAC address, a verdict. A limit is a number with the connections that it allows.
 */
export type ElementPart =
  | 'number'
  | 'limit'
  | 'address'
  | 'service'
  | 'quoted'
  | 'member'
  | 'marked'
  | 'ports'
  | 'link'
  | 'links'
  | 'mac'
  | 'verdict'
  | 'none';

/** Of a key besides: `address . ports`, whose greatest is apart. */
type KeyPart = ElementPart | 'range';

const BYTES: Readonly<Record<Exclude<KeyPart, 'verdict' | 'none'>, number>> = {
  number: 4,
  limit: 4,
  address: 4,
  service: 12,
  quoted: 12,
  member: 16,
  marked: 8,
  ports: 16,
  range: 8,
  link: 16,
  links: 32,
  mac: 6,
};

export interface ElementLayout {
  readonly key: KeyPart;
  readonly data: ElementPart;
}

export interface ElementSink {
  readonly elements: Map<string, string>;
  readonly tallies: Map<string, Tally>;
}

/** Data that is not what the layout says; equal to nothing that we ever want. */
const FOREIGN = 'foreign';

/** Where the attribute's header begins, or -1. There are thousands of elements: no objects are made on the way. */
function find(view: DataView, from: number, to: number, type: number): number {
  for (let at = from; at < to; ) {
    const end = endOf(view, at, to);
    if ((view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK) === type) return at;
    at = align(end);
  }
  return -1;
}

function endOf(view: DataView, at: number, limit: number): number {
  const length = at + NLA_HEADER <= limit ? view.getUint16(at, LITTLE_ENDIAN) : 0;
  if (length < NLA_HEADER || at + length > limit) throw new DecodeError('length', at, `attribute of ${length} bytes`);
  return at + length;
}

/** Where the value begins. */
function valueAt(view: DataView, header: number, to: number, length: number): number {
  const at = header + NLA_HEADER;
  if (endOf(view, header, to) !== at + length) throw new DecodeError('length', header, `value of not ${length} bytes`);
  return at;
}

function findInside(view: DataView, outer: number, to: number, type: number): number {
  return outer < 0 ? -1 : find(view, outer + NLA_HEADER, endOf(view, outer, to), type);
}

function verdictText(view: DataView, verdict: number, to: number): string {
  const code = findInside(view, verdict, to, NFTA_VERDICT_CODE);
  const chain = findInside(view, verdict, to, NFTA_VERDICT_CHAIN);
  if (code < 0 || chain < 0) return FOREIGN;
  const value = view.getInt32(valueAt(view, code, to, 4), false);
  const end = endOf(view, chain, to);
  const name = new NetlinkReader(
    new Uint8Array(view.buffer, view.byteOffset + chain + NLA_HEADER, end - chain - NLA_HEADER),
  ).text();
  if (value === NFT_GOTO) return `goto ${name}`;
  return value === NFT_JUMP ? `jump ${name}` : FOREIGN;
}

function linkText(view: DataView, at: number): string {
  return linkElement(new NetlinkReader(new Uint8Array(view.buffer, view.byteOffset + at, BYTES.link)).text());
}

function macText(view: DataView, at: number): string {
  return Array.from({ length: BYTES.mac }, (_, i) =>
    view
      .getUint8(at + i)
      .toString(16)
      .padStart(2, '0'),
  ).join(':');
}

/** Least address . port, then greatest address . port. */
function portsText(view: DataView, at: number): string {
  const address = view.getUint32(at, false);
  if (address !== view.getUint32(at + 8, false)) return FOREIGN;
  return `${formatIpv4(address)} . ${view.getUint16(at + 4, false)}-${view.getUint16(at + 12, false)}`;
}

/** The text of a key or of data as the planner writes it. `outer`: NFTA_SET_ELEM_KEY or NFTA_SET_ELEM_DATA, or -1. */
function partText(view: DataView, outer: number, to: number, part: ElementPart): string {
  if (part === 'none') return '';
  if (part === 'verdict') return verdictText(view, findInside(view, outer, to, NFTA_DATA_VERDICT), to);
  const value = findInside(view, outer, to, NFTA_DATA_VALUE);
  if (value < 0) return FOREIGN;
  const at = value + NLA_HEADER;
  const length = endOf(view, value, to) - at;
  if (length !== BYTES[part]) return FOREIGN;
  if (part === 'number' || part === 'limit') return numberText(view.getUint32(at, LITTLE_ENDIAN));
  if (part === 'address') return formatIpv4(view.getUint32(at, false));
  if (part === 'ports') return portsText(view, at);
  if (part === 'link') return linkText(view, at);
  if (part === 'mac') return macText(view, at);
  if (part === 'links') return `${linkText(view, at)} . ${linkText(view, at + BYTES.link)}`;
  const protocol = view.getUint8(at + 4);
  if (part === 'quoted') return `${view.getUint32(at, false)} . ${protocol} . ${view.getUint16(at + 8, false)}`;
  if (part === 'marked') return markedElement(view.getUint32(at, LITTLE_ENDIAN), view.getUint32(at + 4, false));
  const port = view.getUint16(at + 8, false);
  const service = endpointElement(view.getUint32(at, false), PROTOCOLS[protocol] ?? String(protocol), port);
  return part === 'service' ? service : memberElement(service, view.getUint32(at + 12, false));
}

function u64(view: DataView, header: number, to: number): number {
  const at = valueAt(view, header, to, 8);
  return view.getUint32(at, false) * 2 ** 32 + view.getUint32(at + 4, false);
}

function keyText(view: DataView, from: number, to: number, part: KeyPart): string {
  const key = find(view, from, to, NFTA_SET_ELEM_KEY);
  return part === 'range' ? rangeText(view, from, to, key) : partText(view, key, to, part);
}

/** The least address . port, and apart from it the greatest. */
function rangeText(view: DataView, from: number, to: number, key: number): string {
  const ends = [key, find(view, from, to, NFTA_SET_ELEM_KEY_END)].map((one) => {
    const value = findInside(view, one, to, NFTA_DATA_VALUE);
    const at = value + NLA_HEADER;
    return value >= 0 && endOf(view, value, to) === at + BYTES.range ? at : -1;
  });
  const [least = -1, greatest = -1] = ends;
  if (least < 0 || greatest < 0 || view.getUint32(least, false) !== view.getUint32(greatest, false)) return FOREIGN;
  const address = formatIpv4(view.getUint32(least, false));
  return `${address} . ${view.getUint16(least + 4, false)}-${view.getUint16(greatest + 4, false)}`;
}

/** An element whose expression is another, or that has none, is none of ours. */
function limitText(view: DataView, key: string, expression: number, to: number): string {
  const count = findInside(view, expression, to, NFTA_CONNLIMIT_COUNT);
  const flags = findInside(view, expression, to, NFTA_CONNLIMIT_FLAGS);
  if (count < 0 || flags < 0 || view.getUint32(valueAt(view, flags, to, 4), false) !== NFT_CONNLIMIT_F_INV) return key;
  return limitElement(Number(key), view.getUint32(valueAt(view, count, to, 4), false));
}

function readElement(view: DataView, element: number, to: number, layout: ElementLayout, sink: ElementSink): void {
  const from = element + NLA_HEADER;
  const flags = find(view, from, to, NFTA_SET_ELEM_FLAGS);
  const catchAll = flags >= 0 && (view.getUint32(valueAt(view, flags, to, 4), false) & NFT_SET_ELEM_CATCHALL) !== 0;
  const key = catchAll ? '*' : keyText(view, from, to, layout.key);
  if (key === FOREIGN) return;
  const expression = findInside(view, find(view, from, to, NFTA_SET_ELEM_EXPR), to, NFTA_EXPR_DATA);
  if (layout.key === 'limit') {
    sink.elements.set(limitText(view, key, expression, to), '');
    return;
  }
  const data = layout.data === 'none' ? '' : partText(view, find(view, from, to, NFTA_SET_ELEM_DATA), to, layout.data);
  sink.elements.set(key, data);
  const packets = findInside(view, expression, to, NFTA_COUNTER_PACKETS);
  const bytes = findInside(view, expression, to, NFTA_COUNTER_BYTES);
  if (packets < 0 || bytes < 0) return;
  sink.tallies.set(key, { packets: u64(view, packets, to), bytes: u64(view, bytes, to) });
}

/**
 * One message of a dump of elements, into `sink`. An element whose key is not of the layout is skipped.
 *
 * @throws DecodeError when the attributes do not fit into each other
 */
export function decodeElements(payload: Uint8Array, layout: ElementLayout, sink: ElementSink): void {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const list = find(view, NFGENMSG_BYTES, payload.length, NFTA_SET_ELEM_LIST_ELEMENTS);
  if (list < 0) return;
  const end = endOf(view, list, payload.length);
  for (let at = list + NLA_HEADER; at < end; ) {
    const next = endOf(view, at, end);
    if ((view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK) === NFTA_LIST_ELEM)
      readElement(view, at, next, layout, sink);
    at = align(next);
  }
}
