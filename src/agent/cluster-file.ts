/** The cluster file on disk, with its key files: its text, its hash, and what it says for this director. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { readClusterKeys } from '../api/cluster-keys.ts';
import { readKeyFiles } from '../api/key-files.ts';
import type { Fault } from '../core/base/fault.ts';
import { parseCluster } from '../core/config/parse.ts';
import type { Cluster, Director } from '../core/model/cluster.ts';
import type { KeyRing } from '../core/model/keys.ts';
import type { SyncKeyRing } from '../core/model/sync-keys.ts';

export interface LoadedCluster {
  readonly cluster: Cluster;
  readonly director: Director;
  /** SHA-256 of the file's bytes, hexadecimal. */
  readonly hash: string;
  /** The keys of the interfaces, by `ringName`. */
  readonly keyRings: ReadonlyMap<string, KeyRing>;
  /** The keys of connection sync; undefined where nothing is synced. */
  readonly syncKeys: SyncKeyRing | undefined;
  /** What an operator should mend, although the files are in force. */
  readonly warnings: readonly string[];
}

export type Loaded = LoadedCluster | { readonly faults: readonly Fault[] };

/**
 * Reads and checks the file, and the key files that it names, for the director of this name. A file that cannot be read is a
 * fault of the file as a whole.
 */
export async function loadCluster(path: string, name: string): Promise<Loaded> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return { faults: [wholeFile(`cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`)] };
  }
  const parsed = parseCluster(text);
  if ('faults' in parsed) return parsed;
  const { cluster } = parsed;
  const director = cluster.directors.find((one) => one.name === name);
  if (director === undefined) {
    const names = cluster.directors.map((one) => one.name).join(', ');
    return { faults: [{ ...wholeFile(`there is no director ${name}`, 'directors'), hint: `there are: ${names}` }] };
  }
  const routing = await readKeyFiles(cluster, path);
  const sync = cluster.keys === undefined ? undefined : await readClusterKeys(resolve(dirname(path), cluster.keys));
  const faults = [...routing.faults, ...(sync?.faults ?? [])];
  if (faults.length > 0) return { faults };
  const hash = createHash('sha256').update(text).digest('hex');
  const warnings = [...routing.warnings, ...(sync?.warnings ?? [])];
  return { cluster, director, hash, keyRings: routing.rings, syncKeys: sync?.ring, warnings };
}

function wholeFile(message: string, path = ''): Fault {
  return { line: 1, column: 1, path, message };
}
