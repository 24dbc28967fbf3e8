/** The streams to the peers of the cluster file, one each, and what hangs on them. */
import type { Instant } from '../../base/machine.ts';
import type { SyncDirector } from '../../model/sync.ts';
import { CatchUp, type CatchUpHost } from '../replicas/catch-up.ts';
import { Donor } from '../replicas/donor.ts';
import type { ConnectionTable } from '../table/connection-table.ts';
import { PeerSession, type SessionHost } from './peer-session.ts';

/** The stream to one peer and what hangs on it. */
export interface Link {
  readonly session: PeerSession;
  donor: Donor;
  catchUp: CatchUp;
  /** Was it told what we own, on this stream? */
  listed: boolean;
}

export class Links {
  readonly #byName = new Map<string, Link>();
  readonly #table: ConnectionTable;
  readonly #host: SessionHost & CatchUpHost;
  #sessions: readonly PeerSession[] = [];

  constructor(table: ConnectionTable, host: SessionHost & CatchUpHost) {
    this.#table = table;
    this.#host = host;
  }

  /** Of all links, whatever state they are in. */
  get sessions(): readonly PeerSession[] {
    return this.#sessions;
  }

  all(): IterableIterator<Link> {
    return this.#byName.values();
  }

  get(peer: string): Link | undefined {
    return this.#byName.get(peer);
  }

  up(): readonly Link[] {
    return [...this.#byName.values()].filter(({ session }) => session.established);
  }

  established(): readonly PeerSession[] {
    return this.up().map(({ session }) => session);
  }

  sessionOf(routerId: number): PeerSession | undefined {
    for (const { session } of this.#byName.values()) if (session.routerId === routerId) return session;
    return undefined;
  }

  /** Who is not among the peers any more, or has another router id, is dismissed; all others stay, and are told what is new. */
  configure(peers: readonly SyncDirector[], now: Instant): void {
    for (const [name, { session }] of this.#byName) {
      const peer = peers.find((each) => each.name === name);
      if (peer?.routerId === session.routerId) continue;
      session.dismiss('not in the cluster file', now);
      this.#byName.delete(name);
    }
    for (const peer of peers) {
      if (this.#byName.has(peer.name)) continue;
      const session = new PeerSession(peer, this.#host, now);
      const donor = new Donor(this.#table, this.#host.self);
      this.#byName.set(peer.name, { session, donor, catchUp: new CatchUp(session, this.#host, true), listed: false });
    }
    this.#sessions = [...this.#byName.values()].map(({ session }) => session);
    for (const session of this.#sessions) session.sayHello();
  }
}
