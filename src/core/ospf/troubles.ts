/**
 * What keeps a router on the link from becoming our neighbor, or makes it a doubtful one, in words for the operator: settings
 * that differ, MTUs, a router id that is there twice.
 *
 * In: every single occurrence, as often as packets come. Out: one effect `neighborTrouble` at first sight and one a minute
 * while it lasts, by neighbor and reason; and the present ones, for the views. Counting and dropping is the caller's.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import type { Instant, Millis } from '../base/machine.ts';
import type { TroubleReason } from './events.ts';
import { greetsByMulticast, type OspfInterface, type Trouble } from './interface/interface.ts';
import type { Speaker } from './speaker.ts';

const TELL_AGAIN: Millis = 60_000;

/** Troubles kept per interface: whoever makes up addresses gets no more events than this in a minute. */
const MOST_TROUBLES = 32;

/** A trouble is over when it has not been seen for this many dead intervals, or polls, where one polls. */
const PAST = 3;

/** `who` is the sender as far as it is known (`routerId` 0: not), `detail` a sentence with both sides' values. */
export function noticeTrouble(
  speaker: Speaker,
  iface: OspfInterface,
  who: { readonly address: Ipv4; readonly routerId: Ipv4 },
  reason: TroubleReason,
  detail: string,
): void {
  const { now } = speaker;
  const { troubles } = iface;
  const { address, routerId } = who;
  const key = `${address} ${reason}`;
  const known = troubles.get(key);
  if (known === undefined && !makeRoom(iface, now)) return;
  const isNews = known === undefined || now - known.toldAt >= TELL_AGAIN;
  troubles.set(key, { address, detail, toldAt: isNews ? now : known.toldAt, seenAt: now });
  if (isNews) {
    speaker.effects.push({ kind: 'neighborTrouble', interface: iface.name, address, routerId, reason, detail });
  }
}

/** The adjacency is there: what may have been in its way is not any more. */
export function forgetTrouble(iface: OspfInterface, address: Ipv4, reason: TroubleReason): void {
  iface.troubles.delete(`${address} ${reason}`);
}

/** What is wrong now, with one neighbor or with all on the interface. */
export function presentTroubles(iface: OspfInterface, now: Instant, address?: Ipv4): Trouble[] {
  const { deadInterval, pollInterval } = iface.config;
  const rhythm = greetsByMulticast(iface) ? deadInterval : Math.max(deadInterval, pollInterval);
  return [...iface.troubles.values()].filter((trouble) => {
    const present = now - trouble.seenAt <= PAST * rhythm;
    return present && (address === undefined || trouble.address === address);
  });
}

function makeRoom({ troubles }: OspfInterface, now: Instant): boolean {
  if (troubles.size < MOST_TROUBLES) return true;
  for (const [key, { toldAt }] of troubles) if (now - toldAt >= TELL_AGAIN) troubles.delete(key);
  return troubles.size < MOST_TROUBLES;
}
