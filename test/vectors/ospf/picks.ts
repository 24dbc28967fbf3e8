/** Which packets of a recording become vectors: a few of each kind, and the exchange of each link up to Full. */
import { formatIpv4, type Ipv4 } from '../../../src/core/base/ipv4.ts';
import { DdFlag, LsType, MAX_AGE } from '../../../src/core/ospf/codes.ts';
import { nullAuthentication, type Verifier } from '../../../src/core/ospf/packet/authentication.ts';
import { decodePacket, packetLength } from '../../../src/core/ospf/packet/codec.ts';
import type { Packet, PacketBody } from '../../../src/core/ospf/packet/packet.ts';
import type { Link } from './captured.ts';
import { headersOf } from './fields.ts';
import type { CapturedPacket } from './pcap.ts';

/** A captured packet with what our decoder made of it. */
export interface Recorded extends CapturedPacket {
  readonly packet: Packet;
}

interface Pick {
  readonly what: string;
  readonly links: readonly Link[];
  readonly best: 'first' | 'longest' | 'shortest';
  readonly fits: (body: PacketBody) => boolean;
}

const BOTH: readonly Link[] = ['p2p', 'lan'];
/** Bytes; fills most of an Ethernet frame. */
const LARGE = 1000;

export const carries = (body: PacketBody, type: number) =>
  body.kind === 'lsUpdate' && body.lsas.some(({ header }) => header.type === type && header.age < MAX_AGE);

export const flushes = (body: PacketBody) =>
  body.kind === 'lsUpdate' && body.lsas.some(({ header }) => header.age === MAX_AGE);

export const isLarge = (body: PacketBody) => body.kind === 'lsUpdate' && packetLength(body) > LARGE;

export const hears = (body: PacketBody, routerId: Ipv4) => body.kind === 'hello' && body.neighbors.includes(routerId);

const PICKS: readonly Pick[] = [
  {
    what: 'Hello, nobody heard',
    links: ['p2p'],
    best: 'first',
    fits: (body) => body.kind === 'hello' && body.neighbors.length === 0,
  },
  { what: 'Hello, a neighbor', links: ['p2p'], best: 'longest', fits: (body) => body.kind === 'hello' },
  {
    what: 'Hello, DR, BDR and two neighbors',
    links: ['lan'],
    best: 'first',
    fits: (body) => body.kind === 'hello' && body.backupDesignatedRouter !== 0 && body.neighbors.length === 2,
  },
  {
    what: 'first database description',
    links: BOTH,
    best: 'first',
    fits: (body) => body.kind === 'dbDescription' && (body.flags & DdFlag.init) !== 0,
  },
  {
    what: 'database description with headers',
    links: BOTH,
    best: 'longest',
    fits: (body) => body.kind === 'dbDescription' && body.headers.length > 1,
  },
  { what: 'request', links: BOTH, best: 'first', fits: (body) => body.kind === 'lsRequest' },
  { what: 'update with a router-LSA', links: BOTH, best: 'first', fits: (body) => carries(body, LsType.router) },
  { what: 'update with a network-LSA', links: ['lan'], best: 'first', fits: (body) => carries(body, LsType.network) },
  {
    what: 'update with a summary-LSA',
    links: ['p2p'],
    best: 'first',
    fits: (body) => carries(body, LsType.summaryNetwork),
  },
  { what: 'update with an external LSA', links: BOTH, best: 'first', fits: (body) => carries(body, LsType.asExternal) },
  {
    what: 'large update',
    links: ['p2p'],
    best: 'longest',
    fits: (body) => isLarge(body) && !flushes(body),
  },
  {
    what: 'flush: LSAs at MaxAge',
    links: ['p2p'],
    best: 'shortest',
    fits: flushes,
  },
  {
    what: 'acknowledgement of one',
    links: ['p2p'],
    best: 'first',
    fits: (body) => body.kind === 'lsAck' && body.headers.length === 1,
  },
  {
    what: 'longest acknowledgement',
    links: ['lan'],
    best: 'longest',
    fits: (body) => body.kind === 'lsAck',
  },
];

/** Decodes what the routers of a recording sent; what our own router sent is left out. */
export function fromRouters(
  packets: readonly CapturedPacket[],
  ours: Ipv4,
  verifier: Verifier = nullAuthentication,
): Recorded[] {
  const decoded = packets.map((captured) => ({ ...captured, packet: decodePacket(captured.bytes, verifier) }));
  return decoded.filter(({ packet }) => packet.header.routerId !== ours);
}

/**
 * What each router sent from its first Hello that lists us on, until every one of them has acknowledged something: by then
 * they hold our router-LSA and we hold their database. Empty when it has not come to that.
 */
export function exchangeOf(recorded: readonly Recorded[], us: Ipv4): Recorded[] {
  const routers = new Set(recorded.map(({ packet }) => packet.header.routerId));
  const since = [...routers].map((router) => {
    const own = recorded.filter(({ packet }) => packet.header.routerId === router);
    const start = own.findIndex(({ packet }) => hears(packet.body, us));
    return start < 0 ? [] : own.slice(start);
  });
  const acks = since.map((own) => recorded.findIndex((one) => own.includes(one) && one.packet.body.kind === 'lsAck'));
  if (acks.includes(-1)) return [];
  const wanted = new Set(since.flat());
  return recorded.slice(0, Math.max(...acks) + 1).filter((one) => wanted.has(one));
}

/** Whether a recording has every kind of packet that is wanted of its link. */
export function isComplete(recorded: readonly Recorded[], link: Link): boolean {
  const wanted = PICKS.filter(({ links }) => links.includes(link));
  return wanted.every(({ fits }) => recorded.some(({ packet }) => fits(packet.body)));
}

/** The packets chosen, with what they were chosen for. Throws an Error that names every kind that did not come. */
export function pick(recorded: readonly Recorded[], link: Link): ReadonlyMap<Recorded, string> {
  const chosen = new Map<Recorded, string>();
  const missing: string[] = [];
  for (const { what, links, best, fits } of PICKS) {
    if (!links.includes(link)) continue;
    const all = recorded.filter(({ packet }) => fits(packet.body));
    const bySize = all.toSorted((a, b) => a.bytes.length - b.bytes.length);
    const found = { first: all[0], shortest: bySize[0], longest: bySize.at(-1) }[best];
    if (found === undefined) missing.push(what);
    else chosen.set(found, [chosen.get(found), what].filter(Boolean).join('; '));
  }
  if (missing.length > 0) throw new Error(`${link}: did not come: ${missing.join(', ')}`);
  return chosen;
}

const KIND = {
  hello: 'Hello',
  dbDescription: 'database description',
  lsRequest: 'request',
  lsUpdate: 'update',
  lsAck: 'acknowledgement',
} as const;

/** A packet in a line: who, what, how many LSAs. */
export function titleOf({ packet }: Recorded): string {
  const { header, body } = packet;
  const count = body.kind === 'lsRequest' ? body.requests.length : headersOf(body).length;
  const lsas = body.kind === 'hello' ? '' : `, ${count} LSA${count === 1 ? '' : 's'}`;
  return `${KIND[body.kind]} of ${formatIpv4(header.routerId)}${lsas}`;
}
