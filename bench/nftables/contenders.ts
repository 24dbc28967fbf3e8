/** Who is compared: the product's tables on d1, and on d2 the least that an administrator would write for the same service. */
import { ipv4 } from '../../src/core/base/ipv4.ts';
import type { DesiredDataplane } from '../../src/core/model/dataplane.ts';
import { ADDRESS_OF, SERVERS } from '../../test/contract/dataplane/netns.ts';
import { VIPS } from '../../test/contract/dataplane/web-vips.ts';

export const MODES = ['nat', 'fullnat'] as const;
export type Mode = (typeof MODES)[number];

/** On all of the VIPs. */
export interface Service {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

export const LIPS = { d1: '10.8.0.1', d2: '10.8.0.2' } as const;

/** Three servers by hash of address and port, and nothing that is not needed for it. */
export function minimal(
  mode: Mode,
  { protocol, port }: Service,
  names: readonly (keyof typeof ADDRESS_OF)[] = SERVERS,
): string {
  const servers = names.map((name, at) => `${at} : ${ADDRESS_OF[name]}`).join(', ');
  const back =
    mode === 'nat'
      ? ''
      : ` chain post { type nat hook postrouting priority 100;
  ip daddr { ${SERVERS.map((name) => ADDRESS_OF[name]).join(', ')} } ${protocol} dport ${port} snat to ${LIPS.d2}
 }
`;
  return `flush ruleset
table ip bare {
 map servers { typeof numgen inc mod ${names.length} : ip daddr; elements = { ${servers} }; }
 chain pre { type nat hook prerouting priority -100;
  ip daddr { ${VIPS.join(', ')} } ${protocol} dport ${port} dnat to jhash ip saddr . ${protocol} sport mod ${names.length} map @servers
 }
${back}}
`;
}

export function desired(mode: Mode, { protocol, port }: Service): DesiredDataplane {
  const servers = SERVERS.map((name) => ({ name, address: ipv4(ADDRESS_OF[name]), weight: 1, state: 'up' }) as const);
  const web = { name: 'web', vips: VIPS.map(ipv4), ports: [port], protocol, servers } as const;
  const local = { directors: [{ name: 'd1', local: [ipv4(LIPS.d1)] }], shared: [] };
  return {
    services: [{ ...web, fullnat: mode === 'fullnat' }],
    upstream: ['front'],
    self: 'd1',
    members: ['d1'],
    local,
  };
}
