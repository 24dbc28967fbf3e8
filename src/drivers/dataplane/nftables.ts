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
import { probeDirectRouting } from './features.ts';
import { HostSettings, type OptionalFeature } from './host-settings.ts';
import { KernelTables } from './kernel-tables.ts';
import type { ApplyReport, Dataplane, RememberedClient, ServiceClient } from './port.ts';
import { inSlices } from './slices.ts';
import { FORGETFUL, type SysctlMemory } from './sysctls.ts';
import { Turns } from './turns.ts';

const DIRECT_ROUTING: OptionalFeature = {
  isNeeded: ({ services }) => services.some(isDirect),
  probe: probeDirectRouting,
};

export class NftablesDataplane implements Dataplane {
  readonly name = 'nftables';
  readonly #tables = new KernelTables();
  readonly #converger = new Converger(this.#tables, inSlices);
  readonly #settings: HostSettings;
  readonly #turns = new Turns();
  #unwatch: () => void = () => {};

  constructor(memory: SysctlMemory = FORGETFUL) {
    this.#settings = new HostSettings(memory, { optional: [DIRECT_ROUTING] });
  }

  open(): Promise<void> {
    return this.#settings.open();
  }

  isPresent(): Promise<boolean> {
    return this.#tables.isPresent();
  }

  guard(desired: DesiredDataplane): Promise<readonly string[]> {
    return this.#turns.take(() => this.#converger.guard(desired));
  }

  watch(onForeignWrite: () => void): void {
    this.#unwatch = subscribeTransactions(() => {
      if (this.#turns.isIdle) onForeignWrite();
    });
  }

  apply(desired: DesiredDataplane): Promise<ApplyReport> {
    return this.#turns.take(() => this.#settings.around(desired, () => this.#converger.apply(desired)));
  }

  serverId(service: string, address: Ipv4): number | undefined {
    return this.#converger.serverId(service, address);
  }

  takeMisses(lifetime: Millis): Promise<void> {
    return this.#turns.take(() => this.#converger.takeMisses(lifetime));
  }

  counters(): Promise<DataplaneCounters> {
    return this.#turns.take(() => this.#converger.counters());
  }

  remembered(service: string, client: Ipv4): Promise<RememberedClient | undefined> {
    return this.#turns.take(() => this.#converger.remembered(service, client));
  }

  /** Not in turn: reading changes nothing, and may take a while. */
  clients(service: string): Promise<readonly ServiceClient[]> {
    return this.#converger.clients(service);
  }

  remember(service: string, clients: readonly ServiceClient[]): Promise<void> {
    return this.#turns.take(() => this.#converger.remember(service, clients));
  }

  remove(): Promise<readonly string[]> {
    return this.#turns.take(async () => {
      await this.#converger.remove();
      return this.#settings.restore();
    });
  }

  /** Waits for what is under way; touches nothing. */
  async close(): Promise<void> {
    this.#unwatch();
    await this.#turns.end();
    this.#tables.close();
  }
}
