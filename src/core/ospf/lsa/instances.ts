/** Which LSA is which, and which instance of it is the more recent (RFC 2328 12.1, 13.1, 13.2). */
import { formatIpv4 } from '../../base/ipv4.ts';
import { LSA_HEADER_LENGTH, MAX_AGE, MAX_AGE_DIFF } from '../codes.ts';
import type { Lsa, LsaHeader, LsaKey } from './lsa.ts';

/** `type/id/advertising router`, e.g. `1/10.0.0.1/10.0.0.1`: a key for maps and a name in logs. */
export function lsaKeyText(key: LsaKey): string {
  return `${key.type}/${formatIpv4(key.id)}/${formatIpv4(key.advertisingRouter)}`;
}

/**
 * RFC 2328 13.1: positive when `a` is the more recent instance, negative when `b` is, zero when they are the same one.
 * `age` must be the age as of now (seconds) in both, not the age at which a stored copy arrived.
 */
export function compareInstances(
  a: Pick<LsaHeader, 'sequence' | 'checksum' | 'age'>,
  b: Pick<LsaHeader, 'sequence' | 'checksum' | 'age'>,
): number {
  if (a.sequence !== b.sequence) return a.sequence > b.sequence ? 1 : -1;
  if (a.checksum !== b.checksum) return a.checksum > b.checksum ? 1 : -1;
  const aGone = a.age >= MAX_AGE;
  const bGone = b.age >= MAX_AGE;
  if (aGone !== bGone) return aGone ? 1 : -1;
  if (Math.abs(a.age - b.age) > MAX_AGE_DIFF) return a.age < b.age ? 1 : -1;
  return 0;
}

/**
 * RFC 2328 13.2: whether two instances of an LSA say the same, so that nothing needs to be computed again: options and
 * body bytes. Age, sequence and checksum do not count; that one of them has reached MaxAge is for the caller to see,
 * because ages pass and only the caller has a clock.
 */
export function sameContents(a: Lsa, b: Lsa): boolean {
  if (a.header.options !== b.header.options || a.bytes.length !== b.bytes.length) return false;
  for (let at = LSA_HEADER_LENGTH; at < a.bytes.length; at++) {
    if (a.bytes[at] !== b.bytes[at]) return false;
  }
  return true;
}
