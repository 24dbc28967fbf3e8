/**
 * The lab of one run as files: a topology and what its nodes read. Made anew for every run, because router, medium and
 * timers vary.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { directorNode, routerNode, SYSCTLS } from '../../lab/topologies/generated.ts';
import { frrDirector, writeFrrDirector } from '../frr-director.ts';
import {
  type Arrival,
  type ContenderName,
  isThroughFrr,
  type Medium,
  type Stand,
  type Suite,
  stands,
  TIMERS,
  type Timers,
} from './plan.ts';

/** The director's real server: answers UDP behind the VIP. */
export const ECHO = { address: '10.3.0.21', director: '10.3.0.1', port: 7 } as const;

/** Paths of the topologies. */
export interface LabFiles {
  readonly all: string;
  /** A director that announces through FRR, with its router, by the contender. */
  readonly throughFrr: ReadonlyMap<ContenderName, string>;
}

/** Writes the topologies and all that they bind into `folder`. */
export async function writeLab(folder: string, suite: Suite, medium: Medium, arrival: Arrival): Promise<LabFiles> {
  const all = stands(medium);
  await mkdir(folder, { recursive: true });
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  for (const stand of all) {
    const text = suite.daemon === 'frr' ? frrRouter(stand, medium, arrival) : birdRouter(stand, medium);
    await write(`${stand.router}.conf`, text);
  }
  await writeFrrDirector(folder);
  const [ours, frr, bird] = all as [Stand, Stand, Stand];
  for (const timers of TIMERS) await write(ospfdFile(timers), frrConfiguration(frr, medium, timers));
  await write('bird.conf', birdDirector(bird, medium));
  const first = (stand: Stand) => ({ stubs: [stand.vips[0]], externals: [], timers: 'normal' }) as const;
  await write('cluster.yml', clusterFile(ours, medium, first(ours)));
  const alone = [ours, frr, bird];
  await write('timings.clab.yml', stringify(topology(suite, medium, alone, directors(suite, alone))));
  const throughFrr = new Map<ContenderName, string>();
  for (const stand of all) {
    const { contender } = stand;
    if (!isThroughFrr(contender)) continue;
    const [cluster, file] = [`${contender}.yml`, `${contender}.clab.yml`];
    await write(cluster, clusterFile(stand, medium, first(stand)));
    await write(file, stringify(topology(suite, medium, [stand], { d1: sluiceDirector(cluster, stand) })));
    throughFrr.set(contender, join(folder, file));
  }
  return { all: join(folder, 'timings.clab.yml'), throughFrr };
}

function topology(
  suite: Suite,
  medium: Medium,
  all: readonly Stand[],
  directors: Readonly<Record<string, unknown>>,
): unknown {
  const links = all.flatMap(({ router, director, index }) =>
    medium === 'p2p'
      ? [[`${director}:eth1`, `${router}:eth1`]]
      : [
          [`${director}:eth1`, `lan${index}:${director}-eth1`],
          [`${router}:eth1`, `lan${index}:${router}-eth1`],
        ],
  );
  const bridge = { kind: 'bridge', labels: { 'sluice.role': 'bridge' } };
  const bridges = medium === 'p2p' ? [] : all.map(({ index }) => [`lan${index}`, bridge]);
  const routers = all.map((stand) => [
    stand.router,
    routerNode(suite.router, `${stand.router}.conf`, [linkAddress(stand.routerAddress, stand)]),
  ]);
  return {
    name: 'timings',
    topology: {
      defaults: { kind: 'linux', sysctls: SYSCTLS },
      nodes: { ...Object.fromEntries([...routers, ...bridges]), ...directors, s1: ECHO_SERVER },
      links: [...links, ['d1:eth2', 's1:eth1']].map((endpoints) => ({ endpoints })),
    },
  };
}

const ECHO_SERVER = {
  labels: { 'sluice.role': 'server' },
  exec: [`ip address add ${ECHO.address}/24 dev eth1`, `ip route add default via ${ECHO.director}`],
};

function linkAddress(address: string, { prefixLength }: Stand): string {
  return `ip address add ${address}/${prefixLength} dev eth1`;
}

function sluiceDirector(clusterFile: string, stand: Stand) {
  const node = directorNode(clusterFile, `${stand.directorAddress}/${stand.prefixLength}`);
  return { ...node, exec: [...node.exec, `ip address add ${ECHO.director}/24 dev eth2`] };
}

function directors({ peers }: Suite, [ours, frr, bird]: readonly Stand[]): Readonly<Record<string, unknown>> {
  const addresses = (stand: Stand) => [
    linkAddress(stand.directorAddress, stand),
    `ip address add ${stand.vips[0]}/32 dev lo`,
  ];
  return {
    d1: sluiceDirector('cluster.yml', ours!),
    d2: frrDirector(peers.frr, TIMERS.map(ospfdFile), addresses(frr!)),
    d3: routerNode(peers.bird, 'bird.conf', addresses(bird!)),
  };
}

/** What ospfd of the director that runs FRR is started with. */
export function ospfdFile(timers: Timers): string {
  return `ospfd-${timers}.conf`;
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

function frrRouter(stand: Stand, medium: Medium, arrival: Arrival): string {
  return `hostname ${stand.router}
log timestamp precision 6
log stdout informational
!
no zebra nexthop kernel enable
!
${frrInterface(medium, 1, 'normal')}
router ospf
 ospf router-id 10.255.1.${stand.index}
 timers lsa min-arrival ${arrival}
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
function frrConfiguration(stand: Stand, medium: Medium, timers: Timers): string {
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
${stand.contender === 'sluice-frr-stub' ? '  frr: { announce: stub }\n' : ''}  instances:
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
