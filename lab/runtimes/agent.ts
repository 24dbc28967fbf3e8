/** Starts and stops the agent of a director in its namespace, as the built product. */
import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlClient } from '../../src/api/client.ts';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import { logFile, logTail } from './daemons.ts';
import type { AgentOptions, StopSignal } from './lab.ts';
import type { NetnsNode } from './netns-node.ts';
import { processStart } from './run-state.ts';
import { until } from './wait.ts';

const ANSWERS_WITHIN = 15_000;
/** Longer than any drain deadline that a lab's cluster file gives. */
const GONE_WITHIN = 60_000;

/** Returns the agent's process id once its control socket answers. Throws a LabError with its last log lines if not. */
export async function startAgent(
  node: NetnsNode,
  config: string,
  api: ControlClient,
  { under = [], nodeOptions = [] }: AgentOptions,
): Promise<number> {
  const log = openSync(logFile(node), 'a');
  const folders = ['--run-dir', join(node.folder, 'run'), '--state-dir', join(node.folder, 'state')];
  const sluice = [...under, process.execPath, ...nodeOptions, program()];
  const child = node.start([...sluice, 'agent', '--config', config, '--name', node.name, ...folders], {
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  child.unref();
  const { pid } = child;
  if (pid === undefined) throw new LabError(`cannot start the agent of ${node.name}`);
  const answers = async () => {
    if (child.exitCode !== null || child.signalCode !== null) throw new LabError('it ended at once');
    return api.get('/v1/status').then(
      () => true,
      () => false,
    );
  };
  await until('its control socket to answer', ANSWERS_WITHIN, answers).catch(async (cause: Error) => {
    if (processStart(pid) !== undefined) process.kill(pid, 'SIGKILL');
    throw new LabError(`agent of ${node.name}: ${cause.message}\n${await logTail(node)}`, { cause });
  });
  return pid;
}

/** The built program. Throws a LabError when it is older than what it was made from. */
function program(): string {
  const path = join(projectRoot, PROGRAM);
  const written = (file: string) => statSync(join(projectRoot, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (COMPILED.every((file) => written(file) <= written(PROGRAM)) && existsSync(path)) return path;
  throw new LabError('the program is older than what the compiler wrote: npm run build');
}

const PROGRAM = 'dist/bundle/bin/sluice.js';
/** Written by tsc with every change of the product's modules. */
const COMPILED = ['dist/core.tsbuildinfo', 'dist/src.tsbuildinfo'] as const;

export async function stopAgent(name: string, pid: number, signal: StopSignal): Promise<void> {
  if (processStart(pid) === undefined) return;
  process.kill(pid, signal);
  await until(`the agent of ${name} to end after ${signal}`, GONE_WITHIN, () => processStart(pid) === undefined);
}
