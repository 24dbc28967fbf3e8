import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { LabError } from '../lab-error.ts';
import type { Capture } from './lab.ts';
import { until } from './wait.ts';

/** A namespace that programs of a root folder are started in. */
interface CapturedNode {
  readonly name: string;
  startIn(root: string, argv: readonly string[], options: SpawnOptions): ChildProcess;
}

/** tcpdump of the tools root in the node's namespace, written to a file on the host. Resolves once it listens. */
export async function startCapture(
  node: CapturedNode,
  iface: string,
  file: string,
  tools: string,
  filter: string,
): Promise<Capture> {
  const output = openSync(file, 'w');
  const argv = ['tcpdump', '-i', iface, '-U', '--immediate-mode', '-Z', 'root', '-w', '-', filter];
  const child = node.startIn(tools, argv, { stdio: ['ignore', output, 'pipe'] });
  closeSync(output);
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  await until(`tcpdump on ${node.name} ${iface}`, 10_000, () => {
    if (child.exitCode !== null) throw new LabError(`tcpdump on ${node.name} ${iface}: ${said.trim()}`);
    return said.includes('listening on');
  });
  return {
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
