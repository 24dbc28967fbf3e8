/**
 * The kernel's table of connections, as far as it is ours: those that our rules have translated and marked with the id of a
 * server. Adapters: `netlink.ts` and `fake.ts`; both pass the same contract suite (test/contract/conntrack).
 */
import type { ConntrackStatistics } from '../../core/netlink/conntrack-statistics.ts';

/** Connections are words (src/core/netlink/flow.ts) that are used again for the next: there may be 100,000 a second. */
export interface ConntrackListener {
  /**
   * Something about it has changed. Which changes are told is up to the rules (`ct event set`): what a packet begins is told
   * when it is established. What somebody writes into the table is told when it changes.
   */
  changed(flow: Uint32Array): void;
  /** It is no more: it ended, ran out of time, or was deleted. */
  destroyed(flow: Uint32Array): void;
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
  /**
   * Our connections that both ends have sent on (IPS_ASSURED), one by one. What changes meanwhile may be among them or not.
   *
   * @throws KernelError `conntrack-dump`
   */
  assured(on: (flow: Uint32Array) => void): Promise<void>;
  /** Deletes all connections of a server, by its id. Nobody is told but by the events. @throws KernelError `conntrack-delete` */
  deleteOf(serverId: number): Promise<void>;
  /** Of all connections of this network namespace, since it was made. @throws KernelError `conntrack-statistics` */
  statistics(): Promise<ConntrackStatistics>;
  close(): void;
}
