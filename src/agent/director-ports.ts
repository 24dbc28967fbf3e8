/** All that a director touches of the system: what `main.ts` brings for real, and tests in memory. */
import type { Verdict } from '../core/health/rise-fall.ts';
import type { HealthTarget } from '../core/health/target.ts';
import type { UnixMillis } from '../core/model/keys.ts';
import type { ServerName } from '../core/servers/server-lifecycles.ts';
import type { Conntrack } from '../drivers/conntrack/port.ts';
import type { Dataplane } from '../drivers/dataplane/port.ts';
import type { InsideControl } from '../drivers/inside/port.ts';
import type { LinkControl } from '../drivers/links/port.ts';
import type { RouteTable } from '../drivers/routes/port.ts';
import type { LinkSource } from '../drivers/routing/ospf.ts';
import type { TunnelControl } from '../drivers/tunnels/port.ts';
import type { Clock } from '../io/clock.ts';
import type { EventLog } from './events.ts';
import type { StartProbe } from './keepers/health-keeper.ts';
import type { LifeKeeper } from './keepers/life-keeper.ts';
import type { SequenceKeeper } from './keepers/sequence-keeper.ts';
import type { MakeSpeaker } from './speakers.ts';
import type { StartSyncThread } from './sync/thread-port.ts';

export interface DirectorPorts {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly dataplane: Dataplane;
  readonly routes: RouteTable;
  readonly links: LinkSource;
  readonly startProbe: StartProbe;
  readonly makeSpeaker: MakeSpeaker;
  /** What our checks found in an earlier life, if that was a moment ago. */
  readonly lastVerdict: (target: HealthTarget) => Verdict;
  /** Keeps for the next life what is worth it. */
  readonly life: Pick<LifeKeeper, 'keep' | 'forget' | 'handOver'>;
  /** For a Grace-LSA that goes out now; see `memory/last-life.ts`. */
  readonly graceSequence: () => number;
  /** Keeps the sequence numbers of authenticated packets across restarts. */
  readonly sequences: Pick<SequenceKeeper, 'reserve' | 'close'>;
  readonly timeOfDay: () => UnixMillis;
  /** Seeds the speakers' jitter and sequence numbers. */
  readonly seed: number;
  readonly linkControl: LinkControl;
  readonly tunnels: TunnelControl;
  readonly inside: InsideControl;
  readonly conntrack: Conntrack;
  readonly startSync: StartSyncThread;
  /** Servers that the operator has asked to be drained: of an earlier agent, and for a later one. */
  readonly drained: { readonly names: readonly ServerName[]; keep(names: readonly ServerName[]): Promise<void> };
}
