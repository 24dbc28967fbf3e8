/**
 * `npm run lab -- COMMAND`: works the lab by hand, or plays a scenario in a lab of its own.
 *
 * Exit codes as the product's: 0 done, 1 a claim of the scenario was not met, 2 usage or something missing; `exec` gives
 * the code of the program that it ran.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { LabError } from './lab-error.ts';
import { projectRoot } from './project.ts';
import { machineText, NO_GOAL, type ResultDocument, readSamples, writeResult } from './report/result.ts';
import { type FrrRelease, KERNELS, RUNTIMES } from './runtimes/lab.ts';
import { attach, runningLabs, up } from './runtimes/runtime.ts';
import { type Machines, playScenario, refuseOther } from './scenarios/play.ts';
import { findScenario, findSeries, SCENARIOS, SERIES } from './scenarios/registry.ts';
import type { ScenarioResult, Series } from './scenarios/scenario.ts';

const EXAMPLES = `
Examples:
  npm run lab -- list
  npm run lab -- up ecmp-3                 start it and leave it running
  npm run lab -- exec r1 vtysh -c 'show ip ospf neighbor'
  npm run lab -- exec client curl -s http://203.0.113.10/healthz
  npm run lab -- down
  npm run lab -- run crash --json crash.json
  npm run lab -- run crash --runtime qemu --kernel 6.12
  npm run lab -- run ospf-interop --only 'frr-10 nbma' --json interop.json
  npm run lab -- run all --quick --speaker frr --frr 8.4 --router 8.4 --json all.json --resume
`;

const RELEASES: readonly FrrRelease[] = ['8.4', '10.3'];

const tell = (text: string) => console.error(`  ${text}`);

async function list(): Promise<void> {
  const files = await readdir(join(projectRoot, 'lab/topologies'));
  const topologies = files
    .filter((name) => name.endsWith('.clab.yml'))
    .map((name) => name.slice(0, -'.clab.yml'.length));
  console.log(`Topologies: ${topologies.join(', ')}\n\nScenarios:`);
  for (const { name, claim } of [...SCENARIOS, ...SERIES]) console.log(`  ${name.padEnd(16)} ${claim}`);
  const running = await runningLabs();
  console.log(running.length === 0 ? '\nNo lab is up.' : '\nUp:');
  for (const { runId, topology } of running) console.log(`  ${runId}  ${topology}`);
}

interface UpOptions extends Machines {
  readonly directors?: string;
}

async function bringUp(topology: string, { directors, ...options }: UpOptions): Promise<void> {
  const chosen = directors === undefined ? {} : { directors: directors.split(',').filter((name) => name !== 'none') };
  const lab = await up(topology, { ...options, ...chosen, progress: tell });
  await lab.keep();
  console.log(`lab ${lab.runId} is up; logs in ${lab.dir}`);
  for (const node of lab.nodes.values()) console.log(`  ${node.name.padEnd(8)} ${node.role.padEnd(9)} ${node.netns}`);
}

async function takeDown(runId: string | undefined): Promise<void> {
  const lab = await attach(runId);
  await lab.down();
  console.log(`lab ${lab.runId} is down`);
}

async function execute(node: string, argv: readonly string[], options: { readonly lab?: string }): Promise<void> {
  const lab = await attach(options.lab);
  const child = lab.node(node).spawn(argv, { stdio: 'inherit' });
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

interface RunOptions extends Machines {
  readonly json?: string;
  readonly only?: string;
  readonly parallel: string;
  readonly resume?: true;
  readonly quick?: true;
}

async function run(name: string, options: RunOptions): Promise<void> {
  const [scenario, series] = [findScenario(name), findSeries(name)];
  const found = scenario ?? series;
  if (found === undefined) {
    throw new LabError(
      `no scenario ${name}; there are: ${[...SCENARIOS, ...SERIES].map((one) => one.name).join(', ')}`,
    );
  }
  console.log(`${found.name}: ${found.claim}`);
  refuseOther(found, options);
  const { runtime, kernel, speaker, frr, router } = options;
  const machines = { runtime, kernel, speaker, frr, router };
  const result = series
    ? await playSeries(series, options)
    : await playScenario(scenario!, machines, { progress: tell });
  for (const line of result.lines ?? []) console.log(`  ${line}`);
  for (const { met, name: claim, value, unit, goal } of result.claims) {
    const mark = goal === NO_GOAL ? '       ' : met ? 'met    ' : 'NOT MET';
    console.log(`  ${mark}  ${claim}: ${value}${unit && ` ${unit}`}${goal === NO_GOAL ? '' : ` (goal ${goal})`}`);
  }
  if (options.json !== undefined) writeResult(options.json, document(found.name, result));
  if (result.claims.some((claim) => !claim.met)) process.exitCode = 1;
}

async function playSeries(
  series: Series,
  { only = '', parallel, json, resume, quick, kernel, speaker, frr, router }: RunOptions,
): Promise<ScenarioResult> {
  if (resume && json === undefined) throw new LabError('--resume needs --json FILE, the file to go on from');
  const width = Number(parallel);
  if (!Number.isInteger(width) || width < 1) throw new LabError(`--parallel ${parallel}: a count of labs, 1 or more`);
  return series.play({
    progress: tell,
    only: only.split(/\s+/).filter((word) => word !== ''),
    parallel: width,
    quick: quick === true,
    who: { speaker, frr, router },
    kernel,
    earlier: resume && json !== undefined ? readSamples(json) : undefined,
    onPart: (part) => {
      if (json !== undefined) writeResult(json, document(series.name, part));
    },
  });
}

function document(name: string, { claims, samples }: ScenarioResult): ResultDocument {
  const command = `npm run lab -- ${process.argv.slice(2).join(' ')}`;
  return { bench: name, command, machine: machineText(), claims, samples };
}

function program(): Command {
  const lab = new Command('lab').description('works the lab').addHelpText('after', EXAMPLES);
  lab.exitOverride().enablePositionalOptions();
  const speaker = new Option('--speaker <name>', 'who announces on directors: the agent itself, or an FRR beside it');
  const frr = new Option('--frr <release>', 'of the directors’ FRR (default: 10.3)').choices(RELEASES);
  const router = new Option('--router <release>', 'of the routers’ FRR (default: the topology’s)').choices(RELEASES);
  const who = (command: Command) =>
    command
      .addOption(speaker.choices(['ospf', 'frr']))
      .addOption(frr)
      .addOption(router);
  const runtime = new Option(
    '--runtime <name>',
    'what directors are: namespaces, or guests with a kernel of their own',
  );
  runtime.choices(RUNTIMES).default('netns');
  const kernel = new Option('--kernel <version>', 'of guests: that of Debian 12 or of Debian 13');
  kernel.choices(KERNELS).default('6.1');
  lab.command('list').description('topologies, scenarios and the labs that are up').action(list);
  who(lab.command('up'))
    .description('build a topology, start it and leave it running')
    .argument('[topology]', 'name or file', 'ecmp-3')
    .addOption(runtime)
    .addOption(kernel)
    .option('--directors <names>', 'start these agents, separated by commas, or "none"; default: all but the spare')
    .action(bringUp);
  lab
    .command('down')
    .description('end a running lab')
    .argument('[run]', 'its id, where several are up')
    .action(takeDown);
  lab
    .command('exec')
    .description('run a program in a node')
    .argument('<node>')
    .argument('<command...>')
    .option('--lab <run>', 'the lab, where several are up')
    .passThroughOptions()
    .action(execute);
  who(lab.command('run'))
    .description('play a scenario in a lab of its own and say whether its claim holds')
    .argument('<scenario>')
    .addOption(runtime)
    .addOption(kernel)
    .option('--json <file>', 'write claims and samples')
    .option('--only <words>', 'of a series: play those whose names hold all these words')
    .option('--parallel <count>', 'of a series: labs that may be up at the same time', '4')
    .option('--quick', 'of a series: fewer connections, where that is enough for a first look')
    .option('--resume', 'of a series: do not play again what held in the file of --json')
    .action(run);
  return lab;
}

try {
  await program().parseAsync();
} catch (cause) {
  if (cause instanceof CommanderError) process.exitCode = cause.exitCode === 0 ? 0 : 2;
  else if (cause instanceof LabError) {
    console.error(cause.message);
    process.exitCode = 2;
  } else throw cause;
}
