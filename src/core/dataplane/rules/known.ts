/**
 * Where a packet of a connection that is translated here goes first, unless it is the connection's first one, which has no
 * translation yet. Nothing that follows in prerouting concerns it: it is neither unknown nor new.
 *
 * It is asked here and not in forward because most packets are of such connections, and what they pay for is hooks: each that
 * a packet passes costs as much as three rules (docs/facts/nftables.md). This one they pass anyway, for the second chance.
 * Connections that somebody else translates come here as well: the rules look for marks of ours.
 *
 *   known     nearly all packets are plain: without FIN or RST, of a connection whose mark is the id of its server and no flag. They
 *             are done with two comparisons and the look-up that counts them (`traffic.ts`)
 *   ending    with FIN or RST
 *   flagged   all others: of connections that came from elsewhere or are ending, or that are not ours
 */
import type { Part } from './parts.ts';

export const KNOWN_PART: Part = { rules: { mid_life: ['ct status dnat goto known'] } };

/** The last rule of `known`: a part of its own, since the order of parts is that of rules. */
export const FLAGGED_PART: Part = { rules: { known: ['goto flagged'] } };
