/**
 * Entry of `npm test` and `npm run demo|lab|bench|soak|sluice`: makes ready what the command needs, says what it does,
 * skips what is there already, and hands over.
 *
 * Plain JavaScript without dependencies, because it runs before `npm ci`. Exit code 2 means that something is missing
 * that it may not or cannot install; the text says what.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installMissing, LAB_PROGRAMS } from './apt.mjs';
import { checkAddons, compile, installDependencies } from './build.mjs';
import { checkKernel } from './kernel.mjs';
import { Stop, say } from './report.mjs';
import { checkRequirements } from './requirements.mjs';
import { buildRoots } from './roots.mjs';
import { handOver, root } from './run.mjs';
import { runTests } from './test.mjs';

/**
 * `entry`: the compiled file that is handed over to. `namespaces`: it builds a lab, and so needs root and all the rest;
 * without, it needs to be compiled and nothing else.
 *
 * @type {Record<string, { namespaces: boolean, entry?: string, start?: (args: string[]) => Promise<number> }>}
 */
const COMMANDS = {
  test: { namespaces: true, start: runTests },
  demo: { namespaces: true, entry: 'dist/lab/demo/main.js' },
  lab: { namespaces: true, entry: 'dist/lab/cli.js' },
  bench: { namespaces: true, entry: 'dist/bench/main.js' },
  soak: { namespaces: true, entry: 'dist/bench/soak/main.js' },
  sluice: { namespaces: false, entry: 'dist/bundle/bin/sluice.js' },
};

function start(entry, args) {
  return handOver([process.execPath, join(root, entry), ...args]);
}

async function prepare(name, { namespaces, entry }) {
  checkRequirements(name, { namespaces });
  await installDependencies();
  // The product's own command line starts at once when it is built; what uses the lab runs what the sources say now.
  if (namespaces || entry === undefined || !existsSync(join(root, entry))) await compile();
  if (!namespaces) return;
  await checkAddons();
  await installMissing(LAB_PROGRAMS);
  await checkKernel();
  await buildRoots();
}

async function main([name, ...args]) {
  const command = COMMANDS[name];
  if (command === undefined) throw new Stop(`usage: main.mjs ${Object.keys(COMMANDS).join('|')} [ARGUMENTS]`);
  const onlyHelp = args.includes('--help') || args.includes('-h');
  await prepare(name, onlyHelp ? { ...command, namespaces: false } : command);
  return command.start?.(args) ?? start(command.entry, args);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (cause) {
  if (!(cause instanceof Stop)) throw cause;
  say(cause.message);
  process.exitCode = cause.code;
}
