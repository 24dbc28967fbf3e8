/**
 * Keeps count of the connections of each real server: listens to the kernel's events, and lists all connections once at the
 * start, whenever events were lost, and when copies of what others carry, of which no event tells, have come to matter
 * (`recount`). In: the conntrack port. Out: counts by server id; `onChange` when there are none any more, or there are again.
 *
 * Without events (no permission, an addon that is missing) there are no counts, an event says why, and it is tried again.
 */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import { ConnectionCounts } from '../../core/dataplane/connection-counts.ts';
import { FlowLog } from '../../core/netlink/flow-log.ts';
import type { Conntrack } from '../../drivers/conntrack/port.ts';
import type { Clock } from '../../io/clock.ts';
import type { EventLog } from '../events.ts';
import { Fault } from '../faults.ts';

export interface ConnectionKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly conntrack: Conntrack;
  onChange(): void;
}

const RETRY: Millis = 10_000;
/** Between two listings, when the second has to follow the first: who loses events has no time for more. */
const AGAIN: Millis = 1000;
/** Events that wait while all connections are listed; more would be lost anyway, and the next listing repairs both. */
const MOST_WAITING = 200_000;
const CHANGED = 0;
const DESTROYED = 1;

export class ConnectionKeeper {
  readonly #options: ConnectionKeeperOptions;
  #counts = new ConnectionCounts();
  /** What was told while the connections are being listed. */
  #waiting: FlowLog | undefined;
  /** Another listing has to follow the one that is under way. */
  #again = false;
  #known = false;
  #lost = 0;
  readonly #fault: Fault;
  #unlisten: (() => void) | undefined;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(options: ConnectionKeeperOptions) {
    this.#options = options;
    this.#fault = new Fault((message) => options.events.emit('conntrack-fault', { message, retryIn: RETRY }));
  }

  /** How often events were lost. */
  get lost(): number {
    return this.#lost;
  }

  /** Entries that are counted, closed connections among them; undefined while they are not known. */
  get tracked(): number | undefined {
    return this.#known ? this.#counts.tracked : undefined;
  }

  /** Active connections of a server by its id; undefined while they are not known. */
  active(serverId: number): number | undefined {
    return this.#known ? this.#counts.active(serverId) : undefined;
  }

  /** Translated source addresses, with the connections in each of their port blocks; undefined while they are not known. */
  portBlocks(): ReadonlyMap<Ipv4, Uint32Array> | undefined {
    return this.#known ? this.#counts.portBlocks() : undefined;
  }

  open(): void {
    if (this.#closed || this.#unlisten !== undefined) return;
    try {
      this.#unlisten = this.#options.conntrack.listen({
        changed: (flow) => {
          this.#counts.changed(flow);
          if (this.#waiting !== undefined) this.#keep(CHANGED, flow);
        },
        destroyed: (flow) => {
          this.#counts.destroyed(flow);
          if (this.#waiting !== undefined) this.#keep(DESTROYED, flow);
        },
        lost: () => this.#lostSome(),
        failed: (error) => this.#refused(error),
      });
    } catch (error) {
      this.#refused(error);
      return;
    }
    void this.#list();
  }

  /** Lists all once more: an entry that was written here, as a copy is, is no event. What was known stays so meanwhile. */
  recount(): void {
    if (this.#known) void this.#list();
  }

  close(): void {
    this.#closed = true;
    this.#silence();
    this.#options.conntrack.close();
  }

  /** Those that follow before all is known again are the same trouble. */
  #lostSome(): void {
    this.#lost += 1;
    if (this.#known) this.#options.events.emit('conntrack-lost', { times: this.#lost });
    this.#known = false;
    void this.#list();
  }

  /** Told while all are listed. */
  #keep(kind: number, flow: Uint32Array): void {
    if (this.#waiting!.length < MOST_WAITING) this.#waiting!.add(kind, flow);
    else this.#again = true;
  }

  async #list(): Promise<void> {
    if (this.#waiting !== undefined) {
      this.#again = true;
      return;
    }
    this.#waiting = new FlowLog();
    this.#again = false;
    try {
      const counts = new ConnectionCounts();
      await this.#options.conntrack.assured((flow) => counts.changed(flow));
      if (this.#unlisten === undefined) return;
      this.#waiting.replay((kind, flow) => {
        if (kind === CHANGED) counts.changed(flow);
        else counts.destroyed(flow);
      });
      this.#counts = counts;
      this.#settle();
    } catch (error) {
      this.#refused(error);
    } finally {
      this.#waiting = undefined;
    }
    if (this.#again && this.#unlisten !== undefined)
      this.#cancel = this.#options.clock.after(AGAIN, () => void this.#list());
  }

  #settle(): void {
    this.#fault.cleared();
    const wasKnown = this.#known;
    this.#known = !this.#again;
    if (this.#known !== wasKnown) this.#options.onChange();
  }

  #silence(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#unlisten?.();
    this.#unlisten = undefined;
  }

  #refused(error: unknown): void {
    this.#fault.report(messageOf(error));
    this.#silence();
    if (this.#closed) return;
    this.#cancel = this.#options.clock.after(RETRY, () => this.open());
    const wasKnown = this.#known;
    this.#known = false;
    if (wasKnown) this.#options.onChange();
  }
}
