/**
 * The LSAs that a case gives names to, one a line, and references to them:
 *
 *     lsa R1 router 10.0.0.1 seq 80000001 age 1: p2p 10.0.0.2 10.1.0.1 10, stub 10.1.0.0/30 10
 *     lsa N1 network 192.0.2.1/24 by 10.0.0.1: 10.0.0.1 10.0.0.2
 *     lsa S1 summary 10.9.0.0/16 by 10.0.0.1 metric 20
 *     lsa X1 external 198.51.100.0/24 by 10.0.0.7 metric 20 type E2 forward 0.0.0.0 tag 0
 *     lsa O1 opaque-area 4/1 by 10.0.0.1 content 00010004
 *
 * A reference is a name, or the key `type/id/router` of an LSA that the router under test has sent; changes follow in
 * parentheses: `X1(seq 80000002, age 3600)`. `checksum wrong`, `type N` and `length N` break it; the checksum is made right
 * again for the latter two.
 */
import { ipv4, maskOf } from '../../../../src/core/base/ipv4.ts';
import { Reader } from '../../../../src/core/base/reader.ts';
import { LsType, RouterLinkType } from '../../../../src/core/ospf/codes.ts';
import { fillLsaChecksum } from '../../../../src/core/ospf/lsa/checksum.ts';
import { buildLsa, buildOpaqueLsa, decodeLsaHeader, type NewLsaHeader } from '../../../../src/core/ospf/lsa/codec.ts';
import type { Lsa, LsaBody, LsaHeader, RouterLink } from '../../../../src/core/ospf/lsa/lsa.ts';
import { fromHex } from '../handmade.ts';
import { addressed, bits, OPTIONS, Pairs, prefixed, ROUTER_FLAGS, reference, sequence, split } from './words.ts';

const TYPES: Readonly<Record<string, number>> = {
  router: LsType.router,
  network: LsType.network,
  summary: LsType.summaryNetwork,
  asbr: LsType.summaryAsbr,
  external: LsType.asExternal,
  nssa: LsType.nssa,
  'opaque-link': LsType.opaqueLink,
  'opaque-area': LsType.opaqueArea,
  'opaque-as': LsType.opaqueAs,
};

/** `NAME KIND ID by ROUTER key value ...: list`, the line without its first word. */
export function parseLsa(line: string): { name: string; lsa: Lsa } {
  const [head = '', list = ''] = line.split(': ');
  const [name = '', kind = '', id = '', ...rest] = split(head);
  const type = TYPES[kind];
  if (type === undefined) throw new Error(`no such LSA: ${kind}`);
  const pairs = new Pairs(line, rest);
  const header: NewLsaHeader = {
    type,
    id: linkStateId(kind, id),
    advertisingRouter: ipv4(kind === 'router' ? id : pairs.get('by')),
    age: pairs.number('age', 1),
    options: bits(OPTIONS, pairs.get('options', 'E')),
    sequence: sequence(pairs.get('seq', '80000001')),
  };
  const lsa = kind.startsWith('opaque')
    ? buildOpaqueLsa(header, fromHex(pairs.get('content', '')))
    : buildLsa(header, bodyOf(kind, id, pairs, list));
  pairs.done();
  return { name, lsa };
}

function linkStateId(kind: string, id: string): number {
  if (!kind.startsWith('opaque')) return ipv4(id.split('/')[0]!);
  const [type, number] = id.split('/').map(Number);
  return ((type! << 24) | number!) >>> 0;
}

function bodyOf(kind: string, id: string, pairs: Pairs, list: string): LsaBody {
  const mask = () => maskOf(addressed(id).prefixLength);
  switch (kind) {
    case 'router':
      return { kind: 'router', flags: bits(ROUTER_FLAGS, pairs.get('flags', '-')), links: parseLinks(list) };
    case 'network':
      return { kind: 'network', mask: mask(), attachedRouters: split(list).map(ipv4) };
    case 'summary':
      return { kind: 'summary', mask: mask(), metric: pairs.number('metric', 1) };
    case 'asbr':
      return { kind: 'summary', mask: 0, metric: pairs.number('metric', 1) };
    default:
      return {
        kind: 'external',
        mask: mask(),
        e2: pairs.get('type', 'E2') === 'E2',
        metric: pairs.number('metric', 1),
        forwardingAddress: ipv4(pairs.get('forward', '0.0.0.0')),
        tag: pairs.number('tag', 0),
      };
  }
}

function parseLinks(list: string): RouterLink[] {
  return list.split(', ').filter(Boolean).map(parseLink);
}

function parseLink(text: string): RouterLink {
  const [kind = '', ...rest] = split(text);
  if (kind === 'stub') {
    const { address, length } = prefixed(rest[0]!);
    return { type: RouterLinkType.stub, id: address, data: maskOf(length), metric: Number(rest[1]) };
  }
  const type = kind === 'p2p' ? RouterLinkType.pointToPoint : RouterLinkType.transit;
  return { type, id: ipv4(rest[0]!), data: ipv4(rest[1]!), metric: Number(rest[2]) };
}

/** An LSA as it goes into a packet: a header for those that list LSAs, bytes for an update. */
export interface WireLsa {
  readonly header: LsaHeader;
  readonly bytes: Uint8Array;
}

const AGE_AT = 0;
const TYPE_AT = 3;
const SEQUENCE_AT = 12;
const CHECKSUM_AT = 16;
const LENGTH_AT = 18;

/** A reference resolved and its changes made. */
export function resolveLsa(word: string, known: ReadonlyMap<string, Lsa>): WireLsa {
  const { name, changes } = reference(word);
  const lsa = known.get(name);
  if (lsa === undefined) throw new Error(`no LSA "${name}"; there are ${[...known.keys()].join(' ')}`);
  const bytes = Uint8Array.from(lsa.bytes);
  const view = new DataView(bytes.buffer);
  for (const [key, value] of changes) change(view, key, value);
  const refill = ['seq', 'type', 'metric'].some((key) => changes.has(key));
  if (refill) fillLsaChecksum(bytes);
  if (changes.has('length')) view.setUint16(LENGTH_AT, Number(changes.get('length')));
  if (changes.get('checksum') === 'wrong') view.setUint16(CHECKSUM_AT, view.getUint16(CHECKSUM_AT) ^ 0x0101);
  if (changes.get('checksum') === 'zero') view.setUint16(CHECKSUM_AT, 0);
  return { header: decodeLsaHeader(new Reader(bytes)), bytes };
}

function change(view: DataView, key: string, value: string): void {
  switch (key) {
    case 'age':
      view.setUint16(AGE_AT, Number(value));
      break;
    case 'type':
      view.setUint8(TYPE_AT, Number(value));
      break;
    case 'seq':
      view.setInt32(SEQUENCE_AT, sequence(value));
      break;
    // The metric of a summary or an external LSA: other contents under the same name.
    case 'metric':
      view.setUint16(26, Number(value));
      break;
    case 'length':
    case 'checksum':
      break;
    default:
      throw new Error(`no such change to an LSA: ${key}`);
  }
}
