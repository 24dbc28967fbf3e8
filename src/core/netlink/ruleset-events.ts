/**
 * What the kernel tells of nftables (linux/netfilter/nf_tables.h): of each transaction everything that changed, which may be
 * thousands of elements, and at its end the new generation, in a message of its own. That one is enough to look at once.
 */
import { LITTLE_ENDIAN } from './attributes.ts';
import { assemble, Bpf, DROP, PASS } from './bpf.ts';

export const NFNLGRP_NFTABLES = 7;

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;

/** Behind the 32 bits of its length, in the machine's byte order, which the filter reads in network order. */
const TYPE_OFFSET = 4;
const TYPE = LITTLE_ENDIAN
  ? (NFT_MSG_NEWGEN << 8) | NFNL_SUBSYS_NFTABLES
  : (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN;

/** Lets pass one message per transaction, whoever made it, and to whatever table. */
export const GENERATIONS_ONLY = assemble([
  { code: Bpf.loadHalf, k: TYPE_OFFSET },
  { code: Bpf.ifEqual, k: TYPE, yes: PASS, no: DROP },
]);
