/**
 * The rule of port blocks for IPv6, as the kernel's expressions: source address and port of a new connection to a slot, the
 * slot to an address of ours with a range of ports, the port by offset into it.
 *
 *   meta l4proto P snat ip6 to jhash ip6 saddr . th sport mod M seed S map @NAME          with ports by offset
 *
 * Not by nft: 1.0.6 and 1.1.3 load this text with the registers of an IPv4 rule. Linux 6.12 and 6.18 refuse that (ENODATA),
 * 6.1 takes it and translates to garbage. The map itself is nft's: `typeof numgen inc mod M : interval ip6 saddr . th sport`.
 *
 * The data of an element of such a map is two concatenations, the least address and port and the greatest, 20 bytes each, an
 * address being 16 bytes and a port padded to four. In registers of four bytes from number 8 on: address 8-11, port 12,
 * address 13-16, port 17.
 *
 * Not here, and nowhere yet: VIPs and local addresses of IPv6, since OSPFv2 carries none.
 */
import { NetlinkWriter, NLA_F_NESTED } from '../../netlink/attributes.ts';
import { AF_INET6 } from '../../netlink/codes.ts';
import {
  NFTA_DATA_VALUE,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_LIST_ELEM,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_TABLE,
  NFTA_RULE_USERDATA,
  writeComment,
} from './messages.ts';
import { NF_NAT_RANGE_PROTO_OFFSET } from './port-offset.ts';

/** Numbers of registers: 1 to 4 have sixteen bytes each, 8 to 23 are the same bytes in fours. */
const NFT_REG_1 = 1;
const NFT_REG_2 = 2;
const NFT_REG32_00 = 8;
const ADDRESS_MIN = NFT_REG32_00;
const PORT_MIN = ADDRESS_MIN + 4;
const ADDRESS_MAX = PORT_MIN + 1;
const PORT_MAX = ADDRESS_MAX + 4;
/** Behind the address that was loaded into NFT_REG_2. */
const SPORT = 16;

const NFT_META_L4PROTO = 16;
const NFT_CMP_EQ = 0;
const NFT_PAYLOAD_NETWORK_HEADER = 1;
const NFT_PAYLOAD_TRANSPORT_HEADER = 2;
const IPV6_SADDR_OFFSET = 8;
const IPV6_BYTES = 16;
const PORT_BYTES = 2;
const NFT_HASH_JENKINS = 0;
const NFT_NAT_SNAT = 0;

export interface Ipv6BlocksRule {
  readonly table: string;
  readonly chain: string;
  /** IPPROTO_*. */
  readonly protocol: number;
  /** The map from slots to blocks. */
  readonly map: string;
  readonly slots: number;
  readonly seed: number;
  readonly comment: string;
}

/** An attribute whose value is one number in network order. */
type Numbers = Readonly<Record<number, number>>;

/** NFT_MSG_NEWRULE, to be sent in a batch with NLM_F_CREATE and NLM_F_APPEND. */
export function encodeIpv6BlocksRule(rule: Ipv6BlocksRule): Uint8Array {
  const w = new NetlinkWriter().u8(AF_INET6).u8(0).u16(0);
  w.attribute(NFTA_RULE_TABLE, () => w.text(rule.table));
  w.attribute(NFTA_RULE_CHAIN, () => w.text(rule.chain));
  w.attribute(NFTA_RULE_EXPRESSIONS | NLA_F_NESTED, () => writeExpressions(w, rule));
  w.attribute(NFTA_RULE_USERDATA, () => writeComment(w, rule.comment));
  return w.finish();
}

/** Attribute numbers as in linux/netfilter/nf_tables.h: NFTA_META_*, NFTA_CMP_*, NFTA_PAYLOAD_*, NFTA_HASH_*, NFTA_LOOKUP_*, NFTA_NAT_*. */
function writeExpressions(w: NetlinkWriter, { protocol, map, slots, seed }: Ipv6BlocksRule): void {
  expression(w, 'meta', { 1: NFT_REG_1, 2: NFT_META_L4PROTO });
  expression(w, 'cmp', { 1: NFT_REG_1, 2: NFT_CMP_EQ }, () => {
    w.attribute(3 | NLA_F_NESTED, () => w.attribute(NFTA_DATA_VALUE, () => w.u8(protocol)));
  });
  payload(w, NFT_REG_2, NFT_PAYLOAD_NETWORK_HEADER, IPV6_SADDR_OFFSET, IPV6_BYTES);
  payload(w, SPORT, NFT_PAYLOAD_TRANSPORT_HEADER, 0, PORT_BYTES);
  const key = { 1: NFT_REG_2, 2: NFT_REG_1, 3: IPV6_BYTES + 4 };
  expression(w, 'hash', { ...key, 4: slots, 5: seed, 7: NFT_HASH_JENKINS });
  expression(w, 'lookup', { 2: NFT_REG_1, 3: NFT_REG32_00 }, () => w.attribute(1, () => w.text(map)));
  const registers = { 3: ADDRESS_MIN, 4: ADDRESS_MAX, 5: PORT_MIN, 6: PORT_MAX };
  expression(w, 'nat', { 1: NFT_NAT_SNAT, 2: AF_INET6, ...registers, 7: NF_NAT_RANGE_PROTO_OFFSET });
}

function payload(w: NetlinkWriter, register: number, base: number, offset: number, length: number): void {
  expression(w, 'payload', { 1: register, 2: base, 3: offset, 4: length });
}

function expression(w: NetlinkWriter, name: string, numbers: Numbers, more: () => void = () => {}): void {
  w.attribute(NFTA_LIST_ELEM | NLA_F_NESTED, () => {
    w.attribute(NFTA_EXPR_NAME, () => w.text(name));
    w.attribute(NFTA_EXPR_DATA | NLA_F_NESTED, () => {
      for (const [type, value] of Object.entries(numbers)) w.attribute(Number(type), () => w.be32(value));
      more();
    });
  });
}
