/**
 * Translated connections of a namespace, listed and put into another one: what the synchronisation of connections does for
 * directors. UDP unless TCP is said. By ctnetlink (linux/netfilter/nfnetlink_conntrack.h); numbers in attributes are in network order.
 */
import { NetlinkReader, NetlinkWriter } from '../../../src/core/netlink/attributes.ts';
import { AF_INET, NLM_F_DUMP } from '../../../src/core/netlink/codes.ts';
import { NetlinkRequests } from '../../../src/io/netlink-requests.ts';

/** Addresses as numbers. */
export interface Endpoints {
  readonly source: number;
  readonly sport: number;
  readonly destination: number;
  readonly dport: number;
}

export interface Connection {
  /** Of the client's packets as they come in. */
  readonly original: Endpoints;
  /** Of the server's answers. */
  readonly reply: Endpoints;
  readonly mark: number;
  readonly protocol?: Protocol;
  /** An answer was seen; so they have unless it says otherwise. */
  readonly answered?: boolean;
}

type Protocol = 6 | 17;

const NETLINK_NETFILTER = 12;
const CT_NEW = 0x100;
const CT_GET = 0x101;
const NLM_F_CREATE_EXCL = 0x600;
const NFGENMSG_BYTES = 4;

const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_STATUS = 3;
const CTA_PROTOINFO = 4;
const CTA_NAT_SRC = 6;
const CTA_TIMEOUT = 7;
const CTA_MARK = 8;
const CTA_NAT_DST = 13;
const IPPROTO_UDP = 17;
const IPPROTO_TCP = 6;
const IPS_SEEN_REPLY_ASSURED = 0x2 | 0x4;
const IPS_CONFIRMED = 0x8;
const TCP_CONNTRACK_ESTABLISHED = 3;
/** Flag and mask: windows that nobody knows are not looked at (IP_CT_TCP_FLAG_BE_LIBERAL). */
const LIBERAL = [8, 0xff] as const;
const LIFE_SECONDS = 600;

const requests = new NetlinkRequests(NETLINK_NETFILTER, 10_000);

function endpoints(tuple: NetlinkReader | undefined, protocol: Protocol): Endpoints | undefined {
  const parts = tuple?.attributes(0);
  const [ip, proto] = [parts?.get(1)?.attributes(0), parts?.get(2)?.attributes(0)];
  if (proto?.get(1)?.u8(0) !== protocol) return undefined;
  const port = (type: number) => (proto.get(type)!.u8(0) << 8) | proto.get(type)!.u8(1);
  return { source: ip!.get(1)!.ipv4(0), sport: port(2), destination: ip!.get(2)!.ipv4(0), dport: port(3) };
}

/** Those that are to an address, or whose answers are, in the namespace that we run in. */
export async function listConnections(
  address: number,
  protocol: Protocol = IPPROTO_UDP,
): Promise<readonly Connection[]> {
  const header = new NetlinkWriter().u8(AF_INET).u8(0).u16(0).finish();
  const parts = await requests.exchange('ct-dump', CT_GET, NLM_F_DUMP, header, {});
  return parts.flatMap(({ data }) => {
    const attributes = new NetlinkReader(data).attributes(NFGENMSG_BYTES);
    const original = endpoints(attributes.get(CTA_TUPLE_ORIG), protocol);
    const reply = endpoints(attributes.get(CTA_TUPLE_REPLY), protocol);
    if (original === undefined || reply === undefined) return [];
    if (original.destination !== address && reply.destination !== address) return [];
    return [{ original, reply, mark: attributes.get(CTA_MARK)?.ipv4(0) ?? 0, protocol }];
  });
}

function be16(w: NetlinkWriter, type: number, value: number): void {
  w.attribute(type, () => w.u8(value >> 8).u8(value & 255));
}

function be32(w: NetlinkWriter, type: number, value: number): void {
  w.attribute(type, () => w.ipv4(value));
}

function tuple(
  w: NetlinkWriter,
  type: number,
  protocol: Protocol,
  { source, sport, destination, dport }: Endpoints,
): void {
  w.attribute(type, () => {
    w.attribute(1, () => {
      be32(w, 1, source);
      be32(w, 2, destination);
    });
    w.attribute(2, () => {
      w.attribute(1, () => w.u8(protocol));
      be16(w, 2, sport);
      be16(w, 3, dport);
    });
  });
}

function translation(w: NetlinkWriter, type: number, address: number, port: number): void {
  w.attribute(type, () => {
    be32(w, 1, address);
    be32(w, 2, address);
    w.attribute(3, () => {
      be16(w, 1, port);
      be16(w, 2, port);
    });
  });
}

function established(w: NetlinkWriter): void {
  w.attribute(CTA_PROTOINFO, () =>
    w.attribute(1, () => {
      w.attribute(1, () => w.u8(TCP_CONNTRACK_ESTABLISHED));
      for (const side of [4, 5]) w.attribute(side, () => w.u8(LIBERAL[0]).u8(LIBERAL[1]));
    }),
  );
}

function encode({ original, reply, mark, protocol = IPPROTO_UDP, answered = true }: Connection): Uint8Array {
  const { source, sport, destination, dport } = original;
  const w = new NetlinkWriter().u8(AF_INET).u8(0).u16(0);
  tuple(w, CTA_TUPLE_ORIG, protocol, original);
  // The kernel wants the plain inverse, and the translation apart.
  tuple(w, CTA_TUPLE_REPLY, protocol, { source: destination, sport: dport, destination: source, dport: sport });
  be32(w, CTA_STATUS, IPS_CONFIRMED | (answered ? IPS_SEEN_REPLY_ASSURED : 0));
  if (protocol === IPPROTO_TCP) established(w);
  be32(w, CTA_TIMEOUT, LIFE_SECONDS);
  be32(w, CTA_MARK, mark);
  translation(w, CTA_NAT_DST, reply.source, reply.sport);
  translation(w, CTA_NAT_SRC, reply.destination, reply.dport);
  return w.finish();
}

/** Throws `KernelError` when one of them, or what it translates to, is there already. */
export async function addConnections(connections: readonly Connection[]): Promise<void> {
  for (const connection of connections) {
    await requests.exchange('ct-new', CT_NEW, NLM_F_CREATE_EXCL, encode(connection), {});
  }
}
