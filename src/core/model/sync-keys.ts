/** The pre-shared keys of the sync channel, as the cluster's key file has them. */
import type { Secret } from '../base/secret.ts';

export interface SyncKey {
  /** Names the key to the other directors: it goes over the wire unencrypted. At most 16 characters, shorter than any secret. */
  readonly id: string;
  readonly secret: Secret;
  /** A stream that another director opens with it is accepted; this director opens none with it. */
  readonly acceptOnly: boolean;
}

/** The keys of one file in its order, oldest first. Exactly one is not `acceptOnly`. */
export type SyncKeyRing = readonly SyncKey[];

/** The key that this director opens streams with. */
export function activeKey(ring: SyncKeyRing): SyncKey {
  const key = ring.find(({ acceptOnly }) => !acceptOnly);
  if (key === undefined) throw new Error('a ring without an active key');
  return key;
}
