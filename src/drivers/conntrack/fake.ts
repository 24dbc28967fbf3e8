/** The connection table in memory, for tests without a kernel. It passes the contract suite of the real driver. */
import { SERVER_ID_MASK } from '../../core/dataplane/mark.ts';
import { flowOfConnection } from '../../core/netlink/conntrack.ts';
import { IPS_ASSURED } from '../../core/netlink/conntrack-codes.ts';
import type { ConntrackStatistics } from '../../core/netlink/conntrack-statistics.ts';
import { KernelError } from '../../io/kernel-error.ts';
import { type ConnectionsInMemory, isOurs } from './connections-in-memory.ts';
import type { Conntrack, ConntrackListener } from './port.ts';

export class FakeConntrack implements Conntrack {
  readonly #connections: ConnectionsInMemory;
  /** When set, the next request fails with this errno, once. */
  refuseNext: string | undefined;

  constructor(connections: ConnectionsInMemory) {
    this.#connections = connections;
  }

  listen(listener: ConntrackListener): () => void {
    this.#refuse('conntrack-subscribe');
    return this.#connections.listen(listener);
  }

  async assured(on: (flow: Uint32Array) => void): Promise<void> {
    this.#refuse('conntrack-dump');
    for (const one of this.#connections.all()) {
      if (isOurs(one) && (one.status & IPS_ASSURED) !== 0) on(flowOfConnection(one));
    }
  }

  async deleteOf(serverId: number): Promise<void> {
    this.#refuse('conntrack-delete');
    for (const { mark, original } of this.#connections.all()) {
      if ((mark & SERVER_ID_MASK) === serverId) this.#connections.delete(original);
    }
  }

  async statistics(): Promise<ConntrackStatistics> {
    return this.#connections.statistics;
  }

  close(): void {}

  #refuse(request: string): void {
    const errno = this.refuseNext;
    this.refuseNext = undefined;
    if (errno !== undefined) throw new KernelError(request, { errno });
  }
}
