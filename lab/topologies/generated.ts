/** What topologies that are written by a program have in common: one node per function, in containerlab's keys. */
import { join } from 'node:path';
import { ROUTERS, type RouterKind } from '../interop/cells.ts';
import { projectRoot } from '../project.ts';

const UPSTREAM = join(projectRoot, 'frr-templates/upstream/frr');

/** Everything forwards; nothing of IPv6 disturbs a capture or a count. */
export const SYSCTLS = {
  'net.ipv4.ip_forward': 1,
  'net.ipv4.conf.all.rp_filter': 0,
  'net.ipv4.conf.default.rp_filter': 0,
  'net.ipv6.conf.all.disable_ipv6': 1,
  'net.ipv6.conf.default.disable_ipv6': 1,
} as const;

/** A router with its daemons; `file` is its configuration, `ip` what to run for its addresses. */
export function routerNode(kind: RouterKind, file: string, ip: readonly string[]) {
  const { root, vendor } = ROUTERS[kind];
  const binds =
    vendor === 'bird'
      ? [`${file}:/etc/bird/bird.conf:ro`]
      : [
          `${file}:/etc/frr/frr.conf:ro`,
          `${UPSTREAM}/daemons:/etc/frr/daemons:ro`,
          `${UPSTREAM}/vtysh.conf:/etc/frr/vtysh.conf:ro`,
        ];
  return { labels: { 'sluice.role': 'router', 'sluice.root': root }, binds, exec: ip };
}

/** A director, its agent not started, with one interface towards the routers. */
export function directorNode(clusterFile: string, address: string) {
  return {
    labels: { 'sluice.role': 'director', 'sluice.start': 'false' },
    binds: [`${clusterFile}:/etc/sluice/cluster.yml:ro`],
    exec: [`ip address add ${address} dev eth1`],
  };
}
