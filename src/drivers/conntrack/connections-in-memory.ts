/**
 * One host's connections in memory, for the fakes of the data plane, which makes them, and of this port, which tells of them.
 * They outlive the agent.
 */
import { SERVER_ID_MASK } from '../../core/dataplane/mark.ts';
import { type Connection, flowOfConnection, type Tuple } from '../../core/netlink/conntrack.ts';
import { TCP_CONNTRACK_CLOSE } from '../../core/netlink/conntrack-codes.ts';
import type { ConntrackStatistics } from '../../core/netlink/conntrack-statistics.ts';
import type { ConntrackListener } from './port.ts';

/** `6 10.1.0.2:40000 203.0.113.10:80`, with addresses as numbers. */
const keyOf = ({ protocol, source, sport, destination, dport }: Tuple): string =>
  `${protocol} ${source}:${sport} ${destination}:${dport}`;

export function isOurs({ mark }: Connection): boolean {
  return (mark & SERVER_ID_MASK) !== 0;
}

export class ConnectionsInMemory {
  readonly #connections = new Map<string, Connection>();
  readonly #listeners = new Set<ConntrackListener>();
  #nextId = 1;
  #dropped = 0;

  /** No port was free for a new one. */
  drop(): void {
    this.#dropped += 1;
  }

  get statistics(): ConntrackStatistics {
    return { insertFailed: this.#dropped, drop: this.#dropped };
  }

  of(original: Tuple): Connection | undefined {
    return this.#connections.get(keyOf(original));
  }

  all(): readonly Connection[] {
    return [...this.#connections.values()];
  }

  /** One that is new, or the same with something changed. */
  set(connection: Omit<Connection, 'id'>): void {
    const id = this.of(connection.original)?.id ?? this.#nextId++;
    const told = { ...connection, id };
    this.#connections.set(keyOf(connection.original), told);
    if (isOurs(told)) for (const listener of this.#listeners) listener.changed(flowOfConnection(told));
  }

  /** Both ends are through with it; the entry stays for a while. */
  close(original: Tuple): void {
    const connection = this.of(original);
    if (connection !== undefined) this.set({ ...connection, tcpState: TCP_CONNTRACK_CLOSE });
  }

  delete(original: Tuple): void {
    const connection = this.of(original);
    if (!this.#connections.delete(keyOf(original)) || connection === undefined || !isOurs(connection)) return;
    for (const listener of this.#listeners) listener.destroyed(flowOfConnection(connection));
  }

  /** What happens until the next event is told to nobody. */
  loseDuring(act: () => void): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    act();
    for (const listener of listeners) {
      this.#listeners.add(listener);
      listener.lost();
    }
  }

  listen(listener: ConntrackListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
