import { formatFault } from '../../../src/core/base/fault.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import type { Cluster } from '../../../src/core/model/cluster.ts';

/** A cluster file with every key that is supported; the tests take it apart. */
export const EDGE = `cluster: edge-1
directors:
  d1: { routerId: 10.255.0.1, interfaces: { up0: ens3, up1: ens4 }, local: 10.3.0.1, handOver: 10.4.0.1 }
  d2: { routerId: 10.255.0.2, interfaces: { up0: eth1, up1: eth2 }, handOver: 10.4.0.2 }
lifecycle: { holdUp: 5s, drain: 2m }
routing:
  speaker: ospf
  instances:
    outside:
      area: 0.0.0.0
      announce: [vip, local, snat]
      interfaces:
        up0: { network: point-to-point, cost: 20, hello: 2s, dead: 8s, priority: 1, mtuIgnore: true }
        up1: { network: broadcast }
dataplane: nftables
vips:
  203.0.113.10: { require: any }
services:
  web:
    vip: [203.0.113.10]
    ports: [80, 443]
    protocol: tcp
    forward: nat
    scheduler: mh
    servers:
      r1: 10.2.0.21
      r2: { address: 10.2.0.22, weight: 2 }
    health: { http: { path: /healthz, expect: 204, host: www.example.org }, port: 8080, interval: 3s, timeout: 500ms, rise: 1, fall: 4 }
    announce: { min: 50%, metric: 15, whenDown: metric, lsa: external, metricType: E2, tag: 65001 }
  dns:
    vip: 203.0.113.10
    ports: 53
    protocol: udp
    servers: { r1: 10.2.0.21 }
    announce: { metric: 15, lsa: external, metricType: E2, tag: 65001 }
local: { shared: [10.8.0.1], handOver: { vxlan: { id: 7, port: 8472, mtu: 1400 } } }
snat: { egress: { from: 10.2.0.0/24, pool: [203.0.113.20] } }
`;

/** The least that makes a cluster. */
export const LEAST = `cluster: edge-1
directors: { d1: { routerId: 10.255.0.1, interfaces: { up0: eth1 } } }
routing: { instances: { outside: { area: 0, interfaces: { up0: {} } } } }
services: { web: { vip: 203.0.113.10, ports: 80, servers: { r1: 10.2.0.21 } } }
`;

/** Without their places in the file; none when it is sound. */
export function faultLines(text: string): string[] {
  return placedFaults(text).map((line) => line.replace(/^\d+:\d+: /, ''));
}

export function soundCluster(text: string): Cluster {
  const parsed = parseCluster(text);
  if ('faults' in parsed) throw new Error(faultLines(text).join('\n'));
  return parsed.cluster;
}

/** `line:column: path: message; hint` of every fault. */
export function placedFaults(text: string): string[] {
  const parsed = parseCluster(text);
  return 'faults' in parsed ? parsed.faults.map((fault) => formatFault('', fault).slice(1)) : [];
}
