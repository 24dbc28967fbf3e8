/** A director between two FRR routers: one has thousands of external routes to tell, the other is told of them through it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { directorNode, routerNode, SYSCTLS } from '../../lab/topologies/generated.ts';
import { frrDirector, writeFrrDirector } from '../frr-director.ts';

export const CONTENDERS = ['sluice', 'frr', 'bird'] as const;
export type ContenderName = (typeof CONTENDERS)[number];

export const ROUTER_ID = '10.255.0.1';
const TIMERS = { hello: 1, dead: 4 } as const;

function frr(name: string, routerId: string, interfaces: readonly string[], more = ''): string {
  const links = interfaces.map(
    (link) => `interface ${link}
 ip ospf area 0.0.0.0
 ip ospf network point-to-point
 ip ospf hello-interval ${TIMERS.hello}
 ip ospf dead-interval ${TIMERS.dead}
!`,
  );
  return `hostname ${name}
log timestamp precision 6
log stdout informational
!
${links.join('\n')}
router ospf
 ospf router-id ${routerId}
 log-adjacency-changes detail
${more}!
line vty
!
`;
}

const BIRD = `log stderr all;
router id ${ROUTER_ID};
protocol device { scan time 10; }
protocol kernel { ipv4 { import none; export all; }; }
protocol ospf v2 {
  ipv4 { import all; export none; };
  area 0.0.0.0 {
    interface "eth1" { type ptp; hello ${TIMERS.hello}; dead ${TIMERS.dead}; };
    interface "eth2" { type ptp; hello ${TIMERS.hello}; dead ${TIMERS.dead}; };
  };
}
`;

function cluster(): unknown {
  const link = { network: 'point-to-point', hello: `${TIMERS.hello}s`, dead: `${TIMERS.dead}s` };
  return {
    cluster: 'lsdb',
    directors: { d1: { routerId: ROUTER_ID, interfaces: { up0: 'eth1', up1: 'eth2' } } },
    lifecycle: { holdUp: '0s', drain: '1s' },
    routing: {
      speaker: 'ospf',
      instances: { outside: { area: '0.0.0.0', announce: ['vip'], interfaces: { up0: link, up1: link } } },
    },
    dataplane: 'nftables',
    services: { web: { vip: ['203.0.113.10'], ports: [80], servers: { s1: '10.3.0.21' }, health: 'none' } },
  };
}

/** Writes the topology and what it binds into `folder`; returns its path. The director is `d1`, the routers `r1`, `r2`. */
export async function writeLab(folder: string, contender: ContenderName): Promise<string> {
  await mkdir(folder, { recursive: true });
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  await write('r1.conf', frr('r1', '10.255.1.1', ['eth1'], ' redistribute kernel\n'));
  await write('r2.conf', frr('r2', '10.255.1.2', ['eth1']));
  await write('bird.conf', BIRD);
  await write('ospfd.conf', frr('d1', ROUTER_ID, ['eth1', 'eth2']));
  await writeFrrDirector(folder);
  await write('cluster.yml', stringify(cluster()));
  const path = join(folder, 'lsdb.clab.yml');
  await writeFile(path, stringify(topology(contender)));
  return path;
}

function topology(contender: ContenderName): unknown {
  return {
    name: 'lsdb',
    topology: {
      defaults: { kind: 'linux', sysctls: SYSCTLS },
      nodes: {
        r1: routerNode('frr-8', 'r1.conf', ['ip address add 10.1.1.1/30 dev eth1']),
        r2: routerNode('frr-8', 'r2.conf', ['ip address add 10.1.2.1/30 dev eth1']),
        d1: director(contender),
      },
      links: [{ endpoints: ['d1:eth1', 'r1:eth1'] }, { endpoints: ['d1:eth2', 'r2:eth1'] }],
    },
  };
}

function director(contender: ContenderName): unknown {
  const second = 'ip address add 10.1.2.2/30 dev eth2';
  const addresses = ['ip address add 10.1.1.2/30 dev eth1', second];
  if (contender === 'bird') return routerNode('bird-2.0', 'bird.conf', addresses);
  if (contender === 'sluice') {
    const node = directorNode('cluster.yml', '10.1.1.2/30');
    return { ...node, exec: [...node.exec, second] };
  }
  return frrDirector('frr-8', ['ospfd.conf'], addresses);
}
