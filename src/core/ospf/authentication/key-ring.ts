/** Which keys of a ring count at a moment of the wall clock (RFC 2328 D.3, RFC 5709 3.2). */
import type { KeyRing, KeysInForce, Lifetime, RingKey, UnixMillis } from '../../model/keys.ts';

interface SendKey extends RingKey {
  readonly send: Lifetime;
}

/**
 * Sent with: of the keys that may be, the one whose time began last; of several, the one further down in the file. When
 * none may be, the one that has expired last, or the one that begins next: a network that stops talking at midnight is
 * worse than a key that is a day too old (RFC 2328 D.3). What is sent with is accepted, too.
 */
export function keysAt(ring: KeyRing, now: UnixMillis): KeysInForce {
  const candidates = ring.filter((key): key is SendKey => key.send !== undefined);
  const valid = candidates.filter(({ send }) => covers(send, now));
  const expired = candidates.filter(({ send }) => send.until <= now);
  const early = candidates.filter(({ send }) => send.from > now);
  const send =
    greatest(valid, (key) => key.send.from) ??
    greatest(expired, (key) => key.send.until) ??
    greatest(early, (key) => -key.send.from);
  const accept = ring.filter((key) => key === send || covers(key.accept, now));
  const standing = valid.length > 0 ? 'valid' : expired.length > 0 ? 'expired' : 'early';
  return { send, accept, standing };
}

/** When `keysAt` next gives something else; undefined when it never does. */
export function nextKeyChange(ring: KeyRing, now: UnixMillis): UnixMillis | undefined {
  const moments = ring
    .flatMap(({ send, accept }) => [send?.from, send?.until, accept.from, accept.until])
    .filter((moment) => moment !== undefined && moment > now && Number.isFinite(moment));
  return moments.length === 0 ? undefined : Math.min(...(moments as number[]));
}

function covers({ from, until }: Lifetime, now: UnixMillis): boolean {
  return from <= now && now < until;
}

/** The last of those with the greatest value. */
function greatest<T>(items: readonly T[], value: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best === undefined || value(item) >= value(best) ? item : best),
    undefined,
  );
}
