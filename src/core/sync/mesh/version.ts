/** Which version of the protocol a stream speaks, or why none. */

/** Versions that somebody speaks, from `min` to `max`. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** The newest that a peer was heard to speak, and the start of its process in which it was. */
export interface SpokenBefore {
  readonly bootEpoch: string;
  readonly max: number;
}

type Negotiated =
  | { readonly kind: 'version'; readonly version: number }
  /** `reason` is for the peer's operator and ours alike; `downgrade`: the peer has spoken better before. */
  | { readonly kind: 'refused'; readonly downgrade: boolean; readonly reason: string };

/**
 * The newest version that both speak. Both ends find the same one from the same two hellos, so nothing is said of it.
 *
 * A process does not forget a version: a hello that offers less than an earlier one of the same boot epoch was made by
 * somebody who would rather speak an older one, and is refused. A director that was replaced by an older release has another
 * boot epoch, and is welcome.
 */
export function negotiate(
  ours: VersionRange,
  peer: VersionRange & { readonly bootEpoch: string },
  before: SpokenBefore | undefined,
): Negotiated {
  if (before !== undefined && before.bootEpoch === peer.bootEpoch && peer.max < before.max) {
    return refused(true, `offers version ${peer.max}, and has offered ${before.max} since it was started`);
  }
  if (peer.max < ours.min) return refused(true, `offers version ${peer.max} at most, ${ours.min} is needed at least`);
  if (peer.min > ours.max) return refused(false, `needs version ${peer.min} at least, ${ours.max} is spoken at most`);
  return { kind: 'version', version: Math.min(ours.max, peer.max) };
}

function refused(downgrade: boolean, reason: string): Negotiated {
  return { kind: 'refused', downgrade, reason };
}
