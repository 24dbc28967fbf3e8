/**
 * The IPVS data plane: the kernel's virtual server chooses and translates, and tables of nftables beside it do what it cannot.
 *
 * `open` loads the module, probes the kernel and settles sysctls; `apply` is a turn over IPVS (`ipvs/services.ts`) around one over the
 * tables (`converge.ts`): services that go are gone before their guard is, those that come find it there. Nothing here runs per
 * packet, and nothing is undone at `close`. Routes to the VIPs belong to the routes driver. Deliberately not here: deciding
 * (src/core/dataplane).
 *
 * Clients that persistence remembers are the kernel's own: it shows them in no form that can be asked for one by one, and takes
 * them from others by its sync daemons only. So none are told here, and none are taken.
 */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { Millis } from '../../core/base/machine.ts';
import { IPVS_TABLES } from '../../core/dataplane/ipvs/tables.ts';
import { EXPIRE_NODEST, IPVS_SYSCTLS } from '../../core/dataplane/sysctls.ts';
import type { DataplaneCounters, DesiredDataplane } from '../../core/model/dataplane.ts';
import { IPVS_FAMILY, IPVS_VERSION } from '../../core/netlink/ipvs/codes.ts';
import { GenericNetlink } from '../../io/generic-netlink.ts';
import { KernelIpvsFile } from '../../io/ipvs-file.ts';
import { KernelError } from '../../io/kernel-error.ts';
import { subscribeTransactions } from '../../io/nftables-events.ts';
import { writeSysctl } from '../../io/sysctl.ts';
import { Converger } from './converge.ts';
import { HostSettings } from './host-settings.ts';
import { shortly } from './ipvs/glance.ts';
import { IpvsKernel } from './ipvs/kernel.ts';
import { IpvsServices, OWNED_HERE, type OwnedServices, type WithoutExpiry } from './ipvs/services.ts';
import { IpvsTurn } from './ipvs/turn.ts';
import { KernelTables } from './kernel-tables.ts';
import type { ApplyReport, Dataplane, RememberedClient, ServiceClient } from './port.ts';
import { inSlices } from './slices.ts';
import { FORGETFUL, type SysctlMemory } from './sysctls.ts';
import { Turns } from './turns.ts';

/** Is the module there, or can it be loaded? Asked of the kernel, which loads it then. */
export async function hasIpvs(): Promise<boolean> {
  const kernel = new IpvsKernel(new GenericNetlink(IPVS_FAMILY, IPVS_VERSION), new KernelIpvsFile());
  try {
    await kernel.info();
    return true;
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'ENOENT') return false;
    throw error;
  } finally {
    kernel.close();
  }
}

/** While destinations come and go, connections of one that is away for the moment must not be ended. */
const keepConnections: WithoutExpiry = async (work) => {
  await writeSysctl(EXPIRE_NODEST, '0');
  try {
    return await work();
  } finally {
    await writeSysctl(EXPIRE_NODEST, '1');
  }
};

export interface IpvsMemories {
  readonly sysctls?: SysctlMemory;
  readonly services?: OwnedServices;
}

export class IpvsDataplane implements Dataplane {
  readonly name = 'ipvs';
  readonly #tables = new KernelTables();
  readonly #converger = new Converger(this.#tables, inSlices, IPVS_TABLES);
  readonly #kernel = new IpvsKernel(new GenericNetlink(IPVS_FAMILY, IPVS_VERSION), new KernelIpvsFile());
  readonly #services: IpvsServices;
  readonly #turn: IpvsTurn;
  readonly #settings: HostSettings;
  readonly #turns = new Turns();
  #unwatch: () => void = () => {};

  constructor({ sysctls = FORGETFUL, services = OWNED_HERE() }: IpvsMemories = {}) {
    this.#settings = new HostSettings(sysctls, { first: () => this.#probeModule(), sysctls: IPVS_SYSCTLS });
    this.#services = new IpvsServices(this.#kernel, services, keepConnections, shortly);
    this.#turn = new IpvsTurn(this.#services, this.#converger);
  }

  open(): Promise<void> {
    return this.#settings.open();
  }

  /** Before the settings, which come with the module. */
  async #probeModule(): Promise<void> {
    await this.#kernel.info().catch((cause: unknown) => {
      if (!(cause instanceof KernelError) || cause.errno !== 'ENOENT') throw cause;
      const text = 'this kernel has no IPVS (module ip_vs); use dataplane: nftables';
      throw new KernelError('dataplane-probe', { feature: 'ip_vs', text }, { cause });
    });
  }

  async isPresent(): Promise<boolean> {
    return (await this.#tables.isPresent()) && (await this.#services.isPresent());
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
    return this.#turns.take(() => this.#settings.around(desired, () => this.#turn.apply(desired)));
  }

  serverId(service: string, address: Ipv4): number | undefined {
    return this.#converger.serverId(service, address);
  }

  takeMisses(lifetime: Millis): Promise<void> {
    return this.#turns.take(() => this.#converger.takeMisses(lifetime));
  }

  counters(): Promise<DataplaneCounters> {
    return this.#turns.take(() => this.#turn.counters());
  }

  async remembered(): Promise<RememberedClient | undefined> {
    return undefined;
  }

  async clients(): Promise<readonly ServiceClient[]> {
    return [];
  }

  async remember(): Promise<void> {}

  remove(): Promise<readonly string[]> {
    return this.#turns.take(async () => {
      const told = await this.#turn.remove();
      return [...told, ...(await this.#settings.restore())];
    });
  }

  /** Waits for what is under way; touches nothing. */
  async close(): Promise<void> {
    this.#unwatch();
    await this.#turns.end();
    this.#tables.close();
    this.#kernel.close();
  }
}
