/**
 * The speaker port: whoever tells the routers about our prefixes. Adapters: `ospf.ts` (built in), `frr.ts`.
 */

import type { Instant, Millis } from '../../core/base/machine.ts';
import type { KeysInForce } from '../../core/model/keys.ts';
import type {
  AnnouncedPrefix,
  HelperMode,
  InterfaceConfig,
  InterfaceView,
  LsaFilter,
  LsaView,
  NeighborView,
  OspfRoute,
  RestartReason,
  TakeOverView,
} from '../../core/ospf/events.ts';
import type { OspfInstance, UpstreamQuery } from '../../core/ospf/instance.ts';

export type UpstreamRouter = ReturnType<OspfInstance['upstreamView']>[number];

export type SpeakerEvent =
  | { readonly kind: 'hello'; readonly interface: string }
  | { readonly kind: 'interface'; readonly interface: string; readonly from: string; readonly to: string }
  | {
      readonly kind: 'neighbor';
      readonly interface: string;
      readonly routerId: string;
      readonly address: string;
      readonly from: string;
      readonly to: string;
      readonly reason: string;
    }
  /** What is wrong with a neighbor, or with who might be one; not more than once a minute each. */
  | {
      readonly kind: 'trouble';
      readonly interface: string;
      readonly routerId: string;
      readonly address: string;
      readonly reason: string;
      readonly detail: string;
    }
  /** As the core's effects of the same names; `until` is an instant of the agent's clock. */
  | { readonly kind: 'restart'; readonly step: 'announced' | 'begun' | 'ended'; readonly detail: string }
  | {
      readonly kind: 'helper';
      readonly interface: string;
      readonly routerId: string;
      readonly step: 'entered' | 'refused' | 'left';
      readonly until: Instant;
      readonly reason: string;
    }
  | { readonly kind: 'announced'; readonly prefixes: readonly AnnouncedPrefix[] }
  | { readonly kind: 'routes'; readonly routes: readonly OspfRoute[] }
  | {
      readonly kind: 'dropped';
      readonly interface: string;
      readonly source: string;
      readonly reason: string;
      readonly detail: string;
    }
  | { readonly kind: 'fault'; readonly message: string; readonly cause?: unknown };

/** What the neighbors are told of a restart; see the core's input `handOver`. */
export interface HandOver {
  /** Whole seconds, in milliseconds. */
  readonly period: Millis;
  readonly reason: RestartReason;
  readonly sequence: number;
}

export interface Speaker {
  readonly instance: string;
  /** Opens sockets and says the first Hellos. Interfaces that are missing are followed until they appear. */
  start(): Promise<void>;
  /**
   * The whole set of interfaces with their settings; idempotent. What does not differ is not touched: adjacencies on the
   * other interfaces and what is announced stay as they are.
   */
  configure(interfaces: readonly InterfaceConfig[]): void;
  /** The keys that count on an interface from now on; idempotent. */
  setKeys(interfaceName: string, keys: KeysInForce): void;
  /** The whole set of prefixes to announce; idempotent. */
  set(prefixes: readonly AnnouncedPrefix[]): void;
  /** What the neighbors can have heard from us: prefixes in the last router-LSA that went out. */
  announced(): readonly AnnouncedPrefix[];
  /** Why it is not known whether all of this is still so, and since when; undefined while it is known. */
  unknown(): string | undefined;
  neighbors(): readonly NeighborView[];
  interfaces(): readonly InterfaceView[];
  lsdb(filter?: LsaFilter): readonly LsaView[];
  routes(): readonly OspfRoute[];
  /** Router ids, other than ours, whose reachable LSAs announce this /32 at a metric below `below`: "are we the last?" */
  otherAnnouncers(vip: number, below: number): readonly number[];
  /** What upstream routers make of our announcements and of the other directors'. Empty where that cannot be known. */
  upstreamView(query: UpstreamQuery): readonly UpstreamRouter[];
  counters(): Readonly<Record<string, number>>;
  /** Whether neighbors that restart are helped; `strict` until told otherwise. */
  helpAs(mode: HelperMode): void;
  /** Undefined when no earlier process is being continued. */
  takeOver(): TakeOverView | undefined;
  onEvent(listener: (event: SpeakerEvent) => void): void;
  /** Flushes our LSAs, says goodbye, closes the sockets. */
  stop(): Promise<void>;
  /** Asks the neighbors to wait for the next process, leaves everything else as it is, closes the sockets. */
  handOver(request: HandOver): Promise<void>;
}
