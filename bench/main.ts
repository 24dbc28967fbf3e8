/** `npm run bench -- NAME [--quick] [--json FILE] [--strict]`: runs one benchmark and prints its table. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type BenchArguments, type BenchResult, type BenchRun, formatResult, thisMachine } from './result.ts';

interface Bench {
  readonly run: BenchRun;
  readonly options?: BenchArguments;
}

/** By name; imported only when asked for, because some need root, an addon or the lab. */
const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  'ctnetlink-codec': () => import('./ctnetlink-codec.ts'),
  'dgram-ospf': () => import('./dgram-ospf.ts'),
  guests: () => import('./guests.ts'),
  hash: () => import('./hash.ts'),
  'ipvs-apply': () => import('./ipvs-apply.ts'),
  'miss-flood': () => import('./miss-flood.ts'),
  nftables: () => import('./nftables.ts'),
  'nftables-apply': () => import('./nftables-apply.ts'),
  'nftables-load': () => import('./nftables-load.ts'),
  'ospf-codec': () => import('./ospf-codec.ts'),
  'ospf-lsdb': () => import('./ospf-lsdb.ts'),
  'ospf-spf': () => import('./ospf-spf.ts'),
  'ospf-timings': () => import('./ospf-timings.ts'),
  sync: () => import('./sync.ts'),
  'sync-many': () => import('./sync-many.ts'),
  'sync-peers': () => import('./sync-peers.ts'),
  'sync-profile': () => import('./sync-profile.ts'),
  'sync-codec': () => import('./sync-codec.ts'),
};

const USAGE = `usage: npm run bench -- NAME [--quick] [--json FILE] [--strict]

  --quick      few repetitions, not for quoting
  --json FILE  write the result there as JSON
  --strict     exit 1 when a goal is missed

benchmarks: ${Object.keys(BENCHES).sort().join(', ')}`;

const COMMON = {
  quick: { type: 'boolean', default: false },
  json: { type: 'string' },
  strict: { type: 'boolean', default: false },
} as const;

/** Exit codes: 0 it ran, 1 it failed or (with --strict) missed a goal, 2 usage. */
async function main(argv: readonly string[]): Promise<number> {
  const name = argv.find((word) => Object.hasOwn(BENCHES, word));
  const bench = name === undefined ? undefined : await BENCHES[name]!();
  const usage = `${USAGE}\n${bench?.options === undefined ? '' : `\n${ownOptions(bench.options)}\n`}`;
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(usage);
    return 0;
  }
  const values = bench === undefined ? undefined : readArguments(argv, bench.options ?? {});
  if (name === undefined || bench === undefined || values === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  const { quick, json, strict, ...own } = values;
  const { notes, ...outcome } = await bench.run({
    quick: quick === true,
    values: own,
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  const command = `npm run bench -- ${argv.filter((word, at) => word !== '--json' && argv[at - 1] !== '--json').join(' ')}`;
  const result: BenchResult = { bench: name, command, machine: thisMachine(), ...outcome };
  for (const line of notes ?? []) process.stdout.write(`${line}\n`);
  process.stdout.write(`${formatResult(result)}\n`);
  if (typeof json === 'string') await writeFile(json, `${JSON.stringify(result, null, 2)}\n`);
  return strict === true && result.goals.some((goal) => goal.met === false) ? 1 : 0;
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

function readArguments(argv: readonly string[], own: BenchArguments): Values | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { ...COMMON, ...own },
    });
    const bad = Object.entries(own).find(([name, option]) => {
      return (
        option.type === 'string' && option.choices?.includes(String(values[name as keyof typeof values])) === false
      );
    });
    if (bad !== undefined) process.stderr.write(`--${bad[0]} is none of its choices\n`);
    return positionals.length === 1 && bad === undefined ? (values as Values) : undefined;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

function ownOptions(own: BenchArguments): string {
  const lines = Object.entries(own).map(([name, option]) => {
    const choices = option.type === 'string' && option.choices !== undefined ? option.choices.join(' | ') : '';
    const value = option.type === 'boolean' ? '' : ` ${choices || option.default}`;
    return `  --${name}${value}\n      ${option.help}`;
  });
  return lines.join('\n');
}

process.exitCode = await main(process.argv.slice(2));
