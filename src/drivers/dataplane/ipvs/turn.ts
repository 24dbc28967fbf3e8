/**
 * One turn over both halves of the plane: services of IPVS, and the tables of nftables beside them. Services that go are gone
 * before their guard is, those that come find it there.
 */
import type { DataplaneCounters, DesiredDataplane } from '../../../core/model/dataplane.ts';
import type { Converger } from '../converge.ts';
import type { ApplyReport } from '../port.ts';
import { type IpvsServices, refusalText } from './services.ts';

export class IpvsTurn {
  readonly #services: IpvsServices;
  readonly #tables: Converger;
  #desired: DesiredDataplane = { services: [], upstream: [] };

  constructor(services: IpvsServices, tables: Converger) {
    this.#services = services;
    this.#tables = tables;
  }

  /** @throws KernelError when either half cannot be asked at all; what is refused of single services is in the report */
  async apply(desired: DesiredDataplane): Promise<ApplyReport> {
    const reports: ApplyReport[] = [];
    const ipvs = await this.#services.apply(desired, async () => {
      reports.push(await this.#tables.apply(desired));
    });
    const beside = reports[0]!;
    this.#desired = desired;
    const refused = ipvs.refused.map(refusalText);
    const there = new Set(beside.programmed);
    return {
      ...beside,
      programmed: ipvs.programmed.filter((name) => there.has(name)),
      operations: [...ipvs.operations, ...beside.operations],
      drift: beside.drift || ipvs.drift,
      foreign: ipvs.foreign,
      ...(refused.length === 0 ? {} : { refused }),
    };
  }

  /** Of what was applied last. @throws KernelError */
  async counters(): Promise<DataplaneCounters> {
    const beside = await this.#tables.counters();
    return { ...beside, ...(await this.#services.counters(this.#desired)) };
  }

  /** What was put back, one printable line each. @throws KernelError */
  async remove(): Promise<readonly string[]> {
    const told = await this.#services.remove();
    await this.#tables.remove();
    return told;
  }
}
