/** Clusters and routers for which every vendor's configuration is kept as a file in test/golden/upstream. */
import { parseCluster } from '../../../src/core/config/parse.ts';
import type { Cluster } from '../../../src/core/model/cluster.ts';
import {
  parseRouter,
  settingsFor,
  type UpstreamOptions,
  type UpstreamSettings,
} from '../../../src/core/upstream/settings.ts';

export interface UpstreamCase {
  readonly name: string;
  readonly cluster: string;
  readonly router: string;
  readonly options?: UpstreamOptions;
}

function file(instance: string, service = 'announce: { lsa: stub }', speaker = 'ospf'): string {
  return `
cluster: golden
directors:
  d1: { routerId: 10.255.0.1, interfaces: { up0: eth1 } }
  d2: { routerId: 10.255.0.2, interfaces: { up0: eth1 } }
  d3: { routerId: 10.255.0.3, interfaces: { up0: eth1 } }
routing:
  speaker: ${speaker}
  instances:
${instance}
dataplane: nftables
services:
  web: { vip: [203.0.113.10, 203.0.113.11], ports: 80, servers: { s1: 10.3.0.21 }, ${service} }
`;
}

export const CASES: readonly UpstreamCase[] = [
  {
    name: 'p2p',
    cluster: file('    outside: { area: 0.0.0.0, interfaces: { up0: { hello: 1s, dead: 4s } } }'),
    router: 'r1/10.255.1.1/eth2,eth3,eth1=passive',
  },
  {
    name: 'lan-md5-bfd',
    cluster: file(`    outside:
      area: 0.0.0.0
      interfaces:
        up0: { network: broadcast, hello: 1s, dead: 4s, auth: { algorithm: md5, keys: { file: ospf.keys } } }`),
    router: 'r1/10.255.1.1/eth2',
    options: { bfd: { interval: 50, multiplier: 3 } },
  },
  {
    name: 'nssa-hmac',
    cluster: file(
      `    outside:
      area: { id: 0.0.0.1, type: nssa }
      interfaces: { up0: { hello: 1s, dead: 4s, auth: { algorithm: hmac-sha-256, keys: { file: ospf.keys } } } }`,
      'announce: { lsa: nssa }',
    ),
    router: 'r1/10.255.1.1/eth2,lo=passive,eth9=backbone',
  },
  {
    name: 'stub-password',
    cluster: file(`    outside:
      area: { id: 0.0.0.1, type: stub }
      interfaces: { up0: { hello: 3s, dead: 12s, auth: { algorithm: simple, keys: { file: ospf.keys } } } }`),
    router: 'r1/10.255.1.1/eth2,eth9=backbone',
  },
  {
    name: 'external',
    cluster: file('    outside: { area: 0.0.0.0, interfaces: { up0: {} } }', 'announce: { lsa: external }'),
    router: 'r1/10.255.1.1/eth2',
  },
  {
    name: 'speaker-frr',
    cluster: file('    outside: { area: 0.0.0.0, interfaces: { up0: {} } }', 'announce: { metric: 10 }', 'frr'),
    router: 'r1/10.255.1.1/eth2',
  },
];

export function clusterOf(text: string): Cluster {
  const parsed = parseCluster(text);
  if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults));
  return parsed.cluster;
}

export function settingsOf({ cluster, router, options }: UpstreamCase): UpstreamSettings {
  const request = parseRouter(router);
  if ('fault' in request) throw new Error(request.fault);
  const settings = settingsFor(clusterOf(cluster), request, options);
  if ('fault' in settings) throw new Error(settings.fault);
  return settings;
}
