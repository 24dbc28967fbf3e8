/**
 * Does this kernel take source ports by offset (`nft/port-offset.ts`)? Asked without leaving a trace: a batch with such a rule and,
 * behind it, a message that is refused for certain, so that the kernel judges all of it and keeps nothing.
 *
 *   NEWTABLE | NEWCHAIN (nat, postrouting) | NEWRULE (snat to 192.0.2.1, ports by offset) | DELTABLE of a table that is not there
 *
 * In: nothing. Out: the batch; from the index of the first message that was refused, the answer.
 */
import { NetlinkWriter, NLA_F_NESTED } from '../../netlink/attributes.ts';
import type { Batch, BatchMessage } from '../../netlink/batch.ts';
import { AF_INET, NLM_F_APPEND, NLM_F_CREATE } from '../../netlink/codes.ts';
import {
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG_NEWRULE,
  NFTA_DATA_VALUE,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_LIST_ELEM,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_TABLE,
} from './messages.ts';
import { NF_NAT_RANGE_PROTO_OFFSET } from './port-offset.ts';

const NFT_MSG_NEWTABLE = NFNL_SUBSYS_NFTABLES << 8;
const NFT_MSG_DELTABLE = (NFNL_SUBSYS_NFTABLES << 8) | 2;
const NFT_MSG_NEWCHAIN = (NFNL_SUBSYS_NFTABLES << 8) | 3;

/** linux/netfilter/nf_tables.h; what only this probe writes. */
const NFTA_TABLE_NAME = 1;
const NFTA_CHAIN = { table: 1, name: 3, hook: 4, type: 7 } as const;
const NFTA_HOOK = { number: 1, priority: 2 } as const;
const NFTA_IMMEDIATE = { register: 1, data: 2 } as const;
const NFTA_NAT = { type: 1, family: 2, address: 3, port: 5, flags: 7 } as const;
const NFT_NAT_SNAT = 0;
const NF_INET_POST_ROUTING = 4;
const SOURCE_NAT_PRIORITY = 100;

const TABLE = 'sluice_probe';
const CHAIN = 'c';
/** NFT_REG_1 and NFT_REG_2. */
const ADDRESS = 1;
const PORT = 2;
const DOCUMENTATION_ADDRESS = 0xc0000201;

function message(type: number, flags: number, write: (w: NetlinkWriter) => void): BatchMessage {
  const w = new NetlinkWriter().u8(AF_INET).u8(0).u16(0);
  write(w);
  return { type, flags, payload: w.finish() };
}

function nested(w: NetlinkWriter, type: number, write: () => void): void {
  w.attribute(type | NLA_F_NESTED, write);
}

function expression(w: NetlinkWriter, name: string, write: () => void): void {
  nested(w, NFTA_LIST_ELEM, () => {
    w.attribute(NFTA_EXPR_NAME, () => w.text(name));
    nested(w, NFTA_EXPR_DATA, write);
  });
}

function immediate(w: NetlinkWriter, register: number, write: () => void): void {
  expression(w, 'immediate', () => {
    w.attribute(NFTA_IMMEDIATE.register, () => w.be32(register));
    nested(w, NFTA_IMMEDIATE.data, () => w.attribute(NFTA_DATA_VALUE, write));
  });
}

function translation(w: NetlinkWriter): void {
  immediate(w, ADDRESS, () => w.be32(DOCUMENTATION_ADDRESS));
  // 1,024 in network order.
  immediate(w, PORT, () => w.u8(4).u8(0));
  expression(w, 'nat', () => {
    w.attribute(NFTA_NAT.type, () => w.be32(NFT_NAT_SNAT));
    w.attribute(NFTA_NAT.family, () => w.be32(AF_INET));
    w.attribute(NFTA_NAT.address, () => w.be32(ADDRESS));
    w.attribute(NFTA_NAT.port, () => w.be32(PORT));
    w.attribute(NFTA_NAT.flags, () => w.be32(NF_NAT_RANGE_PROTO_OFFSET));
  });
}

const MESSAGES: readonly BatchMessage[] = [
  message(NFT_MSG_NEWTABLE, NLM_F_CREATE, (w) => w.attribute(NFTA_TABLE_NAME, () => w.text(TABLE))),
  message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, (w) => {
    w.attribute(NFTA_CHAIN.table, () => w.text(TABLE));
    w.attribute(NFTA_CHAIN.name, () => w.text(CHAIN));
    nested(w, NFTA_CHAIN.hook, () => {
      w.attribute(NFTA_HOOK.number, () => w.be32(NF_INET_POST_ROUTING));
      w.attribute(NFTA_HOOK.priority, () => w.be32(SOURCE_NAT_PRIORITY));
    });
    w.attribute(NFTA_CHAIN.type, () => w.text('nat'));
  }),
  message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, (w) => {
    w.attribute(NFTA_RULE_TABLE, () => w.text(TABLE));
    w.attribute(NFTA_RULE_CHAIN, () => w.text(CHAIN));
    nested(w, NFTA_RULE_EXPRESSIONS, () => translation(w));
  }),
  message(NFT_MSG_DELTABLE, 0, (w) => w.attribute(NFTA_TABLE_NAME, () => w.text(`${TABLE}_that_is_not_there`))),
];

export const OFFSET_PROBE: Batch = { subsystem: NFNL_SUBSYS_NFTABLES, messages: MESSAGES };

/** The message whose refusal says that everything before it was taken. */
export const LAST_OF_OFFSET_PROBE = MESSAGES.length - 1;
