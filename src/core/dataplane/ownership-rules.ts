/**
 * Who carries a connection, and what of its life the agent hears.
 *
 * Ownership follows the client: the first packet from client to server of a connection that another director carried turns
 * REPLICA into MOVED, and the kernel tells of it at once. Answers do not count: they may come by another director than the
 * requests for as long as a connection lives, and ownership would go to and fro with every packet.
 *
 * The kernel tells of a connection when something happens that is in its event mask, and then tells all. The mask is made
 * anew by every packet, so that it does not matter how an entry came to be:
 *
 *   begun here         assured (established, or answered at all) and destroyed
 *   replica, or moved  and that the mark has changed
 *   FIN and RST        and the state that the packet leads to, hence exactly these packets are told, whoever carries the
 *                      connection: another director may see the other side of it, and would wait for days
 *
 * The first packet is masked before its connection is confirmed; there is no event for new connections. The mask of what is
 * or was a replica always has what tells of the move: an answer that is handled on another processor at the moment of the move
 * must not take that back.
 */
import { IS_REPLICA, NEVER_REPLICA, ONCE_REPLICA, TAKE_OVER } from './mark.ts';
import type { Part } from './parts.ts';

const CHAIN = 'ownership';

/** Bits of IPCT_* (linux/netfilter/nf_conntrack_common.h). nft has words for some of them, but not for the mark. */
const DESTROY = 1 << 2;
const ASSURED = 1 << 4;
const PROTOINFO = 1 << 5;
const MARK = 1 << 7;

const LIFE = DESTROY | ASSURED;
const LIFE_AND_MOVES = LIFE | MARK;
const CLOSING = LIFE_AND_MOVES | PROTOINFO;

const tellOf = (events: number): string => `ct event set 0x${events.toString(16)}`;

const RULES: readonly string[] = [
  `${NEVER_REPLICA} ${tellOf(LIFE)}`,
  `${ONCE_REPLICA} ${tellOf(LIFE_AND_MOVES)}`,
  `tcp flags & (fin | rst) != 0 ${tellOf(CLOSING)}`,
  // Last, as a FIN may be what moves a connection: the changed mark is then told together with the state.
  `${IS_REPLICA} ct direction original ${tellOf(CLOSING)} ${TAKE_OVER}`,
];

export const OWNERSHIP_PART: Part = {
  // Whatever is not translated to a real server is not ours, and may carry somebody else's marks.
  rules: { forward: [`ct status dnat jump ${CHAIN}`] },
  chains: new Map([[CHAIN, RULES]]),
};
