/**
 * The connection mark (ct mark), laid out in this one place. Rules that read it always mask it.
 *
 *   bits 0-15   server id: which real server the connection was given to. 0 means none. Local to this director: the same
 *               server may have another id on another director, so ids never leave it.
 *   bit 31      REPLICA: the entry was brought here by another director, which carries the connection.
 *   bit 30      MOVED: it was a replica, until the client's next packet came by this director: now it is carried here.
 *   bit 29      CLOSING: a FIN or RST has passed.
 *   bits 16-28  zero.
 *
 * A connection begun here has neither REPLICA nor MOVED. At most one of them is set: what takes a replica over writes MOVED in
 * the same step, and whoever gives a connection away writes REPLICA and clears MOVED.
 *
 * A new connection gets its whole mark written, because nft cannot join two values that are both unknown when the rule is
 * loaded. Later rules change flags by `ct mark set ct mark and … or …` and leave the id alone.
 */

/** Selects the server id. */
export const SERVER_ID_MASK = 0x0000ffff;

export const FIRST_SERVER_ID = 1;
export const LAST_SERVER_ID = 0xfffe;

/** The id of a connection's server, as an nft expression. */
export const SERVER_ID_EXPRESSION = `ct mark and 0x${SERVER_ID_MASK.toString(16)}`;

/** Brought here by another director, which carries the connection. */
export const REPLICA_BIT = 0x80000000;
/** Taken over from another director by a packet of the client. */
export const MOVED_BIT = 0x40000000;
/** A FIN or RST has passed. */
const CLOSING_BIT = 0x20000000;

const hexadecimal = (bits: number): string => `0x${bits.toString(16).padStart(8, '0')}`;

/** True of entries that another director carries, as an nft match. */
export const IS_REPLICA = `ct mark and ${hexadecimal(REPLICA_BIT)} == ${hexadecimal(REPLICA_BIT)}`;

/** True of entries that did not begin here, as an nft match. */
export const IS_FROM_ELSEWHERE = `ct mark and ${hexadecimal((REPLICA_BIT | MOVED_BIT) >>> 0)} != 0`;

/** True of entries with any flag, as an nft match: nearly all packets are of connections without, and are done with this. */
export const HAS_FLAGS = `ct mark and ${hexadecimal((REPLICA_BIT | MOVED_BIT | CLOSING_BIT) >>> 0)} != 0`;

/** As an nft statement; all other bits stay. */
export const MARK_CLOSING = `ct mark set ct mark or ${hexadecimal(CLOSING_BIT)}`;

/** From REPLICA to MOVED, as an nft statement; all other bits stay. */
export const TAKE_OVER = `ct mark set ct mark and ${hexadecimal(~(REPLICA_BIT | MOVED_BIT) >>> 0)} or ${hexadecimal(MOVED_BIT)}`;
