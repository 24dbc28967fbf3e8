/** Starts and stops the agent of a director in its namespace, as the built product. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlClient } from '../../src/api/client.ts';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import type { BuiltNode } from './built-node.ts';
import type { AgentOptions, StopSignal } from './lab.ts';
import { logTail } from './node-log.ts';
import { until } from './wait.ts';

/** Of an agent in a guest on a machine that is busy otherwise; elsewhere it takes a second. */
const ANSWERS_WITHIN = 120_000;
const ENDED = 'it ended at once';
/** Longer than any drain deadline that a lab's cluster file gives. */
const GONE_WITHIN = 60_000;

/** Returns the agent's process id once its control socket answers. Throws a LabError with its last log lines if not. */
export async function startAgent(
  node: BuiltNode,
  config: string,
  api: ControlClient,
  { under = [], nodeOptions = [] }: AgentOptions,
): Promise<number> {
  const folders = ['--run-dir', node.runDir, '--state-dir', join(node.folder, 'state')];
  const sluice = [...under, process.execPath, ...node.nodeOptions, ...nodeOptions, program()];
  const pid = await node.daemon([...sluice, 'agent', '--config', config, '--name', node.name, ...folders]);
  const answers = async () => {
    const status = await api.get('/v1/status').catch(() => undefined);
    if (status === undefined && !(await node.running(pid))) throw new LabError(ENDED);
    return status;
  };
  const started = async () => {
    const socket = join(node.runDir, `${node.name}.sock`);
    if (!(await node.hasMade(pid, socket, ANSWERS_WITHIN))) throw new LabError(ENDED);
    await until('its control socket to answer', ANSWERS_WITHIN, answers);
  };
  await started().catch(async (cause: Error) => {
    if (await node.running(pid)) await node.signal(pid, 'SIGKILL');
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

export async function stopAgent(node: BuiltNode, pid: number, signal: StopSignal): Promise<void> {
  if (!(await node.running(pid))) return;
  await node.signal(pid, signal);
  await until(`the agent of ${node.name} to end after ${signal}`, GONE_WITHIN, async () => !(await node.running(pid)));
}
