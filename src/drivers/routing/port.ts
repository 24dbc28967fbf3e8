/**
 * The speaker port: whoever tells the routers about our prefixes. Adapters: `ospf/` (built in); `frr` will be the second.
 */
import type { KeysInForce } from '../../core/model/keys.ts';
import type {
  AnnouncedPrefix,
  InterfaceConfig,
  InterfaceView,
  LsaFilter,
  LsaView,
  NeighborView,
  OspfRoute,
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
  neighbors(): readonly NeighborView[];
  interfaces(): readonly InterfaceView[];
  lsdb(filter?: LsaFilter): readonly LsaView[];
  routes(): readonly OspfRoute[];
  /** Router ids, other than ours, whose reachable LSAs announce this /32 at a metric below `below`: "are we the last?" */
  otherAnnouncers(vip: number, below: number): readonly number[];
  /** What upstream routers make of our announcements and of the other directors'. Empty where that cannot be known. */
  upstreamView(query: UpstreamQuery): readonly UpstreamRouter[];
  counters(): Readonly<Record<string, number>>;
  onEvent(listener: (event: SpeakerEvent) => void): void;
  /** Flushes our LSAs, says goodbye, closes the sockets. */
  stop(): Promise<void>;
}
