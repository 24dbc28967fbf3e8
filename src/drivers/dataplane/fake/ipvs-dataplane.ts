/** The IPVS data plane in memory: the product's turns over a fake family and fake tables. `FakeIpvsHost` outlives the agent. */
import type { Ipv4 } from '../../../core/base/ipv4.ts';
import type { Millis } from '../../../core/base/machine.ts';
import { IPVS_TABLES } from '../../../core/dataplane/ipvs/tables.ts';
import type { DataplaneCounters, DesiredDataplane } from '../../../core/model/dataplane.ts';
import { Converger } from '../converge.ts';
import { IpvsKernel } from '../ipvs/kernel.ts';
import { IpvsServices, OWNED_HERE, type WithoutExpiry } from '../ipvs/services.ts';
import { IpvsTurn } from '../ipvs/turn.ts';
import type { ApplyReport, Dataplane, RememberedClient, ServiceClient } from '../port.ts';
import { atOnce } from '../slices.ts';
import { FakeKernel } from './fake.ts';
import { FakeIpvs } from './ipvs.ts';

/** One host: its tables, its IPVS, and what its agents have noted. */
export class FakeIpvsHost {
  readonly tables = new FakeKernel();
  readonly ipvs = new FakeIpvs();
  readonly owned = OWNED_HERE();
  /** How often connections were kept while destinations changed places. */
  kept = 0;
}

export class FakeIpvsDataplane implements Dataplane {
  readonly name = 'ipvs';
  readonly host: FakeIpvsHost;
  readonly #converger: Converger;
  readonly #services: IpvsServices;
  readonly #turn: IpvsTurn;

  constructor(host: FakeIpvsHost = new FakeIpvsHost()) {
    this.host = host;
    this.#converger = new Converger(host.tables, atOnce, IPVS_TABLES);
    const withoutExpiry: WithoutExpiry = (work) => {
      host.kept += 1;
      return work();
    };
    // One batch of services each time, however long it takes.
    const budget = () => () => false;
    this.#services = new IpvsServices(new IpvsKernel(host.ipvs, host.ipvs), host.owned, withoutExpiry, budget);
    this.#turn = new IpvsTurn(this.#services, this.#converger);
  }

  async open(): Promise<void> {}

  isPresent(): Promise<boolean> {
    return this.#services.isPresent();
  }

  guard(desired: DesiredDataplane): Promise<readonly string[]> {
    return this.#converger.guard(desired);
  }

  watch(): void {}

  apply(desired: DesiredDataplane): Promise<ApplyReport> {
    return this.#turn.apply(desired);
  }

  takeMisses(lifetime: Millis): Promise<void> {
    return this.#converger.takeMisses(lifetime);
  }

  serverId(service: string, address: Ipv4): number | undefined {
    return this.#converger.serverId(service, address);
  }

  counters(): Promise<DataplaneCounters> {
    return this.#turn.counters();
  }

  async remembered(): Promise<RememberedClient | undefined> {
    return undefined;
  }

  async clients(): Promise<readonly ServiceClient[]> {
    return [];
  }

  async remember(): Promise<void> {}

  remove(): Promise<readonly string[]> {
    return this.#turn.remove();
  }

  async close(): Promise<void> {}
}
