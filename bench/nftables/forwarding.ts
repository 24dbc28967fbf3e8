/**
 * New connections and bytes per second through one director with our tables, and through another with the least that an
 * administrator would write for the same, in turns.
 */
import { Network } from '../../test/contract/dataplane/netns.ts';
import { WebLoad } from '../../test/contract/dataplane/web-load.ts';
import { prepareVips, sendTo, URLS } from '../../test/contract/dataplane/web-vips.ts';
import { atLeastRatio, type BenchGoal, median } from '../result.ts';
import { desired, LIPS, MODES, minimal } from './contenders.ts';
import type { Measured } from './measured.ts';

const LEAST = 0.95;
const HTTP = { protocol: 'tcp', port: 80 } as const;

/** What one load gives. */
const LOADS = {
  'new connections': { unit: '1/s', urls: URLS, connections: 64, keepAlive: false },
  throughput: { unit: 'MB/s', urls: [`${URLS[0]}bulk`], connections: 8, keepAlive: true },
} as const;
type Load = keyof typeof LOADS;
const LOAD_NAMES = Object.keys(LOADS) as Load[];

export async function measureForwarding(
  size: { readonly rounds: number; readonly seconds: number },
  progress: (line: string) => void,
): Promise<Measured> {
  const network = new Network(`bf${process.pid}`);
  const web = new WebLoad(network);
  try {
    await network.up();
    await prepareVips(network, ['d1', 'd2']);
    await web.up();
    return await measure(network, web, size, progress);
  } finally {
    await web.down();
    await network.down();
  }
}

async function measure(
  network: Network,
  web: WebLoad,
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
  progress: (line: string) => void,
): Promise<Measured> {
  const goals: BenchGoal[] = [];
  const samples: Record<string, number[]> = {};
  const driver = network.start('d1', 'driver-main');
  await driver.call('open');
  await network.in('d2', ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  for (const director of ['d1', 'd2'] as const) {
    await network.in(director, ['ip', 'route', 'add', 'local', `${LIPS[director]}/32`, 'dev', 'lo']);
  }
  for (const mode of MODES) {
    await driver.call('apply', { desired: desired(mode, HTTP) });
    await network.in('d2', ['nft', '-f', '-'], minimal(mode, HTTP));
    const seen = (load: Load, director: string) => (samples[`${mode}: ${load}, ${director}`] ??= []);
    for (let round = -1; round < rounds; round++) {
      for (const director of ['d1', 'd2'] as const) {
        await sendTo(network, director);
        await network.routeAnswers(director);
        for (const load of LOAD_NAMES) {
          const { requests, bytes, errors, ...report } = await web.load({ ...LOADS[load], seconds });
          if (errors > 0) throw new Error(`${mode} through ${director}: ${errors} of ${requests} failed`);
          const value = (load === 'throughput' ? bytes / 1e6 : requests) / report.seconds;
          // The first round is warm-up.
          if (round >= 0) seen(load, director).push(value);
        }
      }
      progress(`${mode}: round ${round + 1} of ${rounds}`);
    }
    for (const load of LOAD_NAMES) {
      const peer = { name: 'minimal ruleset', value: median(seen(load, 'd2')) };
      goals.push(atLeastRatio(`${mode}: ${load}`, median(seen(load, 'd1')), LOADS[load].unit, LEAST, peer));
    }
  }
  return { goals, samples };
}
