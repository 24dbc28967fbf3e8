/**
 * The nftables data plane, for TCP and UDP: the kernel's own forwarding, programmed through the `nft` program
 * and read by netlink.
 *
 * `open` probes the kernel and settles sysctls; `apply` is a turn of `Converger` over the real tables. Nothing here runs per
 * packet, and nothing is undone at `close`: the kernel goes on forwarding while no agent is there. Routes to the VIPs belong
 * to the routes driver. Deliberately not here: deciding (src/core/dataplane).
 */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { Millis } from '../../core/base/machine.ts';
import { isDirect } from '../../core/dataplane/rules/direct-table.ts';
import type { DataplaneCounters, DesiredDataplane } from '../../core/model/dataplane.ts';
import { subscribeTransactions } from '../../io/nftables-events.ts';
import { Converger } from './converge.ts';
import { probeDirectRouting, probeFeatures, probeHandOver } from './features.ts';
import { KernelTables } from './kernel-tables.ts';
import type { ApplyReport, Dataplane, RememberedClient, ServiceClient } from './port.ts';
import { inSlices } from './slices.ts';
import { FORGETFUL, type SysctlMemory, Sysctls } from './sysctls.ts';

export class NftablesDataplane implements Dataplane {
  readonly name = 'nftables';
  readonly #tables = new KernelTables();
  readonly #converger = new Converger(this.#tables, inSlices);
  readonly #sysctls: Sysctls;
  /** Changes made by `open`, told with the first `apply`. */
  #untold: string[] = [];
  #opening: Promise<void> | undefined;
  #canRouteDirectly = false;
  #canHandOver = false;
  #queue: Promise<unknown> = Promise.resolve();
  /** How many are under way or wait. */
  #turns = 0;
  #unwatch: () => void = () => {};

  constructor(memory: SysctlMemory = FORGETFUL) {
    this.#sysctls = new Sysctls(memory);
  }

  /** The first call does the work, further ones wait for it: it may be asked for before anyone can wait. */
  open(): Promise<void> {
    this.#opening ??= this.#settle();
    return this.#opening;
  }

  async #settle(): Promise<void> {
    await probeFeatures();
    this.#untold = await this.#sysctls.settle();
  }

  isPresent(): Promise<boolean> {
    return this.#tables.isPresent();
  }

  guard(desired: DesiredDataplane): Promise<readonly string[]> {
    return this.#inTurn(() => this.#converger.guard(desired));
  }

  watch(onForeignWrite: () => void): void {
    this.#unwatch = subscribeTransactions(() => {
      if (this.#turns === 0) onForeignWrite();
    });
  }

  apply(desired: DesiredDataplane): Promise<ApplyReport> {
    return this.#inTurn(async () => {
      const changed = await this.#sysctls.settle();
      if (!this.#canRouteDirectly && desired.services.some(isDirect)) {
        await probeDirectRouting();
        this.#canRouteDirectly = true;
      }
      if (!this.#canHandOver && desired.handOver !== undefined) {
        await probeHandOver();
        this.#canHandOver = true;
      }
      const report = await this.#converger.apply(desired);
      const settings = [...this.#untold, ...changed];
      this.#untold = [];
      return { ...report, operations: [...settings, ...report.operations] };
    });
  }

  serverId(service: string, address: Ipv4): number | undefined {
    return this.#converger.serverId(service, address);
  }

  takeMisses(lifetime: Millis): Promise<void> {
    return this.#inTurn(() => this.#converger.takeMisses(lifetime));
  }

  counters(): Promise<DataplaneCounters> {
    return this.#inTurn(() => this.#converger.counters());
  }

  remembered(service: string, client: Ipv4): Promise<RememberedClient | undefined> {
    return this.#inTurn(() => this.#converger.remembered(service, client));
  }

  /** Not in turn: reading changes nothing, and may take a while. */
  clients(service: string): Promise<readonly ServiceClient[]> {
    return this.#converger.clients(service);
  }

  remember(service: string, clients: readonly ServiceClient[]): Promise<void> {
    return this.#inTurn(() => this.#converger.remember(service, clients));
  }

  remove(): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      await this.#converger.remove();
      return this.#sysctls.restore();
    });
  }

  /** Waits for what is under way; touches nothing. */
  async close(): Promise<void> {
    this.#unwatch();
    await this.#queue;
    this.#tables.close();
  }

  /** One request at a time: two turns at once would each plan against what the other is changing. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#turns += 1;
    const result = this.#queue.then(work);
    this.#queue = result
      .catch(() => {})
      .then(() => {
        this.#turns -= 1;
      });
    return result;
  }
}
