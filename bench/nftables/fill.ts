/** What the first packet of a FullNAT connection costs as the director's own ports fill up, and how many find no port. */
import { ensureRoots, rootPath } from '../../lab/roots/build.ts';
import { type Ipv4, ipv4 } from '../../src/core/base/ipv4.ts';
import { Prng } from '../../src/core/base/prng.ts';
import { ownBlocks } from '../../src/core/hash/lips.ts';
import type { DesiredDataplane } from '../../src/core/model/dataplane.ts';
import { ADDRESS_OF, FRONT_OF, Network } from '../../test/contract/dataplane/netns.ts';
import { type BenchGoal, figure, median } from '../result.ts';
import type { Measured } from './measured.ts';
import { type Flow, type Macs, replay, synFrame } from './replay.ts';

const VIP = '203.0.113.10';
const FILLS = [0, 50, 80, 90] as const;
const BATCH = 1000;
const PORTS_PER_BLOCK = 1024;
/** Linux clients' source ports. */
const [FIRST_PORT, LAST_PORT] = [32_768, 60_999];
const CLIENTS = 4096;
const FIRST_CLIENT = ipv4('10.9.0.1');

/** One server, so that a port is in use or not: with several a port could be used once for each. */
const DESIRED: DesiredDataplane = {
  services: [
    {
      name: 'web',
      vips: [ipv4(VIP)],
      ports: [80],
      protocol: 'tcp',
      servers: [{ name: 's1', address: ipv4(ADDRESS_OF.s1), weight: 1, state: 'up' }],
      fullnat: true,
    },
  ],
  upstream: ['front'],
  self: 'd1',
  members: ['d1'],
  local: { directors: [{ name: 'd1', local: [ipv4('10.8.0.1')] }], shared: [] },
};

export async function measureFill(rounds: number, progress: (line: string) => void): Promise<Measured> {
  const network = new Network(`bp${process.pid}`);
  try {
    await ensureRoots(['tools'], () => undefined);
    await network.up();
    await prepare(network);
    const driver = network.start('d1', 'driver-main');
    await driver.call('open');
    await driver.call('apply', { desired: DESIRED });
    return await measure(network, rounds, progress);
  } finally {
    await network.down();
  }
}

/** The server answers nothing: only the way there is measured. */
async function prepare(network: Network): Promise<void> {
  await network.in('d1', ['ip', 'route', 'add', 'local', `${VIP}/32`, 'dev', 'lo']);
  await network.in('d1', ['ip', 'route', 'add', '10.9.0.0/16', 'via', FRONT_OF.cl]);
  const silent =
    'table ip silent {\n chain c { type filter hook prerouting priority -300;\n tcp dport 80 drop\n }\n}\n';
  await network.in('s1', ['nft', '-f', '-'], silent);
}

async function measure(network: Network, rounds: number, progress: (line: string) => void): Promise<Measured> {
  const capacity = ownBlocks(DESIRED).length * PORTS_PER_BLOCK;
  const macs: Macs = [await network.macOf('cl', 'front'), await network.macOf('d1', 'front')];
  const entries = async () => Number(await network.in('d1', ['cat', '/proc/sys/net/netfilter/nf_conntrack_count']));
  const [cost, failed] = [samplesByFill(), samplesByFill()];
  for (let round = -1; round < rounds; round++) {
    const flows = newFlows(round + 2);
    const send = (count: number) => replay(network.netns('cl'), 'front', frames(flows, count, macs));
    for (const fill of FILLS) {
      for (let missing = 1; missing > 0; missing = Math.ceil((fill / 100) * capacity) - (await entries())) {
        if (missing > 1) await send(missing);
      }
      const before = await entries();
      const microseconds = await send(BATCH);
      const lost = 1 - ((await entries()) - before) / BATCH;
      if (round < 0) continue;
      cost.get(fill)!.push(microseconds);
      failed.get(fill)!.push(100 * lost);
    }
    await forget(network);
    progress(`fill: round ${round + 1} of ${rounds}`);
  }
  return report(cost, failed);
}

type ByFill = ReadonlyMap<(typeof FILLS)[number], number[]>;

function samplesByFill(): ByFill {
  return new Map(FILLS.map((fill) => [fill, []]));
}

/** No port is in use any more. */
async function forget(network: Network): Promise<void> {
  await network.in('d1', ['chroot', await rootPath('tools'), '/usr/sbin/conntrack', '--flush']);
}

/** Flows that have not been before, from all of the clients, in random order. */
function* newFlows(seed: number): Generator<Flow, never> {
  const prng = new Prng(seed);
  const used = new Set<number>();
  for (;;) {
    const client = Math.floor(prng.unit() * CLIENTS);
    const sport = FIRST_PORT + Math.floor(prng.unit() * (LAST_PORT - FIRST_PORT + 1));
    const key = client * 65_536 + sport;
    if (used.has(key)) continue;
    used.add(key);
    const source: Ipv4 = FIRST_CLIENT + client;
    yield { source, sport, destination: ipv4(VIP), port: 80 };
  }
}

function frames(flows: Generator<Flow, never>, count: number, macs: Macs): readonly Buffer[] {
  return Array.from({ length: count }, () => synFrame(flows.next().value, macs));
}

function report(cost: ByFill, failed: ByFill): Measured {
  const goals: BenchGoal[] = [];
  const samples: Record<string, readonly number[]> = {};
  const empty = { name: 'no port in use', value: median(cost.get(0)!) };
  for (const fill of FILLS) {
    goals.push(figure(`SYN at ${fill} % of own ports in use`, median(cost.get(fill)!), 'us', empty));
    goals.push(figure(`SYNs without a port at ${fill} %`, median(failed.get(fill)!), '%'));
    samples[`us per SYN at ${fill} %`] = cost.get(fill)!;
    samples[`% of SYNs without a port at ${fill} %`] = failed.get(fill)!;
  }
  return { goals, samples };
}
