/**
 * A data plane in which everything is used that can be asked for, so that whoever loads it, lists it or adopts it has met
 * every kind of chain, set and rule. A setting that is added to the model does not compile until it has a line here.
 */
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredDataplane, DesiredServer, DesiredService } from '../../../src/core/model/dataplane.ts';
import { EVEN, servers, VIP, web } from './suite.ts';

type Optional<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];

/** What only the ipvs plane has. */
type IpvsAlone = 'director' | 'onePacket' | 'persistenceMask' | 'resume' | 'tunnel';

/** Per optional setting its kinds of values, each with what has to go with it. */
type Samples<T> = { readonly [K in Exclude<Optional<T>, IpvsAlone>]: readonly (Partial<T> & Required<Pick<T, K>>)[] };

const DATAPLANE: Required<Pick<DesiredDataplane, Optional<DesiredDataplane>>> = {
  plane: 'nftables',
  self: 'd1',
  members: ['d1', 'd2'],
  local: {
    directors: [
      { name: 'd1', local: [ipv4('10.8.0.1')] },
      { name: 'd2', local: [ipv4('10.8.0.2')] },
    ],
    shared: [ipv4('10.8.0.9')],
  },
  egress: {
    links: ['front'],
    pools: [{ name: 'out', from: { address: ipv4('10.2.0.0'), length: 24 }, pool: [ipv4('198.51.100.20')] }],
  },
  macs: { d1: ['02:00:00:00:00:01'], d2: ['02:00:00:00:00:02'] },
  handOver: { device: 'back', peers: { d2: ipv4('10.2.0.12') }, tunnelPort: 4789 },
};

const SERVICES: Samples<DesiredService> = {
  direct: [{ direct: { device: 'back' } }, { direct: { device: 'back', sticky: 300_000 } }],
  fullnat: [{ fullnat: true }, { fullnat: true, protocol: 'udp' }],
  fwmark: [{ fwmark: 0x77, ports: [] }],
  persistence: [{ persistence: 600_000 }],
  scheduler: [
    { scheduler: { name: 'mh', slots: 4099, sourcePort: false } },
    { scheduler: { name: 'mh', slots: 65537, sourcePort: true } },
    { scheduler: { name: 'rr' } },
    { scheduler: { name: 'wrr' } },
  ],
  sorry: [{ sorry: ipv4('10.2.0.99') }],
  sync: [{ sync: 'all' }, { sync: 'established', protocol: 'udp' }],
  timeouts: [{ timeouts: { established: 90 } }, { protocol: 'udp', timeouts: { unreplied: 20, replied: 60 } }],
};

const SERVERS: Samples<DesiredServer> = {
  ended: [{ ended: true, state: 'drained' }],
  limit: [{ limit: 50 }],
  tenths: [{ tenths: 3 }],
};

/** Beside `web` and `dns` (UDP) a service for each sample, on VIPs of their own from 203.0.113.20 on. */
export function everyFeature(): DesiredDataplane {
  const base = web(servers(EVEN));
  const dns: DesiredService = { ...base, name: 'dns', protocol: 'udp', ports: [53], vips: [ipv4(VIP)] };
  const ofServers = Object.values<readonly Partial<DesiredServer>[]>(SERVERS).flat();
  const samples: Partial<DesiredService>[] = [
    ...Object.values<readonly Partial<DesiredService>[]>(SERVICES).flat(),
    ...ofServers.map((settings) => ({ servers: base.servers.map((server) => ({ ...server, ...settings })) })),
  ];
  const first = ipv4('203.0.113.20');
  const special = samples.map((settings, at): DesiredService => {
    return { ...base, name: `special-${at}`, vips: [(first + at) >>> 0], ...settings };
  });
  return { ...DATAPLANE, services: [base, dns, ...special], upstream: ['front'] };
}
