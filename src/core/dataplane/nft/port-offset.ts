/**
 * NF_NAT_RANGE_PROTO_OFFSET (linux/netfilter/nf_nat.h) on a snat rule: the source port is the range's first one plus the
 * client's port modulo the size of the range, so that it is a function of the client's address and port.
 *
 * nft can neither write nor show the flag. So the rule is written by nft without it, read back as the kernel's expressions,
 * and replaced by itself with the flag: there is no moment without source NAT, and whatever nft makes of the text stays.
 * Linux 6.18 reads back more flags than were written (0x23): only the bit itself tells.
 */
import { NetlinkReader, NetlinkWriter, NLA_F_NESTED } from '../../netlink/attributes.ts';
import { NFGENMSG_BYTES } from '../../netlink/codes.ts';
import {
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_LIST_ELEM,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_HANDLE,
  NFTA_RULE_TABLE,
  NFTA_RULE_USERDATA,
  writeComment,
} from './messages.ts';

const NFTA_NAT_FLAGS = 7;
export const NF_NAT_RANGE_PROTO_OFFSET = 0x20;

type Attributes = ReadonlyMap<number, NetlinkReader>;

const isNat = (expression: Attributes): boolean => expression.get(NFTA_EXPR_NAME)?.text() === 'nat';

/** `rule`: NFTA_RULE_EXPRESSIONS. */
export function hasPortOffset(rule: NetlinkReader | undefined): boolean {
  return (rule?.list(0, NFTA_LIST_ELEM) ?? []).some((element) => {
    const expression = element.attributes(0);
    if (!isNat(expression)) return false;
    const flags = expression.get(NFTA_EXPR_DATA)?.attributes(0).get(NFTA_NAT_FLAGS)?.ipv4(0) ?? 0;
    return (flags & NF_NAT_RANGE_PROTO_OFFSET) !== 0;
  });
}

/**
 * A rule as it was dumped (NFT_MSG_NEWRULE) to the message that puts the same rule in its place, with the offset and another
 * comment. To be sent in a batch with NLM_F_REPLACE.
 *
 * @throws DecodeError when the attributes do not fit into each other
 */
export function encodeWithPortOffset(rule: Uint8Array, comment: string): Uint8Array {
  const attributes = new NetlinkReader(rule).attributes(NFGENMSG_BYTES);
  const w = new NetlinkWriter().bytes(rule.subarray(0, NFGENMSG_BYTES));
  for (const type of [NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_HANDLE]) {
    const value = attributes.get(type);
    if (value !== undefined) w.attribute(type, () => w.bytes(value.bytes()));
  }
  const expressions = attributes.get(NFTA_RULE_EXPRESSIONS)?.list(0, NFTA_LIST_ELEM) ?? [];
  w.attribute(NFTA_RULE_EXPRESSIONS | NLA_F_NESTED, () => {
    for (const element of expressions) w.attribute(NFTA_LIST_ELEM | NLA_F_NESTED, () => writeExpression(w, element));
  });
  w.attribute(NFTA_RULE_USERDATA, () => writeComment(w, comment));
  return w.finish();
}

function writeExpression(w: NetlinkWriter, element: NetlinkReader): void {
  const expression = element.attributes(0);
  if (!isNat(expression)) {
    w.bytes(element.bytes());
    return;
  }
  const parameters: Attributes = expression.get(NFTA_EXPR_DATA)?.attributes(0) ?? new Map();
  w.attribute(NFTA_EXPR_NAME, () => w.text('nat'));
  w.attribute(NFTA_EXPR_DATA | NLA_F_NESTED, () => {
    for (const [type, value] of parameters) {
      if (type !== NFTA_NAT_FLAGS) w.attribute(type, () => w.bytes(value.bytes()));
    }
    const flags = parameters.get(NFTA_NAT_FLAGS)?.ipv4(0) ?? 0;
    w.attribute(NFTA_NAT_FLAGS, () => w.be32(flags | NF_NAT_RANGE_PROTO_OFFSET));
  });
}
