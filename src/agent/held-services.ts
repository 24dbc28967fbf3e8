/**
 * The services that the data plane is to hold, and which of them it has. In: the cluster file, what is known of its servers and
 * of who lives, and what may go. Out: the desired data plane, made once a turn, and whether it is there. Not here: applying it
 * (`keepers/dataplane-keeper.ts`), when which version of a service is taken up (`wishes/versions.ts`).
 */
import type { Ipv4 } from '../core/base/ipv4.ts';
import type { Service } from '../core/model/cluster.ts';
import type { DesiredDataplane } from '../core/model/dataplane.ts';
import type { LoadedCluster } from './cluster-file.ts';
import type { DirectorParts } from './director-parts.ts';
import { blockHolders } from './wishes/block-holders.ts';
import { desiredDataplane } from './wishes/desired-dataplane.ts';
import { ServiceVersions } from './wishes/versions.ts';

type Parts = Pick<DirectorParts, 'dataplane' | 'health' | 'servers' | 'speakers' | 'sync'>;

export class HeldServices {
  readonly #parts: Parts;
  readonly #versions = new ServiceVersions();
  /** As of the last `advance`. */
  #wished: DesiredDataplane | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** In the versions that are held, as of the last `advance`. */
  get services(): readonly Service[] {
    return this.#versions.held();
  }

  /** Takes up what is settled, drops what may go, and looks at the servers. `mustStay`: can a neighbor still send traffic for it? */
  advance(loaded: LoadedCluster, mustStay: (vip: Ipv4) => boolean): DesiredDataplane {
    const { health, servers } = this.#parts;
    this.#versions.advance(loaded.cluster.services, { isSettled: (service) => health.isSettled(service), mustStay });
    servers.look(this.services);
    this.#wished = this.desired(loaded);
    return this.#wished;
  }

  /** As it would be wished now. */
  desired(loaded: LoadedCluster, services = this.services): DesiredDataplane {
    const { servers, speakers, sync, dataplane } = this.#parts;
    const desired = desiredDataplane(loaded, services, servers, blockHolders(loaded, sync.view, speakers.all()));
    return dataplane.name === 'ipvs' ? { ...desired, plane: 'ipvs' } : desired;
  }

  /** What is held, as it was wished last; the file's as long as nothing is. */
  orOfFile(loaded: LoadedCluster): { readonly services: readonly Service[]; readonly plane: DesiredDataplane } {
    const { services } = this;
    if (services.length > 0 && this.#wished !== undefined) return { services, plane: this.#wished };
    const ofFile = loaded.cluster.services;
    return { services: ofFile, plane: this.desired(loaded, ofFile) };
  }

  /** Was the version of this name that is held read back? */
  isProgrammed({ name }: Service): boolean {
    const wished = this.#wished?.services.find((service) => service.name === name);
    return wished !== undefined && this.#parts.dataplane.isProgrammed(wished);
  }

  /**
   * Those that may be announced, as the policy knows them: one that the file no longer has is served as long as something serves
   * its VIPs.
   *
   * @param served the services that the policy knows
   */
  announceable({ cluster }: LoadedCluster, served: readonly Service[]): string[] {
    const { dataplane, sync } = this.#parts;
    const ofFile = new Set(cluster.services.map(({ name }) => name));
    const vips = dataplane.vips();
    const carried = served.filter(({ name, vips: own }) => !ofFile.has(name) && own.every((vip) => vips.has(vip)));
    const names = new Set([...dataplane.programmed(), ...carried.map(({ name }) => name)]);
    return [...names].filter((name) => !sync.waiting.has(name));
  }
}
