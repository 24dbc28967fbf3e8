/**
 * What the kernel tells of nftables (linux/netfilter/nf_tables.h): of each transaction everything that changed, which may be
 * thousands of elements, and at its end the new generation, in a message of its own. That one is enough to look at once.
 */
import { LITTLE_ENDIAN } from './attributes.ts';
import type { FilterInstruction } from './conntrack.ts';

export const NFNLGRP_NFTABLES = 7;

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;

/** Classic BPF (linux/filter.h): load 16 bits, jump if equal, return. */
const LOAD_16 = 0x28;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;

/** Behind the 32 bits of its length, in the machine's byte order, which the filter reads in network order. */
const TYPE_OFFSET = 4;
const TYPE = LITTLE_ENDIAN
  ? (NFT_MSG_NEWGEN << 8) | NFNL_SUBSYS_NFTABLES
  : (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN;

/** Lets pass one message per transaction, whoever made it, and to whatever table. */
export const GENERATIONS_ONLY: readonly FilterInstruction[] = [
  [LOAD_16, 0, 0, TYPE_OFFSET],
  [JUMP_IF_EQUAL, 0, 1, TYPE],
  [RETURN, 0, 0, 0xffffffff],
  [RETURN, 0, 0, 0],
];
