/** Mirrors on the real servers of a lab, for `bulk` connections. They end with the lab. */
import { once } from 'node:events';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import type { Lab, LabNode } from '../runtimes/lab.ts';
import type { MirrorArguments } from './mirror-main.ts';
import { MIRROR_PORT } from './options.ts';

const PROGRAM = join(projectRoot, 'dist/lab/traffic/mirror-main.js');

/** Starts one on each real server; resolves once all listen. Throws LabError. */
export async function startMirrors(lab: Lab): Promise<void> {
  await Promise.all(lab.byRole('server').map(startMirror));
}

async function startMirror(node: LabNode): Promise<void> {
  const words: MirrorArguments = [node.name, String(MIRROR_PORT)];
  const argv = [process.execPath, PROGRAM, ...words];
  const child = node.spawn(argv, { stdio: ['ignore', 'pipe', 'inherit'], onHost: true });
  const ended = once(child, 'exit').then(([code]) => {
    throw new LabError(`the mirror on ${node.name} ended with code ${code}`);
  });
  ended.catch(() => undefined);
  await Promise.race([once(child.stdout!, 'data'), ended]);
  child.unref();
  child.stdout!.destroy();
}
