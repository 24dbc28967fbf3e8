/**
 * A data plane in which everything is used that can be asked for, so that whoever loads it, lists it or adopts it has met
 * every kind of chain, set and rule. A setting that is added to the model does not compile until it has a line here.
 */
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredDataplane, DesiredServer, DesiredService } from '../../../src/core/model/dataplane.ts';
import { EVEN, servers, VIP, web } from './suite.ts';

type Optional<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];

/** Per optional setting a value of it, and what else goes with it. */
type Samples<T> = { readonly [K in Optional<T>]: Partial<T> & Required<Pick<T, K>> };

const DATAPLANE: Required<Pick<DesiredDataplane, Optional<DesiredDataplane>>> = {
  self: 'd1',
  members: ['d1', 'd2'],
  local: {
    directors: [
      { name: 'd1', local: [ipv4('10.8.0.1')] },
      { name: 'd2', local: [ipv4('10.8.0.2')] },
    ],
    shared: [ipv4('10.8.0.9')],
  },
};

const SERVICES: Samples<DesiredService> = {};

const SERVERS: Samples<DesiredServer> = {};

/** Beside `web`: UDP, and a service for each setting, on VIPs of their own from 203.0.113.20 on. */
export function everyFeature(): DesiredDataplane {
  const base = web(servers(EVEN));
  const dns: DesiredService = { ...base, name: 'dns', protocol: 'udp', ports: [53], vips: [ipv4(VIP)] };
  const samples: (readonly [string, Partial<DesiredService>])[] = Object.entries(SERVICES);
  for (const [name, server] of Object.entries(SERVERS) as [string, Partial<DesiredServer>][]) {
    samples.push([`server-${name}`, { servers: servers(EVEN).map((one) => ({ ...one, ...server })) }]);
  }
  const first = ipv4('203.0.113.20');
  const special = samples.map(
    ([name, settings], at): DesiredService => ({
      ...base,
      name: `with-${name}`,
      vips: [(first + at) >>> 0],
      ...settings,
    }),
  );
  return { ...DATAPLANE, services: [base, dns, ...special], upstream: ['front'] };
}
