/**
 * Who carries a connection, and what of its life the agent hears.
 *
 * Ownership follows the client: the first packet from client to server of a connection that another director carried turns
 * REPLICA into MOVED, and the kernel tells of it at once. Answers do not count: they may come by another director than the
 * requests for as long as a connection lives, and ownership would go to and fro with every packet.
 *
 * The kernel tells of a connection when something happens that is in its event mask, and then tells all:
 *
 *   begun here         assured (TCP: established; UDP: a stream of two seconds) and destroyed: set by the first packet, before the
 *                      connection is confirmed, so that there is no event for new connections
 *     synced UDP       and that it was answered
 *     synced as a whole  and everything that happens on the way there, beginning with the first packet
 *   with a flag        and that the mark has changed: set by every packet, since it does not matter how an entry came to be
 *   FIN and RST        and the state that the packet leads to, hence exactly these packets are told, whoever carries the
 *                      connection: another director may see the other side of it, and would wait for days
 *
 * The packet after a FIN narrows the mask again; that it has to is what CLOSING says. A packet that another processor handles
 * at the very moment of a move or of a FIN cannot take that from being told: the mask that it sets has the changed mark in it.
 */
import type { DesiredService } from '../../model/dataplane.ts';
import { HAS_FLAGS, IS_FROM_ELSEWHERE, IS_REPLICA, MARK_CLOSING, TAKE_OVER } from '../mark.ts';
import type { Part } from './parts.ts';

const CHAIN = 'ending_elsewhere';

/** Bits of IPCT_* (linux/netfilter/nf_conntrack_common.h). nft has words for some of them, but not for the mark. */
const NEW = 1 << 0;
const DESTROY = 1 << 2;
const REPLY = 1 << 3;
const ASSURED = 1 << 4;
const PROTOINFO = 1 << 5;
const MARK = 1 << 7;

const tellOf = (events: number): string => `ct event set 0x${events.toString(16)}`;

/** For the first packet of a connection. */
export const TELL_OF_LIFE = tellOf(DESTROY | ASSURED);
const TELL_OF_ANSWERS = tellOf(DESTROY | ASSURED | REPLY);
const TELL_OF_EVERYTHING = tellOf(DESTROY | ASSURED | REPLY | NEW | PROTOINFO | MARK);

/** The same for a service's, as much as other directors are to hold of them. */
export function tellOfLife(service: Pick<DesiredService, 'sync' | 'protocol'>): string {
  const more = toldBesides(service);
  return more === undefined ? TELL_OF_LIFE : TELL_OF[more];
}

export const TELL_OF = { answers: TELL_OF_ANSWERS, everything: TELL_OF_EVERYTHING } as const;

/** What is told of a service's connections beside `TELL_OF_LIFE`. */
export function toldBesides({
  sync,
  protocol,
}: Pick<DesiredService, 'sync' | 'protocol'>): keyof typeof TELL_OF | undefined {
  if (sync === 'all') return 'everything';
  return sync === 'established' && protocol === 'udp' ? 'answers' : undefined;
}

const TOLD_OF_MARK = tellOf(DESTROY | ASSURED | MARK);
const MOVE = `${IS_REPLICA} ct direction original ${TAKE_OVER}`;

const ELSEWHERE_RULES: readonly string[] = [
  // One that no server has answered was computed, not told of: its server's RST says that it was computed wrong, which is no news
  // for a client whose connection may yet come back to where it is known.
  'ct direction reply ct status & assured == 0 tcp flags & rst == rst drop',
  TOLD_OF_MARK,
  MOVE,
];

export const OWNERSHIP_PART: Part = {
  rules: {
    known: ['tcp flags & (fin | rst) != 0 goto ending'],
    ending: [`${IS_FROM_ELSEWHERE} jump ${CHAIN}`, `${tellOf(DESTROY | ASSURED | MARK | PROTOINFO)} ${MARK_CLOSING}`],
    // What is told is widened before the mark changes: a packet on another processor could take the change from being told.
    flagged: [`${HAS_FLAGS} ${TOLD_OF_MARK}`, MOVE],
  },
  chains: new Map([[CHAIN, ELSEWHERE_RULES]]),
};
