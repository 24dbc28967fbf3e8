/** `npm run bench -- NAME [--quick] [--json FILE] [--strict]`: runs one benchmark and prints its table. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type BenchResult, type BenchRun, formatResult, thisMachine } from './result.ts';

/** By name; imported only when asked for, because some need root, an addon or the lab. */
const BENCHES: Readonly<Record<string, () => Promise<{ readonly run: BenchRun }>>> = {
  'dgram-ospf': () => import('./dgram-ospf.ts'),
  hash: () => import('./hash.ts'),
  'nftables-apply': () => import('./nftables-apply.ts'),
  'ospf-codec': () => import('./ospf-codec.ts'),
  'ospf-timings': () => import('./ospf-timings.ts'),
};

const USAGE = `usage: npm run bench -- NAME [--quick] [--json FILE] [--strict]

  --quick      few repetitions, not for quoting
  --json FILE  write the result there as JSON
  --strict     exit 1 when a goal is missed

benchmarks: ${Object.keys(BENCHES).sort().join(', ')}`;

/** Exit codes: 0 it ran, 1 it failed or (with --strict) missed a goal, 2 usage. */
async function main(argv: readonly string[]): Promise<number> {
  const options = readArguments(argv);
  if (options === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const { name, quick, json, strict } = options;
  const { run } = await BENCHES[name]!();
  const outcome = await run({ quick, progress: (line) => process.stderr.write(`${line}\n`) });
  const command = `npm run bench -- ${name}${quick ? ' --quick' : ''}`;
  const result: BenchResult = { bench: name, command, machine: thisMachine(), ...outcome };
  process.stdout.write(`${formatResult(result)}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(result, null, 2)}\n`);
  return strict && result.goals.some((goal) => goal.met === false) ? 1 : 0;
}

interface Arguments {
  readonly name: string;
  readonly quick: boolean;
  readonly json: string | undefined;
  readonly strict: boolean;
}

function readArguments(argv: readonly string[]): Arguments | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        strict: { type: 'boolean', default: false },
      },
    });
    const name = positionals[0];
    if (name === undefined || positionals.length > 1 || !Object.hasOwn(BENCHES, name)) return undefined;
    return { name, quick: values.quick, json: values.json, strict: values.strict };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

process.exitCode = await main(process.argv.slice(2));
