/** Services for the benchmark of the IPVS plane, and how long it takes to plan them. */
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { wishedServices } from '../../src/core/dataplane/ipvs/desired.ts';
import { type Observed, planIpvs } from '../../src/core/dataplane/ipvs/plan.ts';
import type { DesiredDataplane } from '../../src/core/model/dataplane.ts';
import { serviceKeyText } from '../../src/core/netlink/ipvs/service.ts';
import { NO_STATISTICS } from '../../src/core/netlink/ipvs/statistics.ts';

const SERVERS = 10;

export function dataplane(services: number): DesiredDataplane {
  return {
    upstream: [],
    plane: 'ipvs',
    services: Array.from({ length: services }, (_, i) => ({
      name: `s${i}`,
      vips: [ipv4('203.0.0.1') + i],
      ports: [80],
      protocol: 'tcp',
      servers: Array.from({ length: SERVERS }, (_, at) => ({
        name: `r${at}`,
        address: ipv4('10.0.0.1') + SERVERS * i + at,
        weight: 1 + (at % 3),
        state: 'up',
      })),
    })),
  };
}

/** As it would be read back. */
function kernelOf(desired: DesiredDataplane): Observed {
  const idle = { active: 0, inactive: 0, persistent: 0, statistics: NO_STATISTICS };
  return new Map(
    wishedServices(desired).map((service) => [
      serviceKeyText(service.key),
      { ...service, destinations: service.destinations.map((one) => ({ ...one, ...idle })) },
    ]),
  );
}

/** Milliseconds for a plan that makes all services, and for one that finds nothing to do. */
export function timePlans(services: number): { readonly first: number; readonly nothing: number } {
  const desired = dataplane(services);
  const observed = kernelOf(desired);
  const own = new Set(observed.keys());
  const time = (found: Observed) => {
    const since = performance.now();
    planIpvs(wishedServices(desired), found, own, new Map());
    return performance.now() - since;
  };
  return { first: time(new Map()), nothing: time(observed) };
}
