/** A director that runs FRR, for benchmarks that start and stop its ospfd: zebra, and what it needs, runs all the time. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RouterKind } from '../lab/interop/cells.ts';
import { routerNode } from '../lab/topologies/generated.ts';

const DAEMONS = 'ospfd=no\nvtysh_enable=yes\nzebra_options="  -A 127.0.0.1 -s 90000000"\n';
const ZEBRA = 'hostname d\nlog stdout informational\n!\nline vty\n!\n';

/** Writes what the node binds beside its own files. */
export async function writeFrrDirector(folder: string): Promise<void> {
  await writeFile(join(folder, 'director.daemons'), DAEMONS);
  await writeFile(join(folder, 'director.frr.conf'), ZEBRA);
}

/** `configurations`: files of the same folder that are to be in `/etc/frr`, for ospfd's `-f`. */
export function frrDirector(kind: RouterKind, configurations: readonly string[], exec: readonly string[]) {
  const node = routerNode(kind, 'director.frr.conf', exec);
  const binds = node.binds.map((bind) =>
    bind.endsWith(':/etc/frr/daemons:ro') ? 'director.daemons:/etc/frr/daemons:ro' : bind,
  );
  return { ...node, binds: [...binds, ...configurations.map((file) => `${file}:/etc/frr/${file}:ro`)] };
}

/** Starts its ospfd with one of these configurations. */
export function ospfd(configuration: string): string[] {
  return ['/usr/lib/frr/ospfd', '-A', '127.0.0.1', '-f', `/etc/frr/${configuration}`];
}

/** Starts a BIRD that was installed with the node and is down. */
export const BIRD: readonly string[] = ['/usr/sbin/bird', '-f', '-c', '/etc/bird/bird.conf'];
