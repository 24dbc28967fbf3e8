/**
 * How a program comes into a root folder: chroot, with the node's own `/run`, `/tmp`, `/srv` and `/var/log` and the binds of
 * the topology. It needs a mount namespace of its own, so that there is nothing to unmount; the root folder's files are
 * shared by all nodes and never written to.
 */
import { existsSync } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LabError } from '../lab-error.ts';
import type { Bind } from './topology.ts';

const OWN_FOLDERS = { run: '/run', tmp: '/tmp', srv: '/srv', log: '/var/log' } as const;

/** Arguments: host name, root folder, then (option, source, destination) per bind, `--`, the program. */
const ENTER = `
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
echo "$1" > /proc/sys/kernel/hostname
root=$2
shift 2
for tree in dev proc sys; do mount --rbind "/$tree" "$root/$tree"; done
while [ "$1" != -- ]; do mount --bind -o "$1" "$2" "$root$3"; shift 3; done
shift
exec chroot "$root" "$@"
`;

/**
 * FRR keeps notes, too: an ospfd 10 that finds those of another one waits for the end of a graceful restart that nobody began, and
 * originates nothing.
 */
function ownFolders(root: string | undefined): Readonly<Record<string, string>> {
  const hasFrr = root !== undefined && existsSync(join(root, 'var/lib/frr'));
  return hasFrr ? { ...OWN_FOLDERS, [FRR_STATE]: '/var/lib/frr' } : OWN_FOLDERS;
}

/** Of a node's folder: what FRR keeps. */
export const FRR_STATE = 'frr-state';

interface Place {
  readonly name: string;
  readonly folder: string;
}

/** Makes a node's folders and, in `root`, places to mount the binds on. */
export async function prepareFolders(folder: string, root: string | undefined, binds: readonly Bind[]): Promise<void> {
  for (const name of Object.keys(ownFolders(root))) await mkdir(join(folder, name), { recursive: true });
  if (root === undefined) return;
  for (const { source, destination } of binds) await makeMountPoint(source, join(root, destination));
}

/** The command that runs `argv` in `root`, where the mount namespace is private already. */
export function enterRoot(
  { name, folder }: Place,
  root: string,
  binds: readonly Bind[],
  argv: readonly string[],
): string[] {
  const own = Object.entries(ownFolders(root)).flatMap(([sub, path]) => ['rw', join(folder, sub), path]);
  const given = binds.flatMap((bind) => [bind.readOnly ? 'ro' : 'rw', bind.source, bind.destination]);
  return ['/bin/sh', '-c', ENTER, 'enter', name, root, ...own, ...given, '--', ...argv];
}

async function makeMountPoint(source: string, place: string): Promise<void> {
  const found = await stat(source).catch(() => undefined);
  if (found === undefined) throw new LabError(`a bind of the topology names ${source}, which does not exist`);
  if (found.isDirectory()) {
    await mkdir(place, { recursive: true });
    return;
  }
  await mkdir(dirname(place), { recursive: true });
  // 'a' makes the file where it is missing and leaves it alone where it is not.
  await writeFile(place, '', { flag: 'a' });
}
