/** What one packet costs on its way through a director, without the work of any program: of a new flow, and of a known one. */
import { ensureRoots, rootPath } from '../../lab/roots/build.ts';
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { type DirectorNode, FRONT_OF, Network, SERVERS } from '../../test/contract/dataplane/netns.ts';
import { prepareVips, VIPS } from '../../test/contract/dataplane/web-vips.ts';
import { type BenchGoal, figure, median } from '../result.ts';
import { desired, MODES, minimal } from './contenders.ts';
import type { Measured } from './measured.ts';
import { type Macs, replay, udpFrame } from './replay.ts';

const DNS = { protocol: 'udp', port: 53 } as const;
const PACKETS = 5000;
const PATHS = ['first packet', 'further packet'] as const;
const FIRST_CLIENT = ipv4('10.9.0.1');

export async function measurePaths(rounds: number, progress: (line: string) => void): Promise<Measured> {
  const network = new Network(`bq${process.pid}`);
  try {
    await ensureRoots(['tools'], () => undefined);
    await network.up();
    await prepareVips(network, ['d1', 'd2']);
    return await measure(network, rounds, progress);
  } finally {
    await network.down();
  }
}

/** Linux clients take their ports from this one on, and so many of them. */
const CLIENT_PORTS = { first: 32_768, count: 28_232 } as const;

/** Prime, so that the ports of consecutive clients are spread. */
const PORT_STEP = 7919;

/** Flows from a client each, or one flow. From one port all clients would want the same few source ports of ours. */
function frames(macs: Macs, path: (typeof PATHS)[number]): readonly Buffer[] {
  return Array.from({ length: PACKETS }, (_, at) => {
    const flow = path === 'first packet' ? at : 0;
    const source = FIRST_CLIENT + flow;
    const sport = CLIENT_PORTS.first + ((flow * PORT_STEP) % CLIENT_PORTS.count);
    return udpFrame({ source, sport, destination: ipv4(VIPS[0]), port: DNS.port }, macs);
  });
}

async function measure(network: Network, rounds: number, progress: (line: string) => void): Promise<Measured> {
  const silent = `table ip silent {\n chain c { type filter hook prerouting priority -300;\n udp dport ${DNS.port} drop\n }\n}\n`;
  for (const server of SERVERS) await network.in(server, ['nft', '-f', '-'], silent);
  for (const director of ['d1', 'd2'] as const) {
    await network.in(director, ['ip', 'route', 'add', '10.9.0.0/16', 'via', FRONT_OF.cl]);
  }
  await network.in('d2', ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  const driver = network.start('d1', 'driver-main');
  await driver.call('open');
  const goals: BenchGoal[] = [];
  const samples: Record<string, number[]> = {};
  for (const mode of MODES) {
    await driver.call('apply', { desired: desired(mode, DNS) });
    await network.in('d2', ['nft', '-f', '-'], minimal(mode, DNS));
    const seen = (path: string, director: string) => (samples[`${mode}: us per ${path}, ${director}`] ??= []);
    for (let round = -1; round < rounds; round++) {
      for (const path of PATHS) {
        for (const director of ['d1', 'd2'] as const) {
          const microseconds = await send(network, director, path);
          if (round >= 0) seen(path, director).push(microseconds);
        }
      }
      progress(`${mode}, packets: round ${round + 1} of ${rounds}`);
    }
    for (const path of PATHS) {
      const peer = { name: 'minimal ruleset', value: median(seen(path, 'd2')) };
      goals.push(figure(`${mode}: ${path} of a flow`, median(seen(path, 'd1')), 'us', peer));
    }
  }
  return { goals, samples };
}

/** To a director that knows no flow. */
async function send(network: Network, director: DirectorNode, path: (typeof PATHS)[number]): Promise<number> {
  await network.in(director, ['chroot', await rootPath('tools'), '/usr/sbin/conntrack', '--flush']);
  const macs: Macs = [await network.macOf('cl', 'front'), await network.macOf(director, 'front')];
  return replay(network.netns('cl'), 'front', frames(macs, path));
}
