/**
 * Duty: the nf_tables messages by which our tables are read (linux/netfilter/nf_tables.h): requests to bytes, answers to
 * values. Writing goes through the `nft` program; reading does not, since a listing by `nft` loads every element of every
 * set whatever is asked for, and its words differ between versions, while these messages are the kernel's own.
 *
 * In and out are payloads without the netlink header: `struct nfgenmsg` (family u8 | version u8 | res_id u16), attributes.
 * Numbers in attributes are in network order.
 *
 * Not here: the elements of sets (`nft/elements.ts`), and how the answers make up a table (`nft/read-back.ts`).
 */
import { DecodeError } from '../../base/decode-error.ts';
import { IPPROTO_TCP, IPPROTO_UDP } from '../../base/ip-protocol.ts';
import { TIMEOUT_STATES, type TimeoutState } from '../../model/timeouts.ts';
import { NetlinkReader, NetlinkWriter } from '../../netlink/attributes.ts';
import { AF_INET, NFGENMSG_BYTES } from '../../netlink/codes.ts';
import { type Family, tableFamily } from '../names.ts';
import type { BaseChain, Tally, TimeoutPolicy } from '../ruleset.ts';

/** Message types: the subsystem in the high byte. */
export const NFNL_SUBSYS_NFTABLES = 10;
export const NFT_MSG_GETTABLE = (NFNL_SUBSYS_NFTABLES << 8) | 1;
export const NFT_MSG_GETCHAIN = (NFNL_SUBSYS_NFTABLES << 8) | 4;
export const NFT_MSG_NEWRULE = (NFNL_SUBSYS_NFTABLES << 8) | 6;
export const NFT_MSG_GETRULE = (NFNL_SUBSYS_NFTABLES << 8) | 7;
export const NFT_MSG_GETSET = (NFNL_SUBSYS_NFTABLES << 8) | 10;
export const NFT_MSG_NEWSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 12;
export const NFT_MSG_GETSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 13;
export const NFT_MSG_DELSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 14;
export const NFT_MSG_GETGEN = (NFNL_SUBSYS_NFTABLES << 8) | 16;
export const NFT_MSG_GETOBJ = (NFNL_SUBSYS_NFTABLES << 8) | 19;

/** In tables, chains, rules, sets, objects and lists of elements alike. */
const NFTA_TABLE = 1;
/** Of sets and objects, and of the set in a list of elements. */
const NFTA_NAME = 2;
const NFTA_GEN_ID = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NFTA_HOOK_DEV = 3;
export const NFTA_RULE_TABLE = 1;
export const NFTA_RULE_CHAIN = 2;
export const NFTA_RULE_HANDLE = 3;
export const NFTA_RULE_EXPRESSIONS = 4;
export const NFTA_RULE_USERDATA = 7;
/** Expressions of a rule: each a list element of a name and of what the name asks for. */
export const NFTA_LIST_ELEM = 1;
export const NFTA_EXPR_NAME = 1;
export const NFTA_EXPR_DATA = 2;
export const NFTA_DATA_VALUE = 1;
/** Elements of sets and maps. */
export const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
export const NFTA_SET_ELEM_KEY = 1;
export const NFTA_SET_ELEM_DATA = 2;
/** Milliseconds, 64 bits in network order: as they are given, and what is left of them. */
export const NFTA_SET_ELEM_TIMEOUT = 4;
export const NFTA_SET_ELEM_EXPIRATION = 5;
const NFTA_SET_FLAGS = 3;
const NFTA_SET_USERDATA = 13;
const NFTA_OBJ_TYPE = 3;
const NFTA_OBJ_DATA = 4;
const NFT_OBJECT_COUNTER = 1;
const NFT_OBJECT_CT_TIMEOUT = 7;
const NFTA_CT_TIMEOUT_L4PROTO = 2;
const NFTA_CT_TIMEOUT_DATA = 3;
export const NFTA_COUNTER_BYTES = 1;
export const NFTA_COUNTER_PACKETS = 2;

const NF_DROP = 0;
const NFT_SET_ANONYMOUS = 0x1;
const NFT_SET_MAP = 0x8;
/** libnftnl's own: user data is a list of one byte type, one byte length, value. */
const NFTNL_UDATA_RULE_COMMENT = 0;
const NFTNL_UDATA_SET_COMMENT = 7;

const FAMILIES: Readonly<Record<Family, number>> = { ip: AF_INET, netdev: 5 };

/** By number (linux/netfilter.h, enum nf_inet_hooks and nf_dev_hooks). */
const HOOKS: Readonly<Record<Family, readonly string[]>> = {
  ip: ['prerouting', 'input', 'forward', 'output', 'postrouting'],
  netdev: ['ingress', 'egress'],
};

function request(family: number): NetlinkWriter {
  return new NetlinkWriter().u8(family).u8(0).u16(0);
}

function nameAttribute(w: NetlinkWriter, type: number, name: string): NetlinkWriter {
  return w.attribute(type, () => w.text(name));
}

/** For NFT_MSG_GETGEN. */
export const encodeGenerationRequest = (): Uint8Array => request(0).finish();

/** For dumps of everything of a family; tables and chains can be asked for no other way. */
export const encodeDumpAll = (family: Family): Uint8Array => request(FAMILIES[family]).finish();

const requestIn = (table: string): NetlinkWriter =>
  nameAttribute(request(FAMILIES[tableFamily(table)]), NFTA_TABLE, table);

/** For dumps of the rules, sets or objects of one table; ENOENT when there is no such table. */
export const encodeDumpOfTable = (table: string): Uint8Array => requestIn(table).finish();

/** The beginning of a request for elements of one set or map. */
export const elementsRequest = (table: string, set: string): NetlinkWriter =>
  nameAttribute(requestIn(table), NFTA_NAME, set);

/** For a dump of the elements of one set or map; ENOENT when there is none. */
export const encodeElementsDump = (table: string, set: string): Uint8Array => elementsRequest(table, set).finish();

type Attributes = ReadonlyMap<number, NetlinkReader>;

const attributesOf = (payload: Uint8Array): Attributes => new NetlinkReader(payload).attributes(NFGENMSG_BYTES);
const textOf = (attributes: Attributes, type: number): string => attributes.get(type)?.text() ?? '';
/** Network order, as an address is. */
const u32Of = (attributes: Attributes, type: number): number => attributes.get(type)?.ipv4(0) ?? 0;

function u64Of(attributes: Attributes, type: number): number {
  const reader = attributes.get(type);
  return reader === undefined ? 0 : reader.ipv4(0) * 2 ** 32 + reader.ipv4(4);
}

/**
 * The number of the last transaction on any nftables table of this network namespace. It changes with each of them,
 * whoever makes it, and by nothing that packets do.
 */
export function decodeGeneration(payload: Uint8Array): number {
  const reader = attributesOf(payload).get(NFTA_GEN_ID);
  if (reader === undefined) throw new DecodeError('value', 0, 'no generation');
  return reader.ipv4(0);
}

/** The generation after `generation`; 0 is left out. */
export const nextGeneration = (generation: number): number => (generation + 1) >>> 0 || 1;

export const decodeTableName = (payload: Uint8Array): string => textOf(attributesOf(payload), NFTA_TABLE);

export interface ChainMessage {
  readonly table: string;
  readonly name: string;
  readonly base: BaseChain | undefined;
}

/** A base chain that drops what reaches its end is none of ours, and given as one without a base: so it is made anew. */
export function decodeChain(payload: Uint8Array): ChainMessage {
  const attributes = attributesOf(payload);
  const drops = attributes.has(NFTA_CHAIN_POLICY) && u32Of(attributes, NFTA_CHAIN_POLICY) === NF_DROP;
  const hook = drops ? undefined : attributes.get(NFTA_CHAIN_HOOK)?.attributes(0);
  const table = textOf(attributes, NFTA_TABLE);
  return {
    table,
    name: textOf(attributes, NFTA_CHAIN_NAME),
    base: hook && {
      type: textOf(attributes, NFTA_CHAIN_TYPE) as BaseChain['type'],
      hook: HOOKS[tableFamily(table)][u32Of(hook, NFTA_HOOK_HOOKNUM)] ?? 'unknown',
      device: hook.get(NFTA_HOOK_DEV)?.text(),
      priority: u32Of(hook, NFTA_HOOK_PRIORITY) | 0,
    },
  };
}

export interface RuleMessage {
  readonly chain: string;
  /** Empty when there is none. */
  readonly comment: string;
  /** The expressions' bytes as characters: equal for equal rules, and good for nothing else. */
  readonly shape: string;
  /** NFTA_RULE_EXPRESSIONS. */
  readonly expressions: NetlinkReader | undefined;
}

export function decodeRule(payload: Uint8Array): RuleMessage {
  const attributes = attributesOf(payload);
  return {
    chain: textOf(attributes, NFTA_RULE_CHAIN),
    comment: commentOf(attributes.get(NFTA_RULE_USERDATA), NFTNL_UDATA_RULE_COMMENT),
    shape: bytesText(attributes.get(NFTA_RULE_EXPRESSIONS)),
    expressions: attributes.get(NFTA_RULE_EXPRESSIONS),
  };
}

function commentOf(userdata: NetlinkReader | undefined, commentType: number): string {
  for (let at = 0; userdata !== undefined && at < userdata.length; ) {
    const [type, length] = [userdata.u8(at), userdata.u8(at + 1)];
    if (type === commentType) return userdata.slice(at + 2, length).text();
    at += 2 + length;
  }
  return '';
}

/** The value of NFTA_RULE_USERDATA as nft has it for a comment. */
export function writeComment(w: NetlinkWriter, comment: string): void {
  w.u8(NFTNL_UDATA_RULE_COMMENT)
    .u8(comment.length + 1)
    .text(comment);
}

function bytesText(reader: NetlinkReader | undefined): string {
  let text = '';
  for (let at = 0; reader !== undefined && at < reader.length; at++) text += String.fromCharCode(reader.u8(at));
  return text;
}

export interface SetMessage {
  readonly name: string;
  readonly kind: 'set' | 'map';
  /** Empty when there is none. */
  readonly comment: string;
  /** Belongs to a rule, and comes and goes with it. */
  readonly anonymous: boolean;
}

export function decodeSet(payload: Uint8Array): SetMessage {
  const attributes = attributesOf(payload);
  const flags = u32Of(attributes, NFTA_SET_FLAGS);
  return {
    name: textOf(attributes, NFTA_NAME),
    kind: (flags & NFT_SET_MAP) === 0 ? 'set' : 'map',
    comment: commentOf(attributes.get(NFTA_SET_USERDATA), NFTNL_UDATA_SET_COMMENT),
    anonymous: (flags & NFT_SET_ANONYMOUS) !== 0,
  };
}

/** A named counter; `undefined` for objects of other types. */
export function decodeCounter(payload: Uint8Array): { readonly name: string; readonly tally: Tally } | undefined {
  const attributes = attributesOf(payload);
  if (u32Of(attributes, NFTA_OBJ_TYPE) !== NFT_OBJECT_COUNTER) return undefined;
  const counts: Attributes = attributes.get(NFTA_OBJ_DATA)?.attributes(0) ?? new Map();
  const tally = { packets: u64Of(counts, NFTA_COUNTER_PACKETS), bytes: u64Of(counts, NFTA_COUNTER_BYTES) };
  return { name: textOf(attributes, NFTA_NAME), tally };
}

/**
 * A ct timeout object; `undefined` for objects of other types or protocols. Its data are nfnetlink_cttimeout's: per state one
 * attribute, numbered from 1 in the order of `TIMEOUT_STATES` (CTA_TIMEOUT_TCP_*, CTA_TIMEOUT_UDP_*).
 */
export function decodeTimeout(
  payload: Uint8Array,
): { readonly name: string; readonly policy: TimeoutPolicy } | undefined {
  const attributes = attributesOf(payload);
  if (u32Of(attributes, NFTA_OBJ_TYPE) !== NFT_OBJECT_CT_TIMEOUT) return undefined;
  const data: Attributes = attributes.get(NFTA_OBJ_DATA)?.attributes(0) ?? new Map();
  const number = data.get(NFTA_CT_TIMEOUT_L4PROTO)?.u8(0);
  if (number !== IPPROTO_TCP && number !== IPPROTO_UDP) return undefined;
  const protocol = number === IPPROTO_TCP ? 'tcp' : 'udp';
  const times: Attributes = data.get(NFTA_CT_TIMEOUT_DATA)?.attributes(0) ?? new Map();
  const states: readonly TimeoutState[] = TIMEOUT_STATES[protocol];
  const seconds = new Map(states.map((state, index) => [state, u32Of(times, index + 1)]));
  return { name: textOf(attributes, NFTA_NAME), policy: { protocol, seconds } };
}
