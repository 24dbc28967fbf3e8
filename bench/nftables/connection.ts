/**
 * What the ten packets of a short HTTP connection cost on their way through a director, without the work of any program: with our
 * tables, and with the least that an administrator would write. Less noisy than connections per second, and it says where it goes.
 */
import { ensureRoots, rootPath } from '../../lab/roots/build.ts';
import { type Ipv4, ipv4 } from '../../src/core/base/ipv4.ts';
import { ADDRESS_OF, type DirectorNode, FRONT_OF, Network } from '../../test/contract/dataplane/netns.ts';
import { prepareVips, VIPS } from '../../test/contract/dataplane/web-vips.ts';
import { type BenchGoal, figure } from '../result.ts';
import { desired, minimal } from './contenders.ts';
import type { Measured } from './measured.ts';
import { HTTP_SEGMENTS, type Macs, replay, segmentFrame } from './replay.ts';

const HTTP = { protocol: 'tcp', port: 80 } as const;
const CONNECTIONS = 2000;
const FIRST_CLIENT = ipv4('10.9.0.1');
const CLIENT_PORTS = { first: 32_768, count: 28_232 } as const;
/** Prime, so that the ports of consecutive clients are spread. */
const PORT_STEP = 7919;
/** All connections are its own, so that its side can be sent without asking whose they are. */
const SERVER = 's1';

/** `events`: of net.netfilter.nf_conntrack_events. With 2 and no listener, as by default, the kernel keeps nothing to tell events with. */
const CONTENDERS = [
  { name: 'ours', director: 'd1', events: '1' },
  { name: 'minimal ruleset with events', director: 'd2', events: '1' },
  { name: 'minimal ruleset', director: 'd2', events: '2' },
] as const;

export async function measureConnections(rounds: number, progress: (line: string) => void): Promise<Measured> {
  const network = new Network(`bc${process.pid}`);
  try {
    await ensureRoots(['tools'], () => undefined);
    await network.up();
    await prepare(network);
    return await measure(network, rounds, progress);
  } finally {
    await network.down();
  }
}

async function prepare(network: Network): Promise<void> {
  await prepareVips(network, ['d1', 'd2']);
  const silent =
    'table ip silent {\n chain c { type filter hook prerouting priority -300;\n tcp dport 80 drop\n tcp sport 80 drop\n }\n}\n';
  for (const end of ['cl', SERVER] as const) await network.in(end, ['nft', '-f', '-'], silent);
  for (const director of ['d1', 'd2'] as const) {
    await network.in(director, ['ip', 'route', 'add', '10.9.0.0/16', 'via', FRONT_OF.cl]);
  }
  const driver = network.start('d1', 'driver-main');
  await driver.call('open');
  const { services, ...rest } = desired('nat', HTTP);
  const one = services.map((service) => ({
    ...service,
    servers: service.servers.filter(({ name }) => name === SERVER),
  }));
  await driver.call('apply', { desired: { ...rest, services: one } });
  await network.in('d2', ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  await network.in('d2', ['nft', '-f', '-'], minimal('nat', HTTP, [SERVER]));
}

async function measure(network: Network, rounds: number, progress: (line: string) => void): Promise<Measured> {
  const samples: Record<string, number[]> = {};
  const seen = (name: string) => (samples[`us per connection, ${name}`] ??= []);
  for (let round = -1; round < rounds; round++) {
    for (const { name, director, events } of CONTENDERS) {
      await network.in(director, ['sysctl', '-qw', `net.netfilter.nf_conntrack_events=${events}`]);
      const microseconds = await send(network, director);
      if (round >= 0) seen(name).push(microseconds);
    }
    progress(`packets of connections: round ${round + 1} of ${rounds}`);
  }
  // The least, because whatever disturbs a round only adds to it.
  const [ours, ...others] = CONTENDERS.map(({ name }) => ({ name, value: Math.min(...seen(name)) }));
  const goals: BenchGoal[] = others.map((peer) => figure('nat: packets of a connection', ours!.value, 'us', peer));
  return { goals, samples };
}

/** All connections at once, segment by segment, to a director that knows none. @returns microseconds per connection */
async function send(network: Network, director: DirectorNode): Promise<number> {
  await network.in(director, ['chroot', await rootPath('tools'), '/usr/sbin/conntrack', '--flush']);
  const sides = {
    client: { node: 'cl', bridge: 'front' },
    server: { node: SERVER, bridge: 'back' },
  } as const;
  let sum = 0;
  for (const segment of HTTP_SEGMENTS) {
    const { node, bridge } = sides[segment.from];
    const macs: Macs = [await network.macOf(node, bridge), await network.macOf(director, bridge)];
    const frames = Array.from({ length: CONNECTIONS }, (_, at) => segmentFrame(flow(at, segment.from), macs, segment));
    sum += await replay(network.netns(node), bridge, frames);
  }
  return sum;
}

function flow(at: number, from: 'client' | 'server') {
  const source: Ipv4 = FIRST_CLIENT + at;
  const sport = CLIENT_PORTS.first + ((at * PORT_STEP) % CLIENT_PORTS.count);
  const server = { source: ipv4(ADDRESS_OF[SERVER]), sport: HTTP.port };
  return from === 'client'
    ? { source, sport, destination: ipv4(VIPS[0]), port: HTTP.port }
    : { ...server, destination: source, port: sport };
}
