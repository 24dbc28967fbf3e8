/** The files of a cell: a topology of one director and one router on one link, and what both are configured with. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { directorNode, routerNode, SYSCTLS } from '../topologies/generated.ts';
import { type AreaType, type Auth, type Cell, ROUTERS, type Role } from './cells.ts';
import {
  AREA,
  DEAD,
  DIRECTOR_ADDRESS,
  KEY,
  PASSWORD,
  POLL,
  PRIORITIES,
  ROUTER_ADDRESS,
  routerFile,
} from './router-files.ts';

/** A VIP that the cell announces, and how. */
export interface CellVip {
  readonly address: string;
  readonly lsa: 'stub' | 'external' | 'nssa';
}

const STUB: CellVip = { address: '203.0.113.10', lsa: 'stub' };

/** A stub link everywhere, and an LSA of its own for another VIP where the area has such. */
export function vipsOf({ area }: Cell): readonly CellVip[] {
  return [STUB, ...OWN_LSA[area]];
}

const OWN_LSA: Readonly<Record<AreaType, readonly CellVip[]>> = {
  normal: [{ address: '203.0.113.20', lsa: 'external' }],
  stub: [],
  nssa: [{ address: '203.0.113.30', lsa: 'nssa' }],
};

/** Writes the files into `folder` and returns the topology's path. */
export async function writeCell(cell: Cell, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const topology = join(folder, 'cell.clab.yml');
  await writeFile(join(folder, 'router.conf'), await routerFile(cell));
  const secret = cell.auth === 'simple' ? PASSWORD : KEY.key;
  await writeFile(join(folder, 'ospf.keys'), `${KEY.keyId} ${secret}\n`, { mode: 0o600 });
  await writeFile(join(folder, 'cluster.yml'), stringify(cluster(cell, folder)));
  await writeFile(topology, stringify(describe(cell)));
  return topology;
}

const NETWORK: Readonly<Record<Role, string>> = {
  p2p: 'point-to-point',
  p2mp: 'point-to-multipoint',
  dr: 'broadcast',
  bdr: 'broadcast',
  drother: 'broadcast',
  nbma: 'nbma',
};

function cluster(cell: Cell, folder: string) {
  const { role, auth, area } = cell;
  const link = {
    network: NETWORK[role],
    hello: '1s',
    dead: `${DEAD}s`,
    priority: PRIORITIES[role].director,
    ...neighbors(cell),
    ...authentication(auth, folder),
  };
  const outside = {
    area: area === 'normal' ? AREA : { id: AREA, type: area },
    announce: ['vip'],
    interfaces: { up0: link },
  };
  return {
    cluster: 'interop',
    directors: { d1: { routerId: '10.255.0.1', interfaces: { up0: 'eth1' } } },
    lifecycle: { holdUp: '0s', drain: '0s' },
    routing: { speaker: 'ospf', instances: { outside } },
    dataplane: 'nftables',
    services: Object.fromEntries(vipsOf(cell).map((vip) => [vip.lsa, service(vip)])),
  };
}

/** FRR finds its neighbors on a point-to-multipoint network by multicast, BIRD only where it is told of them. */
function neighbors({ router, role }: Cell) {
  const told = role === 'nbma' || (role === 'p2mp' && ROUTERS[router].vendor === 'bird');
  return told ? { neighbors: [{ address: ROUTER_ADDRESS, priority: PRIORITIES[role].router }], poll: `${POLL}s` } : {};
}

function authentication(auth: Auth, folder: string) {
  return auth === 'none' ? {} : { auth: { algorithm: auth, keys: { file: join(folder, 'ospf.keys') } } };
}

function service({ address, lsa }: CellVip) {
  return {
    vip: [address],
    ports: [80],
    servers: { s1: '10.3.0.21' },
    health: 'none',
    announce: { metric: 10, lsa },
  };
}

function describe({ router }: Cell) {
  const r1 = routerNode(router, 'router.conf', [
    'ip link add name core0 type veth peer name core1',
    'ip link set core0 up',
    'ip link set core1 up',
    'ip address add 10.9.0.1/24 dev core0',
    `ip address add ${ROUTER_ADDRESS}/24 dev eth1`,
  ]);
  const nodes = { d1: directorNode('cluster.yml', `${DIRECTOR_ADDRESS}/24`), r1 };
  const links = [{ endpoints: ['d1:eth1', 'r1:eth1'] }];
  return { name: 'interop', topology: { defaults: { kind: 'linux', sysctls: SYSCTLS }, nodes, links } };
}
