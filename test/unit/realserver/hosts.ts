/** A cluster with every mode of forwarding, and a host that has all that its real server s1 needs. */
import {
  planServer,
  planStranger,
  type ServerHost,
  type ServerPlan,
  type ServerQuestion,
} from '../../../src/api/realserver.ts';
import type { HostAnswers } from '../../../src/core/realserver/facts.ts';

export const D1 = '02:00:00:00:00:d1';
export const D2 = '02:00:00:00:00:d2';

const SERVICES = {
  nat: 'web: { vip: 203.0.113.10, ports: 80, servers: { s1: 10.2.0.21 } }',
  dr: 'api: { vip: [203.0.113.11, 203.0.113.12], ports: 80, forward: dr, servers: { s1: 10.2.0.21 } }',
  ipip: 'far: { vip: 203.0.113.13, ports: 80, forward: tun, servers: { s1: 10.2.0.21 } }',
  gue: 'dns: { vip: 203.0.113.14, ports: 53, protocol: udp, forward: tun, tunnel: { type: gue, checksum: remote }, servers: { s1: 10.2.0.21 } }',
  gre: 'log: { vip: 203.0.113.15, ports: 514, forward: tun, tunnel: { type: gre }, servers: { s1: 10.2.0.21 } }',
  greChecksum:
    'sum: { vip: 203.0.113.16, ports: 80, forward: tun, tunnel: { type: gre, checksum: checksum }, servers: { s1: 10.2.0.21 } }',
  fullnat: 'in: { vip: 203.0.113.17, ports: 80, forward: fullnat, servers: { s1: 10.2.0.21 } }',
} as const;

export type Mode = keyof typeof SERVICES;

/** `directors`: one line of the file for each. */
export function clusterText(modes: readonly Mode[], directors = ['d1', 'd2']): string {
  const lines = directors.map((name, i) => {
    const own = `routerId: 10.255.0.${i + 1}, inside: 10.2.0.1${i + 1}, local: 10.3.0.${i + 1}`;
    return `  ${name}: { ${own}, interfaces: { up0: eth1 } }`;
  });
  return `cluster: edge-1
directors:
${lines.join('\n')}
routing: { instances: { outside: { area: 0, announce: [vip, local], interfaces: { up0: {} } } } }
dataplane: ipvs
services:
${modes.map((mode) => `  ${SERVICES[mode]}`).join('\n')}
`;
}

export function question(text: string, more: Partial<ServerQuestion> = {}): ServerQuestion {
  return { file: 'cluster.yml', text, directors: [], ...more };
}

const TOLD = [`d1=10.2.0.11,${D1}`, `d2=10.2.0.12,${D2}`];

/** Of a host that nobody looks at. */
export function strangerPlan(...modes: readonly Mode[]): ServerPlan {
  const asked = question(clusterText(modes), { server: 's1', interface: 'eth1', directors: TOLD });
  const plan = planStranger(asked);
  if ('faults' in plan) throw new Error(plan.faults.join('\n'));
  return plan;
}

export function hostWith(answers: HostAnswers): ServerHost {
  return { answers: async () => answers, run: async () => undefined };
}

export async function planWith(
  answers: HostAnswers,
  text: string,
  more: Partial<ServerQuestion> = {},
): Promise<ServerPlan> {
  const plan = await planServer(question(text, more), hostWith(answers));
  if ('faults' in plan) throw new Error(plan.faults.join('\n'));
  return plan;
}

type Fields = Record<string, unknown>;

/** The answers as one edits them. */
export interface Answers {
  addresses: (Fields & { ifname: string; flags: string[]; addr_info: Fields[] })[];
  routes: Fields[];
  rules: Fields[];
  neighbors: Fields[];
  fou: Fields[];
  tables: Map<string, { nftables: Fields[] }>;
  sysctls: Map<string, string>;
}

function link(
  ifname: string,
  type: string,
  flags: readonly string[],
  address: string,
  length: number,
  linkinfo?: Fields,
) {
  const addr_info: Fields[] = address === '' ? [] : [{ family: 'inet', local: address, prefixlen: length }];
  return { ifname, mtu: 1500, link_type: type, flags: ['UP', ...flags], addr_info, ...(linkinfo && { linkinfo }) };
}

const VIPS = ['11', '12', '13', '14', '15', '16'].map((last) => `203.0.113.${last}`);

const rule = (chain: string, comment: string) => ({ rule: { chain, comment } });

/** A host that wants for nothing, whatever it serves of the above. As the programs of Debian 12 print it. */
export function soundHost(): Answers {
  const anyEnd = { remote: 'any', local: 'any' };
  const lo = link('lo', 'loopback', ['LOOPBACK'], '127.0.0.1', 8);
  lo.addr_info.push(...VIPS.map((local) => ({ family: 'inet', local, prefixlen: 32 })));
  return {
    addresses: [
      lo,
      link('eth1', 'ether', ['BROADCAST'], '10.2.0.21', 24),
      link('tunl0', 'ipip', ['NOARP'], '', 0, { info_kind: 'ipip', info_data: anyEnd }),
      link('gre0', 'gre', ['NOARP'], '', 0, { info_kind: 'gre', info_data: anyEnd }),
      link('sluice-gre', 'gre', ['NOARP'], '', 0, {
        info_kind: 'gre',
        info_data: { remote: 'any', local: '10.2.0.21', icsum: true, ocsum: true },
      }),
    ],
    routes: [
      { dst: 'default', gateway: '10.2.0.1', dev: 'eth1' },
      { dst: '10.2.0.0/24', dev: 'eth1', scope: 'link' },
      { dst: 'default', gateway: '10.2.0.11', dev: 'eth1', table: '101' },
      { dst: 'default', gateway: '10.2.0.12', dev: 'eth1', table: '102' },
      { type: 'local', dst: '10.2.0.21', dev: 'eth1', table: 'local' },
    ],
    rules: [
      { priority: 0, src: 'all', table: 'local' },
      { priority: 32764, src: 'all', fwmark: '0x2', table: '102' },
      { priority: 32765, src: 'all', fwmark: '0x1', table: '101' },
    ],
    neighbors: [
      { dst: '10.2.0.11', dev: 'eth1', lladdr: D1, state: ['REACHABLE'] },
      { dst: '10.2.0.12', dev: 'eth1', lladdr: D2, state: ['STALE'] },
    ],
    fou: [{ port: 6080, gue: null }],
    tables: new Map([
      [
        'sluice_return_v1',
        {
          nftables: [
            {
              map: {
                name: 'directors',
                elem: [
                  [D1, 1],
                  [D2, 2],
                ],
              },
            },
            { set: { name: 'interfaces', elem: ['eth1'] } },
            { set: { name: 'servers', elem: ['10.2.0.21'] } },
            { chain: { name: 'prerouting' } },
            rule('prerouting', 'sluice return in'),
            { chain: { name: 'output' } },
            rule('output', 'sluice return out'),
          ],
        },
      ],
      [
        'sluice_mss_v1',
        {
          nftables: [
            { set: { name: 'vips', elem: VIPS } },
            { chain: { name: 'output' } },
            rule('output', 'sluice mss 1420'),
          ],
        },
      ],
    ]),
    sysctls: new Map([
      ['net/ipv4/conf/all/arp_ignore', '1'],
      ['net/ipv4/conf/all/arp_announce', '2'],
      ['net/ipv4/conf/eth1/rp_filter', '2'],
    ]),
  };
}
