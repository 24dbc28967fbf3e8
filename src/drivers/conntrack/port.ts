/**
 * The kernel's table of connections, as far as it is ours: those that our rules have translated and marked with the id of a
 * server. Adapters: `netlink.ts` and `fake.ts`; both pass the same contract suite (test/contract/conntrack).
 */
import type { Connection } from '../../core/netlink/conntrack.ts';
import type { ConntrackStatistics } from '../../core/netlink/conntrack-statistics.ts';

export type { Connection } from '../../core/netlink/conntrack.ts';

export interface ConntrackListener {
  /** It is new, or something about it has changed. Which changes are told is up to the rules (`ct event set`). */
  changed(connection: Connection): void;
  /** It is no more: it ended, ran out of time, or was deleted. */
  destroyed(connection: Connection): void;
  /** Events were lost: what is known of the connections may be wrong until they are listed again. */
  lost(): void;
  /** No event will come any more until somebody listens anew. */
  failed(error: Error): void;
}

export interface Conntrack {
  /**
   * Tells of our connections from now on, until the returned function is called. Those that are there already are told of
   * when they change or end.
   *
   * @throws KernelError `conntrack-subscribe` (`EPERM`)
   */
  listen(listener: ConntrackListener): () => void;
  /** Our connections that both ends have sent on (IPS_ASSURED). What changes meanwhile may be in it or not. */
  assured(): Promise<readonly Connection[]>;
  /** Deletes all connections of a server, by its id. Nobody is told but by the events. @throws KernelError `conntrack-delete` */
  deleteOf(serverId: number): Promise<void>;
  /** Of all connections of this network namespace, since it was made. @throws KernelError `conntrack-statistics` */
  statistics(): Promise<ConntrackStatistics>;
  close(): void;
}
