/** Datagrams through a lab: servers that answer them, and a client that says who did. */
import { once } from 'node:events';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import type { LabNode } from '../runtimes/lab.ts';
import type { DatagramOptions, DatagramOutcome } from './datagrams-main.ts';

const PROGRAM = join(projectRoot, 'dist/lab/traffic/datagrams-main.js');
const LONGEST = 120_000;

/** Starts a server at addresses and ports (`203.0.113.10:53`) of a node; resolves once it listens. It ends with the lab. Throws LabError. */
export async function answerDatagrams(node: LabNode, endpoints: readonly string[]): Promise<void> {
  const argv = [process.execPath, PROGRAM, 'answer', node.name, ...endpoints];
  const child = node.spawn(argv, { stdio: ['ignore', 'pipe', 'inherit'], onHost: true });
  const ended = once(child, 'exit').then(([code]) => {
    throw new LabError(`the server of datagrams on ${node.name} ended with code ${code}`);
  });
  ended.catch(() => undefined);
  await Promise.race([once(child.stdout!, 'data'), ended]);
  child.unref();
  child.stdout!.destroy();
}

/** Asks from a node. Throws LabError when the program fails, which a datagram without an answer does not make it. */
export async function askByDatagrams(
  node: LabNode,
  question: Omit<DatagramOptions, 'patience'> & Partial<DatagramOptions>,
): Promise<readonly DatagramOutcome[]> {
  const options: DatagramOptions = { patience: 10_000, ...question };
  const words = [process.execPath, PROGRAM, 'ask', JSON.stringify(options)];
  const { code, stdout, stderr } = await node.exec(words, { deadline: LONGEST });
  if (code !== 0) throw new LabError(`the client of datagrams on ${node.name}: ${stderr.trim()}`);
  return JSON.parse(stdout) as DatagramOutcome[];
}
