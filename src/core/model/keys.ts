/** Keys that authenticate OSPF packets: as a key file has them, and those of them that count at one moment. */
import type { Secret } from '../base/secret.ts';

/** RFC 2328 appendix D and RFC 5709; the names of the cluster file. */
export const ALGORITHMS = ['simple', 'md5', 'hmac-sha-1', 'hmac-sha-256', 'hmac-sha-384', 'hmac-sha-512'] as const;

export type Algorithm = (typeof ALGORITHMS)[number];

/** Milliseconds since 1970, UTC: the wall clock, by which people agree on when a key counts. */
export type UnixMillis = number;

export interface AuthenticationKey {
  /** 1 to 255; means nothing on the wire with `simple`. */
  readonly id: number;
  readonly algorithm: Algorithm;
  readonly secret: Secret;
}

/** From `from` to before `until`; infinite where nothing is said. */
export interface Lifetime {
  readonly from: UnixMillis;
  readonly until: UnixMillis;
}

export interface RingKey extends AuthenticationKey {
  /** When packets may be sent with it; undefined = never, it is only accepted. */
  readonly send: Lifetime | undefined;
  readonly accept: Lifetime;
}

/** The keys of one file, in its order. */
export type KeyRing = readonly RingKey[];

/** The keys that count on an interface now. */
export interface KeysInForce {
  /** What packets are sent with; undefined = nothing can be sent. */
  readonly send: AuthenticationKey | undefined;
  readonly accept: readonly AuthenticationKey[];
  /** `early` and `expired`: no key is to be sent with now, and the nearest is used all the same (RFC 2328 D.3). */
  readonly standing: 'valid' | 'early' | 'expired';
}
