/**
 * The IPVS data plane's turn with 1,000 services of ten servers each, in a guest on a Debian kernel: how long planning takes, the
 * first apply, and one that has nothing to do. Peer: `ipvsadm -R` of the same rules in the same guest. Needs root.
 */
import { fileURLToPath } from 'node:url';
import { startGuest } from '../lab/runtimes/guest.ts';
import { KERNELS } from '../lab/runtimes/lab.ts';
import { timePlans } from './ipvs/services.ts';
import { atMost, type BenchArguments, type BenchRun, figure, median } from './result.ts';

/** Milliseconds, memory in MiB; an entry per round, of `nothing` several. */
export interface Measured {
  /** An apply that makes services and the tables beside them. */
  readonly tables: readonly number[];
  /** One that makes all services, the tables being there. */
  readonly first: readonly number[];
  readonly ipvsadm: readonly number[];
  /** One that finds all as it left it. */
  readonly nothing: readonly number[];
  /** `ipvsadm -S -n`, which reads what such an apply would have to read if it read everything. */
  readonly listing: readonly number[];
  /** A plan that has nothing to do, which takes place on the host, too: how much slower the same work is here. */
  readonly plan: readonly number[];
  /** By how much the process has grown since it began. */
  readonly memory: readonly number[];
  /** What the kernel has for the services and their servers. */
  readonly kernelMemory: readonly number[];
}

const MAIN = fileURLToPath(new URL('./ipvs-apply-main.js', import.meta.url));
const SERVICES = 1000;
/** Of planning, which takes place here and not in the guest. */
const ROUNDS = 9;

export const options: BenchArguments = {
  kernel: { type: 'string', default: '6.1', choices: [...KERNELS], help: 'of the guest' },
};

export const run: BenchRun = async ({ quick, progress, values }) => {
  const kernel = KERNELS.find((one) => one === values['kernel'])!;
  const guest = await startGuest({ name: 'ipvs-apply', kernel, memory: 768 });
  try {
    progress(`${SERVICES} services in a guest on Linux ${kernel}`);
    const argv = [process.execPath, MAIN, String(SERVICES), quick ? '1' : '5'];
    const { code, stdout, stderr } = await guest.exec(argv, { deadline: 900_000 });
    if (code !== 0) throw new Error(stderr);
    const measured = JSON.parse(stdout) as Measured;
    const plans = Array.from({ length: ROUNDS }, () => timePlans(SERVICES));
    const planned = median(plans.map(({ nothing }) => nothing));
    const ipvsadm = { name: 'ipvsadm -R', value: median(measured.ipvsadm) };
    const goals = [
      atMost('plan, all services new', median(plans.map(({ first }) => first)), 'ms', 100),
      atMost('plan, nothing to do', planned, 'ms', 100),
      atMost('first apply, IPVS', median(measured.first), 'ms', ipvsadm.value, ipvsadm),
      figure('first apply, IPVS and tables', median(measured.tables), 'ms'),
      atMost('apply of no change', median(measured.nothing), 'ms', 200),
      figure('ipvsadm -S', median(measured.listing), 'ms'),
      figure('slowness of the guest, by a plan', median(measured.plan) / planned, 'times'),
      figure('memory of the process, growth', Math.max(...measured.memory), 'MiB'),
      figure('memory of the kernel per service', (median(measured.kernelMemory) * 1024) / SERVICES, 'KiB'),
    ];
    const samples = {
      ...measured,
      planFirst: plans.map(({ first }) => first),
      planNothing: plans.map((one) => one.nothing),
    };
    return { goals, samples };
  } finally {
    await guest.down();
  }
};
