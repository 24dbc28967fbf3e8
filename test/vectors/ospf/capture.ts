/**
 * Makes the files of captured packets beside this one: `node dist/test/vectors/ospf/capture.js [frr|bird]`, as root.
 *
 * Per implementation two labs are run, a point-to-point link and a LAN, with our agent as the neighbor, and what the
 * routers send is recorded at the agent's end. Every OSPF packet of the recordings is read by our decoder and by tshark;
 * when the two differ in a field, or tshark finds fault with a packet, the program fails and no file is written. So the
 * expected values in the files are tshark's as much as ours.
 */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../../../lab/project.ts';
import type { Lab, LabNode } from '../../../lab/runtimes/lab.ts';
import { up } from '../../../lab/runtimes/runtime.ts';
import { formatVectors, type Link, type Vector } from './captured.ts';
import { exchangeOf, flushes, fromRouters, isComplete, isLarge, pick, type Recorded, titleOf } from './picks.ts';
import { compareReadings, OURS, Recording, readPackets } from './recording.ts';
import { tsharkReading, tsharkVersion } from './tshark.ts';

interface Implementation {
  readonly name: 'FRR' | 'BIRD';
  readonly topologies: Readonly<Record<Link, string>>;
  /** e.g. `8.4.4`. */
  version(router: LabNode): Promise<string>;
  /** A second area with a network of its own, so that there are summaries. */
  addArea(router: LabNode): Promise<void>;
  /** Adds so many routes, externals or those of the second area, that their LSAs fill more than one packet. */
  addRoutes(router: LabNode): Promise<void>;
  removeRoutes(router: LabNode): Promise<void>;
}

/** RFC 2328 appendix B has 5 s between two instances of an LSA, and a second for the rest: what changed is out by then. */
const MIN_LS_INTERVAL = 6000;
const ROUTES = Array.from({ length: 60 }, (_, n) => `10.77.${n}.0/24`);

async function run(router: LabNode, argv: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await router.exec(argv, { input });
  if (code !== 0) throw new Error(`${router.name}: ${argv.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

function vtysh(router: LabNode, ...lines: readonly string[]): Promise<string> {
  return run(router, ['vtysh', ...['configure terminal', ...lines].flatMap((line) => ['-c', line])]);
}

const FRR: Implementation = {
  name: 'FRR',
  topologies: { p2p: 'p2p-frr', lan: 'lan-frr' },
  async version(router) {
    return /FRRouting ([\d.]+)/.exec(await run(router, ['vtysh', '-c', 'show version']))![1]!;
  },
  async addArea(router) {
    await vtysh(router, 'interface lo', 'ip ospf area 0.0.0.1');
  },
  // FRR sends a redistributed route in an update of its own, but summaries together.
  async addRoutes(router) {
    const addresses = ROUTES.map((route) => `ip address add ${route.replace('0/24', '1/24')} dev more`);
    // A pair of its own, for a router's kernel need not have dummy interfaces.
    const pair = ['ip link add more type veth peer name end', 'ip link set end up', 'ip link set more up'];
    await run(router, ['sh', '-c', [...pair, ...addresses].join(' && ')]);
    await vtysh(router, 'interface more', 'ip ospf passive', 'ip ospf area 0.0.0.1');
  },
  async removeRoutes(router) {
    await vtysh(router, 'interface more', 'no ip ospf area 0.0.0.1');
  },
};

/** BIRD with its file changed: the routes are static ones, which the file exports. */
async function reconfigureBird(router: LabNode, routes: readonly string[]): Promise<void> {
  const file = await run(router, ['cat', '/etc/bird/bird.conf']);
  const statics = ['  route 0.0.0.0/0 blackhole;', ...routes.map((route) => `  route ${route} blackhole;`)].join('\n');
  const area = '  area 0.0.0.1 {\n    stubnet 10.88.0.0/24 { cost 7; };\n  };\n  area 0.0.0.0 {';
  const changed = file.replace('  route 0.0.0.0/0 blackhole;', statics).replace('  area 0.0.0.0 {', area);
  await run(router, ['sh', '-c', 'cat > /tmp/changed.conf'], changed);
  await run(router, ['birdc', 'configure "/tmp/changed.conf"']);
}

const BIRD: Implementation = {
  name: 'BIRD',
  topologies: { p2p: 'p2p-bird', lan: 'lan-bird' },
  async version(router) {
    return /BIRD ([\d.]*\d)/.exec(await run(router, ['birdc', 'show', 'status']))![1]!;
  },
  addArea: (router) => reconfigureBird(router, []),
  addRoutes: (router) => reconfigureBird(router, ROUTES),
  removeRoutes: (router) => reconfigureBird(router, []),
};

/** Runs one lab and leaves its recording in `file`. Returns the routers' version. */
async function record(implementation: Implementation, link: Link, file: string): Promise<string> {
  const lab = await up(implementation.topologies[link], { directors: [] });
  try {
    const router = lab.node('r1');
    const capture = await lab.capture('d1', 'eth1', file);
    const recording = new Recording(lab, file);
    if (link === 'p2p') await pointToPoint(lab, router, implementation, recording);
    else await broadcast(lab, recording);
    await capture.stop();
    return await implementation.version(router);
  } finally {
    await lab.down();
  }
}

const some = (fits: (recorded: Recorded) => boolean) => (all: readonly Recorded[]) => all.some(fits);

async function pointToPoint(lab: Lab, router: LabNode, implementation: Implementation, recording: Recording) {
  await implementation.addArea(router);
  await sleep(MIN_LS_INTERVAL);
  await lab.startDirector('d1');
  await recording.wait('the exchange', (all) => exchangeOf(all, OURS).length > 0);
  await implementation.addRoutes(router);
  await recording.wait(
    'a large update',
    some(({ packet }) => isLarge(packet.body)),
  );
  await sleep(MIN_LS_INTERVAL);
  await implementation.removeRoutes(router);
  await recording.wait(
    'a flush',
    some(({ packet }) => flushes(packet.body)),
  );
  await recording.wait('every kind of packet', (all) => isComplete(all, 'p2p'));
}

async function broadcast(lab: Lab, recording: Recording) {
  await recording.wait(
    'a DR and a BDR',
    some(({ packet: { body } }) => body.kind === 'hello' && body.backupDesignatedRouter !== 0),
  );
  await lab.startDirector('d1');
  await recording.wait('the exchange', (all) => exchangeOf(all, OURS).length > 0);
  await recording.wait('every kind of packet', (all) => isComplete(all, 'lan'));
}

/** The vectors of one recording, whose expected values are tshark's. */
async function vectorsOf(file: string, link: Link): Promise<Vector[]> {
  const packets = readPackets(file);
  const theirs = await tsharkReading(file);
  compareReadings(packets, theirs);
  const recorded = fromRouters(packets, OURS);
  const chosen = pick(recorded, link);
  const exchange = new Set(exchangeOf(recorded, OURS));
  console.log(`${link}: ${packets.length} packets read alike, ${theirs.size} by tshark`);
  return recorded
    .filter((one) => chosen.has(one) || exchange.has(one))
    .map((one) => ({
      title: [titleOf(one), chosen.get(one)].filter(Boolean).join(' - '),
      link,
      at: one.at - packets[0]!.at,
      source: one.source,
      destination: one.destination,
      replay: exchange.has(one),
      bytes: one.bytes,
      fields: theirs.get(one.frame)!,
    }));
}

/** Records, compares and writes one implementation's file, `NAME-MAJOR.MINOR.txt`. */
async function capture(implementation: Implementation, folder: string): Promise<void> {
  const vectors: Vector[] = [];
  let version = '';
  for (const link of ['p2p', 'lan'] as const) {
    console.log(`${implementation.name}: ${implementation.topologies[link]}`);
    const file = join(folder, `${implementation.topologies[link]}.pcap`);
    version = await record(implementation, link, file);
    vectors.push(...(await vectorsOf(file, link)));
  }
  const heading = [
    `OSPF packets sent by ${implementation.name} ${version}, recorded by capture.ts; not to be edited.`,
    `Field values: tshark ${await tsharkVersion()}. The form is described in captured.ts.`,
  ];
  const [major, minor] = version.split('.');
  const name = `${implementation.name.toLowerCase()}-${major}.${minor}.txt`;
  writeFileSync(join(projectRoot, 'test/vectors/ospf', name), formatVectors(heading, vectors));
  console.log(`${name}: ${vectors.length} packets`);
}

const wanted = process.argv[2]?.toUpperCase();
const folder = await mkdtemp(join(tmpdir(), 'sluice-vectors-'));
try {
  for (const implementation of [FRR, BIRD]) {
    if (wanted === undefined || wanted === implementation.name) await capture(implementation, folder);
  }
} finally {
  await rm(folder, { recursive: true });
}
