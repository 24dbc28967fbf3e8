/** Links beyond the interop matrix's: /31, unnumbered, several hellos per second, a passive interface, MTUs that differ. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { projectRoot } from '../../lab/project.ts';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { TEMPLATES } from '../../lab/topologies/routers.ts';
import { upstreamText } from '../../src/api/upstream.ts';

const VIP = '203.0.113.10';
const DIRECTOR_ID = '10.255.0.1';
const ROUTER_ID = '10.255.1.1';
/** BIRD keeps 5 s between two instances of an LSA of its own. */
const WITHIN = 15_000;

type Vendor = 'frr' | 'bird';

/** One director and one router on one cable, a point-to-point network, but for what is given. */
interface Link {
  readonly vendor: Vendor;
  /** Commands that number each end. */
  readonly director: readonly string[];
  readonly router: readonly string[];
  /** Settings of the director's interface `up0`, and further interfaces. */
  readonly up0?: Readonly<Record<string, unknown>>;
  readonly others?: Readonly<Record<string, { readonly device: string; readonly settings: object }>>;
  /** The router's `hello-multiplier`. */
  readonly minimal?: number;
}

const running: { lab: Lab | undefined; folder: string | undefined } = { lab: undefined, folder: undefined };

afterEach(async () => {
  await running.lab?.down();
  if (running.folder !== undefined) await rm(running.folder, { recursive: true, force: true });
  Object.assign(running, { lab: undefined, folder: undefined });
});

async function bringUp(link: Link): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-network-types-'));
  running.folder = folder;
  await writeFile(join(folder, 'cluster.yml'), stringify(clusterOf(link)));
  await writeFile(join(folder, 'router.conf'), await routerFile(link));
  await writeFile(join(folder, 'link.clab.yml'), stringify(topologyOf(link)));
  running.lab = await up(join(folder, 'link.clab.yml'), { directors: ['d1'] });
  return running.lab;
}

function clusterOf({ up0, others = {} }: Link) {
  const devices = Object.fromEntries(Object.entries(others).map(([alias, { device }]) => [alias, device]));
  const settings = Object.fromEntries(Object.entries(others).map(([alias, one]) => [alias, one.settings]));
  const interfaces = { up0: { network: 'point-to-point', hello: '1s', dead: '4s', ...up0 }, ...settings };
  return {
    cluster: 'links',
    directors: { d1: { routerId: DIRECTOR_ID, interfaces: { up0: 'eth1', ...devices } } },
    lifecycle: { holdUp: '0s', drain: '0s' },
    routing: { instances: { outside: { area: '0.0.0.0', interfaces } } },
    dataplane: 'nftables',
    services: { web: { vip: VIP, ports: 80, servers: { s1: '10.3.0.21' }, health: 'none' } },
  };
}

function routerFile({ vendor, minimal }: Link): Promise<string> {
  const [hello, dead] = minimal === undefined ? [1000, 4000] : [1000 / minimal, 1000];
  const link = {
    interface: 'eth1',
    network: 'point-to-point',
    hello,
    dead,
    priority: 1,
    neighbors: [],
    poll: 20_000,
  } as const;
  const settings = { area: '0.0.0.0', areaType: 'normal', backbone: [], passive: [], directors: 1, vips: [] } as const;
  const router = {
    hostname: 'r1',
    routerId: ROUTER_ID,
    maximumPaths: 16,
    graceHelper: false,
    defaultRoute: true,
  } as const;
  const all = { ...settings, ...router, links: [link], externalVips: false, speaker: 'ospf' } as const;
  return upstreamText({ vendor }, all, TEMPLATES);
}

function topologyOf({ vendor, director, router }: Link) {
  const upstream = join(projectRoot, 'frr-templates/upstream');
  const ofFrr = ['daemons', 'vtysh.conf'].map((file) => `${upstream}/frr/${file}:/etc/frr/${file}:ro`);
  const binds =
    vendor === 'frr' ? ['router.conf:/etc/frr/frr.conf:ro', ...ofFrr] : ['router.conf:/etc/bird/bird.conf:ro'];
  const sysctls = {
    'net.ipv4.ip_forward': 1,
    'net.ipv4.conf.all.rp_filter': 0,
    'net.ipv4.conf.default.rp_filter': 0,
    'net.ipv6.conf.all.disable_ipv6': 1,
    'net.ipv6.conf.default.disable_ipv6': 1,
  };
  const d1 = {
    labels: { 'sluice.role': 'director', 'sluice.start': 'false' },
    binds: ['cluster.yml:/etc/sluice/cluster.yml:ro'],
    exec: director,
  };
  const r1 = { labels: { 'sluice.role': 'router', 'sluice.root': vendor }, binds, exec: router };
  const links = [{ endpoints: ['d1:eth1', 'r1:eth1'] }];
  return { name: 'links', topology: { defaults: { kind: 'linux', sysctls }, nodes: { d1, r1 }, links } };
}

async function kernelRoute(lab: Lab, node: string, prefix: string): Promise<string> {
  return (await lab.node(node).exec(['ip', 'route', 'show', prefix])).stdout.trim();
}

/** Full on our side, the VIP in the router's kernel by way of us, the default route in ours by way of the router. */
async function claimRoutes(lab: Lab, director: string, router: string): Promise<void> {
  await until('the director to be Full', WITHIN, async () => {
    const [neighbor] = await lab.api('d1').get('/v1/neighbors');
    return neighbor?.routerId === ROUTER_ID && neighbor.state === 'full';
  });
  await until("the VIP in the router's kernel", WITHIN, async () =>
    (await kernelRoute(lab, 'r1', VIP)).includes(`via ${director} `),
  );
  await until("the default route in the director's kernel", WITHIN, async () =>
    (await kernelRoute(lab, 'd1', 'default')).includes(`via ${router} `),
  );
}

function numbered(length: number, a = '10.1.1.2', b = '10.1.1.3') {
  return {
    director: [`ip address add ${a}/${length} dev eth1`],
    router: [`ip address add ${ROUTER_ID}/32 dev lo`, `ip address add ${b}/${length} dev eth1`],
  };
}

test.each<Vendor>(['frr', 'bird'])('a /31 (%s)', async (vendor) => {
  const lab = await bringUp({ vendor, ...numbered(31) });
  await claimRoutes(lab, '10.1.1.2', '10.1.1.3');
});

test.each([
  ['an address borrowed from lo', []],
  ['its address, a /32, on the link itself', [`ip address add ${DIRECTOR_ID}/32 dev eth1`]],
])(
  'an unnumbered link (frr), the director with %s: routes by way of addresses that no subnet holds',
  async (_, more) => {
    const lab = await bringUp({
      vendor: 'frr',
      director: [`ip address add ${DIRECTOR_ID}/32 dev lo`, ...more],
      router: [`ip address add ${ROUTER_ID}/32 dev lo`, `ip address add ${ROUTER_ID}/32 dev eth1`],
    });
    await claimRoutes(lab, DIRECTOR_ID, ROUTER_ID);
    expect(await kernelRoute(lab, 'd1', 'default')).toContain(`via ${ROUTER_ID} dev eth1 proto 217 metric 20 onlink`);
    expect(await lab.api('d1').get('/v1/interfaces')).toMatchObject([{ unnumbered: true, address: DIRECTOR_ID }]);
  },
);

test('four hellos a second (frr): Full, and the router notices our death within a second', async () => {
  const lab = await bringUp({
    vendor: 'frr',
    ...numbered(30, '10.1.1.1', '10.1.1.2'),
    up0: { hello: '250ms', dead: '1s' },
    minimal: 4,
  });
  await claimRoutes(lab, '10.1.1.1', '10.1.1.2');
  const neighbors = await lab.api('d1').get('/v1/neighbors');
  expect(neighbors[0]?.deadIn).toBeLessThanOrEqual(1000);
  await lab.stopDirector('d1', 'SIGKILL');
  await until('the VIP to leave the router', 2000, async () => (await kernelRoute(lab, 'r1', VIP)) === '');
});

test('a passive interface: the router has a route to its network, and nothing is sent there', async () => {
  const link = numbered(30, '10.1.1.1', '10.1.1.2');
  const lab = await bringUp({
    vendor: 'frr',
    ...link,
    director: [
      ...link.director,
      'ip link add in0 type veth peer name in1',
      'ip link set in0 up',
      'ip link set in1 up',
      'ip address add 10.5.0.1/24 dev in0',
    ],
    others: { in0: { device: 'in0', settings: { passive: true } } },
  });
  await claimRoutes(lab, '10.1.1.1', '10.1.1.2');
  expect(await kernelRoute(lab, 'r1', '10.5.0.0/24')).toContain('via 10.1.1.1 ');
  const interfaces = await lab.api('d1').get('/v1/interfaces');
  expect(interfaces.map(({ state }) => state)).toEqual(['pointToPoint', 'passive']);
  // Neither is it missed.
  expect((await lab.api('d1').get('/v1/status')).neighbors.missing).toEqual([]);
  const sockets = await lab.node('d1').exec(['ss', '-H', '-w', '-a', '-n', '-e']);
  expect(sockets.stdout.split('\n').filter((line) => line.includes('in0'))).toEqual([]);
});

test.each([
  ['frr', 9000, 1500, /its MTU is 1500, ours is 9000: it refuses ours/],
  ['bird', 9000, 1500, /its MTU is 1500, ours is 9000: it refuses ours/],
  ['frr', 1500, 9000, /its MTU is 9000, ours is 1500: we refuse a larger one/],
] as const)('MTUs that differ (%s: ours %i, its %i) are named, once', async (vendor, ours, theirs, words) => {
  const link = numbered(30, '10.1.1.1', '10.1.1.2');
  const lab = await bringUp({
    vendor,
    director: [`ip link set eth1 mtu ${ours}`, ...link.director],
    router: [`ip link set eth1 mtu ${theirs}`, ...link.router],
  });
  const neighbor = await until('trouble with the neighbor', WITHIN, async () => {
    const [one] = await lab.api('d1').get('/v1/neighbors');
    return one?.trouble !== null && one;
  });
  expect(neighbor.trouble).toMatch(words);
  expect(neighbor.state).not.toBe('full');
  const events = await lab.api('d1').get('/v1/events');
  expect(events.filter(({ event }) => event === 'neighbor-trouble')).toHaveLength(1);
});
