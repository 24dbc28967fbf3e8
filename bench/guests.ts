/**
 * How long three directors take to come up as guests: until their control channels answer, and until a whole lab (`ecmp-3`) is up
 * with its routers and servers and the agents answer. Guests are emulated, so both are times of this machine. Needs root.
 */
import { startGuest } from '../lab/runtimes/guest.ts';
import { KERNELS } from '../lab/runtimes/lab.ts';
import { up } from '../lab/runtimes/runtime.ts';
import { atMost, type BenchArguments, type BenchRun, median } from './result.ts';

const DIRECTORS = ['d1', 'd2', 'd3'] as const;
const ROUNDS = 3;

export const options: BenchArguments = {
  kernel: { type: 'string', default: '6.1', choices: [...KERNELS], help: 'of the guests' },
};

/** Seconds. */
async function timed<T extends { down(): Promise<void> }>(start: () => Promise<readonly T[]>): Promise<number> {
  const since = performance.now();
  const started = await start();
  const took = (performance.now() - since) / 1000;
  for (const one of started) await one.down();
  return took;
}

export const run: BenchRun = async ({ quick, progress, values }) => {
  const kernel = KERNELS.find((one) => one === values['kernel'])!;
  const [guests, agents]: [number[], number[]] = [[], []];
  for (let round = 0; round < (quick ? 1 : ROUNDS); round++) {
    progress(`three guests on Linux ${kernel}, then the lab`);
    guests.push(await timed(() => Promise.all(DIRECTORS.map((name) => startGuest({ name, kernel })))));
    agents.push(await timed(async () => [await up('ecmp-3', { runtime: 'qemu', kernel })]));
  }
  return {
    goals: [
      atMost('three guests answer on their control channels', median(guests), 's', 15),
      atMost('the lab is up and its three agents answer', median(agents), 's', 15),
    ],
    samples: { guests, agents },
  };
};
