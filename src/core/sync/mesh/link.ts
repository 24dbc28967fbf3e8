import type { CatchUp } from '../replicas/catch-up.ts';
import type { Donor } from '../replicas/donor.ts';
import type { PeerSession } from './peer-session.ts';

/** The stream to one peer and what hangs on it. */
export interface Link {
  readonly session: PeerSession;
  donor: Donor;
  catchUp: CatchUp;
  /** Was it told what we own, on this stream? */
  listed: boolean;
}
