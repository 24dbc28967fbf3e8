/**
 * The connection mark (ct mark), laid out in this one place. Rules that read it always mask it.
 *
 *   bits 0-15   server id: which real server the connection was given to. 0 means none. Local to this director: the same
 *               server may have another id on another director, so ids never leave it.
 *   bits 16-31  flags, all zero on a new connection; meant for the synchronisation of connections (replica, moved).
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
