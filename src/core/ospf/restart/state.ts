/** An earlier process that is being taken over from (take-over.ts), and what the other parts ask about it. */
import type { Instant } from '../../base/machine.ts';
import type { EarlierLife } from '../events.ts';

export interface TakeOver extends EarlierLife {
  readonly since: Instant;
  /** Until then adjacencies wait for all routers to be heard; undefined once they need not. */
  hearBy: Instant | undefined;
  /** It is known by its LSAs alone; see inheritance.ts. */
  readonly inherited: boolean;
}

/** What is asked here of the speaker. */
interface Life {
  readonly takeOver: TakeOver | undefined;
}

/** Whether we are between an earlier process and ourselves. */
export function isTakingOver({ takeOver }: Life): boolean {
  return takeOver !== undefined;
}

/** Whether a new adjacency has to wait for the others. */
export function awaitsOthers({ takeOver }: Life): boolean {
  return takeOver?.hearBy !== undefined;
}
