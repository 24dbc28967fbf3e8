/** What the live view shows, as plain values: gathered by `poller.ts`, drawn by `view.ts`. */
import type { LifecycleState } from '../../src/api/documents.ts';
import type { BrokenClass, Counts, LoadKind } from '../traffic/protocol.ts';

export interface DirectorRow {
  readonly name: string;
  /** `off`: its agent does not run. `dead`: the demo killed it. */
  readonly state: LifecycleState | 'off' | 'dead';
  /** Metric of its announcement; null while it announces nothing. */
  readonly metric: number | null;
  readonly waitingFor: readonly string[];
  readonly neighborsFull: number;
  readonly neighborsTotal: number;
  /** Long-lived connections whose newest packet passed here. */
  readonly flows: number;
  /** New connections a second, as counted in its kernel. */
  readonly newPerSecond: number;
}

export interface RouterRow {
  readonly name: string;
  /** Directors that its kernel spreads the VIP over. */
  readonly nextHops: readonly string[];
}

export interface EventRow {
  /** Milliseconds since the demo began. */
  readonly t: number;
  readonly director: string;
  readonly text: string;
}

export interface TrafficRow {
  readonly live: Readonly<Record<LoadKind, number>>;
  readonly newPerSecond: number;
  readonly answersPerSecond: number;
  readonly bytesPerSecond: number;
  readonly stalling: number;
  /** Since the demo began. */
  readonly broken: Counts<BrokenClass>;
  readonly failed: number;
  /** In the current step, milliseconds. */
  readonly longestStall: number;
}

export interface ViewState {
  /** Milliseconds since the demo began. */
  readonly elapsed: number;
  readonly vip: string;
  readonly step: string;
  readonly stepNumber: number;
  readonly stepCount: number;
  readonly directors: readonly DirectorRow[];
  readonly routers: readonly RouterRow[];
  readonly traffic: TrafficRow | undefined;
  /** Oldest first. */
  readonly events: readonly EventRow[];
}
