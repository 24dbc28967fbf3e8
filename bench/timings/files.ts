/**
 * The lab of one run as files: a topology and what its nodes read. Made anew for every run, because router, medium and
 * timers vary.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../lab/project.ts';
import { type Medium, type Stand, type Suite, stands, type Timers } from './plan.ts';

/** The director's real server: answers UDP behind the VIP. */
export const ECHO = { address: '10.3.0.21', director: '10.3.0.1', port: 7 } as const;

const UPSTREAM = join(projectRoot, 'frr-templates/upstream');

/** Writes the topology and all that it binds into `folder`; returns the topology's path. */
export async function writeLab(folder: string, suite: Suite, medium: Medium): Promise<string> {
  const all = stands(medium);
  await mkdir(folder, { recursive: true });
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  for (const stand of all) {
    await write(`${stand.router}.conf`, suite.daemon === 'frr' ? frrRouter(stand, medium) : birdRouter(stand, medium));
  }
  // Only zebra (and what it needs) runs all the time: ospfd is started and stopped to be timed.
  await write('director.daemons', 'ospfd=no\nvtysh_enable=yes\nzebra_options="  -A 127.0.0.1 -s 90000000"\n');
  await write('director.frr.conf', 'hostname d2\nlog stdout informational\n!\nline vty\n!\n');
  const [ours, frr, bird] = all as [Stand, Stand, Stand];
  for (const timers of ['normal', 'minimal'] as const) {
    await write(`ospfd-${timers}.conf`, frrDirector(frr, medium, timers));
  }
  await write('bird.conf', birdDirector(bird, medium));
  await write('cluster.yml', clusterFile(ours, medium, { stubs: [ours.vips[0]], externals: [], timers: 'normal' }));
  const path = join(folder, 'timings.clab.yml');
  await writeFile(path, topology(suite, medium, all));
  return path;
}

function topology(suite: Suite, medium: Medium, all: readonly Stand[]): string {
  const links = all.flatMap(({ router, director, index }) =>
    medium === 'p2p'
      ? [`["${director}:eth1", "${router}:eth1"]`]
      : [`["${director}:eth1", "lan${index}:d"]`, `["${router}:eth1", "lan${index}:r"]`],
  );
  const bridges = all.map(({ index }) => `    lan${index}: { kind: bridge, labels: { sluice.role: bridge } }`);
  return `name: timings
topology:
  defaults:
    kind: linux
    sysctls:
      net.ipv4.ip_forward: 1
      net.ipv4.conf.all.rp_filter: 0
      net.ipv4.conf.default.rp_filter: 0
      net.ipv6.conf.all.disable_ipv6: 1
      net.ipv6.conf.default.disable_ipv6: 1
  nodes:
${[...all.map((stand) => routerNode(suite, stand)), ...directorNodes(suite, all), ...(medium === 'lan' ? bridges : [])].join('\n')}
    s1:
      image: sluice/agent
      labels: { sluice.role: server }
      exec:
        - ip address add ${ECHO.address}/24 dev eth1
        - ip route add default via ${ECHO.director}
  links:
${[...links, '["d1:eth2", "s1:eth1"]'].map((ends) => `    - endpoints: ${ends}`).join('\n')}
`;
}

function routerNode({ router, daemon }: Suite, stand: Stand): string {
  const binds =
    daemon === 'frr'
      ? `["${UPSTREAM}/daemons:/etc/frr/daemons:ro", "${UPSTREAM}/vtysh.conf:/etc/frr/vtysh.conf:ro", "${stand.router}.conf:/etc/frr/frr.conf:ro"]`
      : `["${stand.router}.conf:/etc/bird/bird.conf:ro"]`;
  return `    ${stand.router}:
      image: ${router}
      labels: { sluice.role: router, sluice.root: "${router}" }
      binds: ${binds}
      exec: [ip address add ${stand.routerAddress}/${stand.prefixLength} dev eth1]`;
}

function directorNodes({ peers }: Suite, [ours, frr, bird]: readonly Stand[]): string[] {
  const link = ({ directorAddress, prefixLength }: Stand) =>
    `ip address add ${directorAddress}/${prefixLength} dev eth1`;
  const first = ({ vips }: Stand) => `ip address add ${vips[0]}/32 dev lo`;
  return [
    `    d1:
      image: sluice/agent
      labels: { sluice.role: director, sluice.start: "false" }
      binds: ["cluster.yml:/etc/sluice/cluster.yml:ro"]
      exec: [${link(ours!)}, ip address add ${ECHO.director}/24 dev eth2]`,
    `    d2:
      image: ${peers.frr}
      labels: { sluice.role: router, sluice.root: "${peers.frr}" }
      binds:
        - director.daemons:/etc/frr/daemons:ro
        - ${UPSTREAM}/vtysh.conf:/etc/frr/vtysh.conf:ro
        - director.frr.conf:/etc/frr/frr.conf:ro
        - ospfd-normal.conf:/etc/frr/ospfd-normal.conf:ro
        - ospfd-minimal.conf:/etc/frr/ospfd-minimal.conf:ro
      exec: [${link(frr!)}, ${first(frr!)}]`,
    `    d3:
      image: ${peers.bird}
      labels: { sluice.role: router, sluice.root: "${peers.bird}" }
      binds: ["bird.conf:/etc/bird/bird.conf:ro"]
      exec: [${link(bird!)}, ${first(bird!)}]`,
  ];
}

function frrInterface(medium: Medium, priority: number, timers: Timers): string {
  const network = medium === 'p2p' ? ' ip ospf network point-to-point' : ` ip ospf priority ${priority}`;
  const pace = timers === 'normal' ? ' ip ospf hello-interval 1\n ip ospf dead-interval 4' : MINIMAL;
  return `interface eth1\n ip ospf area 0.0.0.0\n${network}\n${pace}\n!`;
}

const MINIMAL = ' ip ospf dead-interval minimal hello-multiplier 4';

/** What turns a running FRR router's link to other timers. */
export function frrTimers(timers: Timers): string[] {
  const lines =
    timers === 'normal'
      ? ['no ip ospf dead-interval', 'ip ospf hello-interval 1', 'ip ospf dead-interval 4']
      : [MINIMAL.trim()];
  return ['configure terminal', 'interface eth1', ...lines].flatMap((line) => ['-c', line]);
}

function frrRouter(stand: Stand, medium: Medium): string {
  return `hostname ${stand.router}
log timestamp precision 6
log stdout informational
!
no zebra nexthop kernel enable
!
${frrInterface(medium, 1, 'normal')}
router ospf
 ospf router-id 10.255.1.${stand.index}
 log-adjacency-changes detail
 capability opaque
 graceful-restart helper enable
 default-information originate always
!
line vty
!
`;
}

/** A director as operators build it today: VIPs are addresses on lo, announced as stub links. */
function frrDirector(stand: Stand, medium: Medium, timers: Timers): string {
  return `hostname ${stand.director}
log stdout informational
!
interface lo
 ip ospf area 0.0.0.0
!
${frrInterface(medium, 0, timers)}
router ospf
 ospf router-id ${stand.routerId}
!
line vty
!
`;
}

function birdInterface(medium: Medium, priority: number): string {
  const type = medium === 'p2p' ? 'type ptp;' : `type broadcast; priority ${priority};`;
  return `interface "eth1" { ${type} hello 1; dead 4; };`;
}

function birdRouter(stand: Stand, medium: Medium): string {
  return `log stderr all;
timeformat log iso long us;
router id 10.255.1.${stand.index};
protocol device { scan time 10; }
protocol kernel { scan time 2; ipv4 { import none; export where source != RTS_STATIC; }; }
protocol static { ipv4; route 0.0.0.0/0 blackhole; }
protocol ospf v2 {
  debug { events };
  ipv4 { import all; export where source = RTS_STATIC; };
  area 0.0.0.0 { ${birdInterface(medium, 1)} };
}
`;
}

function birdDirector(stand: Stand, medium: Medium): string {
  return `log stderr all;
router id ${stand.routerId};
protocol device { scan time 10; }
protocol kernel { ipv4 { import none; export none; }; }
protocol ospf v2 {
  ipv4 { import all; export none; };
  area 0.0.0.0 { ${birdInterface(medium, 0)} interface "lo" { stub yes; }; };
}
`;
}

export interface Announced {
  /** VIPs that are stub links. */
  readonly stubs: readonly string[];
  /** VIPs that are AS-external LSAs. */
  readonly externals: readonly string[];
  readonly timers: Timers;
}

/** Our director's cluster file. No health checks: what is timed is the speaker. */
export function clusterFile(stand: Stand, medium: Medium, { stubs, externals, timers }: Announced): string {
  const network = medium === 'p2p' ? 'point-to-point' : 'broadcast';
  const pace = timers === 'normal' ? 'hello: 1s, dead: 4s' : 'hello: 250ms, dead: 1s';
  const service = (vip: string, lsa: 'stub' | 'external') => `  vip-${vip.replaceAll('.', '-')}:
    vip: [${vip}]
    ports: [${ECHO.port}]
    protocol: udp
    forward: nat
    scheduler: mh
    servers: { s1: ${ECHO.address} }
    health: none
    announce: { metric: 10, lsa: ${lsa} }`;
  const services = [...stubs.map((vip) => service(vip, 'stub')), ...externals.map((vip) => service(vip, 'external'))];
  return `cluster: timings
directors:
  d1: { routerId: ${stand.routerId}, interfaces: { up0: eth1 } }
lifecycle: { holdUp: 0s, drain: 1s }
routing:
  speaker: ospf
  instances:
    outside:
      area: 0.0.0.0
      announce: [vip]
      interfaces:
        up0: { network: ${network}, ${pace} }
dataplane: nftables
services:
${services.join('\n')}
`;
}
