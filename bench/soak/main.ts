/** `npm run soak -- NAME [--quick] [--seed N] [--json FILE]`: one long run, judged by its claims. */
import { parseArgs } from 'node:util';
import { machineText, writeResult } from '../../lab/report/result.ts';
import type { SoakRun } from './soak.ts';

/** By name; imported only when asked for. */
const SOAKS: Readonly<Record<string, () => Promise<{ readonly run: SoakRun }>>> = {
  'ipvs-pasts': () => import('./ipvs-pasts.ts'),
  'nft-rewrite': () => import('./nft-rewrite.ts'),
  'ospf-day': () => import('./ospf-day.ts'),
  'ospf-fuzz': () => import('./ospf-fuzz.ts'),
  'ospf-stall': () => import('./ospf-stall.ts'),
  'sync-million': () => import('./sync-million.ts'),
  'sync-model': () => import('./sync-model.ts'),
  'sync-security': () => import('./sync-security.ts'),
  'sync-frames': () => import('./sync-frames.ts'),
};

const USAGE = `usage: npm run soak -- NAME [--quick] [--seed N] [--json FILE]

  --quick      a reduced size, not for quoting
  --seed N     seeds whatever is random (default 1); the same seed repeats a run
  --json FILE  write claims and samples

soaks: ${Object.keys(SOAKS).sort().join(', ')}`;

/** Exit codes: 0 every claim was met, 1 one was not, 2 usage. */
async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    console.log(USAGE);
    return 0;
  }
  const options = readArguments(argv);
  if (options === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const { name, quick, seed, json } = options;
  const { run } = await SOAKS[name]!();
  const { claims, samples } = await run({ quick, seed, progress: (line) => process.stderr.write(`  ${line}\n`) });
  for (const { met, name: claim, value, unit, goal } of claims) {
    console.log(`  ${met ? 'met    ' : 'NOT MET'}  ${claim}: ${value}${unit && ` ${unit}`} (goal ${goal})`);
  }
  const command = `npm run soak -- ${argv.join(' ')}`;
  if (json !== undefined) writeResult(json, { bench: name, command, machine: machineText(), claims, samples });
  return claims.every(({ met }) => met) ? 0 : 1;
}

interface Arguments {
  readonly name: string;
  readonly quick: boolean;
  readonly seed: number;
  readonly json: string | undefined;
}

function readArguments(argv: readonly string[]): Arguments | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        seed: { type: 'string', default: '1' },
        json: { type: 'string' },
      },
    });
    const [name, ...rest] = positionals;
    const seed = Number(values.seed);
    if (name === undefined || rest.length > 0 || !Object.hasOwn(SOAKS, name)) return undefined;
    if (!Number.isInteger(seed) || seed < 0) return undefined;
    return { name, quick: values.quick, seed, json: values.json };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

process.exitCode = await main(process.argv.slice(2));
