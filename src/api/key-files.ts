/** The key files that a cluster names: read, checked, and kept by name. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Fault } from '../core/base/fault.ts';
import { parseKeyFile } from '../core/config/key-file.ts';
import type { Cluster, RoutingAuthentication } from '../core/model/cluster.ts';
import type { KeyRing } from '../core/model/keys.ts';

export interface KeyFiles {
  /** By `ringName`. */
  readonly rings: ReadonlyMap<string, KeyRing>;
  /** Each names its file. */
  readonly faults: readonly Fault[];
  /** What an operator should mend, although everything works: a sentence each. */
  readonly warnings: readonly string[];
  /** Files that are not there; faults as well. */
  readonly missing: readonly string[];
}

/** One file may serve interfaces of several algorithms. */
export function ringName({ algorithm, keys }: RoutingAuthentication): string {
  return `${algorithm} ${keys}`;
}

interface Read extends KeyFiles {
  readonly rings: Map<string, KeyRing>;
  readonly faults: Fault[];
  readonly warnings: string[];
  readonly missing: string[];
}

/** `clusterPath`: the cluster file, whose folder relative names of key files start from. Never throws. */
export async function readKeyFiles(cluster: Cluster, clusterPath: string): Promise<KeyFiles> {
  const read: Read = { rings: new Map(), faults: [], warnings: [], missing: [] };
  const wanted = cluster.routing.instances.flatMap(({ interfaces }) => interfaces.flatMap(({ auth }) => auth ?? []));
  for (const auth of new Map(wanted.map((one) => [ringName(one), one])).values()) {
    await readOne(auth, resolve(dirname(clusterPath), auth.keys), read);
  }
  return read;
}

async function readOne(auth: RoutingAuthentication, file: string, read: Read): Promise<void> {
  const { text, faults, warnings, missing } = await readKeyText(file);
  read.warnings.push(...warnings);
  if (missing) read.missing.push(file);
  read.faults.push(...faults);
  if (text === undefined) return;
  const parsed = parseKeyFile(text, auth.algorithm);
  if ('faults' in parsed) read.faults.push(...parsed.faults.map((fault) => ({ file, ...fault })));
  else read.rings.set(ringName(auth), parsed.keys);
}

/** The text of one file of keys, or why there is none. */
export interface KeyText {
  readonly text: string | undefined;
  /** Each names the file. */
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
  /** The file is not there; a fault as well. */
  readonly missing: boolean;
}

/** Reads a file of keys, and looks at who else may read it. Never throws. */
export async function readKeyText(file: string): Promise<KeyText> {
  try {
    const text = await readFile(file, 'utf8');
    const { mode } = await stat(file);
    if ((mode & LOOSE) === 0) return { text, faults: [], warnings: [], missing: false };
    const octal = (mode & 0o777).toString(8).padStart(4, '0');
    const warning = `${file} has mode ${octal}: its keys are not for everybody; chmod 600 (or 640) it`;
    return { text, faults: [], warnings: [warning], missing: false };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const fault = { file, line: 1, column: 1, path: '', message: `cannot be read: ${code}` };
    return { text: undefined, faults: [fault], warnings: [], missing: code === 'ENOENT' };
  }
}

/** Readable by others, or writable by the group. */
const LOOSE = 0o027;

/** What changed in the files, a line each: `keys /etc/sluice/ospf.keys (md5): key 3 added`. Says nothing of the secrets. */
export function describeKeyChanges(
  before: ReadonlyMap<string, KeyRing>,
  after: ReadonlyMap<string, KeyRing>,
): string[] {
  return [...after].flatMap(([name, ring]) => {
    const old = before.get(name);
    return old === undefined ? [] : changesOf(name, old, ring);
  });
}

function changesOf(name: string, before: KeyRing, after: KeyRing): string[] {
  const [algorithm, ...file] = name.split(' ');
  const say = (id: number, what: string) => `keys ${file.join(' ')} (${algorithm}): key ${id} ${what}`;
  const [a, b] = [before, after].map((ring) => new Map(ring.map((key) => [key.id, key])));
  const removed = [...a!.keys()].filter((id) => !b!.has(id)).map((id) => say(id, 'removed'));
  const others = [...b!.values()].flatMap((key) => {
    const old = a!.get(key.id);
    if (old === undefined) return say(key.id, 'added');
    if (!old.secret.equals(key.secret)) return say(key.id, 'has another secret');
    // Secrets print alike, so what differs is the rest.
    return JSON.stringify(old) === JSON.stringify(key) ? [] : say(key.id, 'has other terms');
  });
  return [...removed, ...others];
}
