/**
 * The key file of the sync channel: read for an agent, made and rotated for an operator. What it says is judged in
 * core/config/cluster-keys.ts; here are the file, its mode and the randomness.
 */
import { createHash, randomBytes } from 'node:crypto';
import { chown, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import type { Fault } from '../core/base/fault.ts';
import { clusterKeyLine, parseClusterKeys, type RotationStep, rotateClusterKeys } from '../core/config/cluster-keys.ts';
import type { SyncKey, SyncKeyRing } from '../core/model/sync-keys.ts';
import { readKeyText } from './key-files.ts';

export type { RotationStep } from '../core/config/cluster-keys.ts';

export interface ClusterKeys {
  /** Undefined when there are faults. */
  readonly ring: SyncKeyRing | undefined;
  /** Each names its file. */
  readonly faults: readonly Fault[];
  /** What an operator should mend, although everything works: a sentence each. */
  readonly warnings: readonly string[];
  /** The file is not there; a fault as well. */
  readonly missing: boolean;
}

/** Reads the ring of a file. Never throws. */
export async function readClusterKeys(file: string): Promise<ClusterKeys> {
  const { text, faults, warnings, missing } = await readKeyText(file);
  if (text === undefined) return { ring: undefined, faults, warnings, missing };
  const parsed = parseClusterKeys(text);
  if ('ring' in parsed) return { ring: parsed.ring, faults, warnings, missing };
  return { ring: undefined, faults: parsed.faults.map((fault) => ({ file, ...fault })), warnings, missing };
}

/** What changed, a line each: `keys /etc/sluice/cluster.keys: key 2 opens streams now`. Says nothing of the secrets. */
export function describeClusterKeyChanges(file: string, before: SyncKeyRing, after: SyncKeyRing): string[] {
  const say = (id: string, what: string) => `keys ${file}: key ${id} ${what}`;
  const [a, b] = [before, after].map((ring) => new Map(ring.map((key) => [key.id, key])));
  const removed = [...a!.keys()].filter((id) => !b!.has(id)).map((id) => say(id, 'removed'));
  const others = [...b!.values()].flatMap((key) => {
    const old = a!.get(key.id);
    if (old === undefined) return say(key.id, key.acceptOnly ? 'added, accept-only' : 'added, and opens streams');
    if (!old.secret.equals(key.secret)) return say(key.id, 'has another secret');
    if (old.acceptOnly === key.acceptOnly) return [];
    return say(key.id, key.acceptOnly ? 'is accept-only now' : 'opens streams now');
  });
  return [...removed, ...others];
}

/** A key as an operator sees it. */
export interface ClusterKeyDocument {
  readonly id: string;
  /** Whether this director opens streams with it, or only lets others in. */
  readonly role: 'active' | 'accept-only';
  readonly bits: number;
  /** The same on every director that has the same key; does not lead back to it. */
  readonly fingerprint: string;
}

export interface ShownKeys {
  readonly keys: readonly ClusterKeyDocument[];
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
  readonly missing: boolean;
}

/** What is in a file, without the secrets. Never throws. */
export async function showClusterKeys(file: string): Promise<ShownKeys> {
  const { ring, ...rest } = await readClusterKeys(file);
  return { keys: documentsOf(ring ?? []), ...rest };
}

function documentsOf(ring: SyncKeyRing): ClusterKeyDocument[] {
  return ring.map((key) => ({
    id: key.id,
    role: key.acceptOnly ? 'accept-only' : 'active',
    bits: key.secret.length * 8,
    fingerprint: fingerprint(key),
  }));
}

/** 64 bits, in groups of four hexadecimal digits. */
function fingerprint({ secret }: SyncKey): string {
  const digest = createHash('sha256').update('sluice cluster key\0').update(secret.reveal()).digest('hex');
  return digest.slice(0, 16).replaceAll(/(.{4})(?=.)/g, '$1:');
}

const HEAD = `# Keys of the sync channel: ID HEX [accept-only], the oldest first. Every director has the same file.
# Who has a key can speak for any director of the cluster: mode 0600, and no copy elsewhere.
`;

/**
 * Writes a new file with one key, readable by its owner only.
 *
 * @throws an error with Node's `code`: EEXIST when there is such a file
 */
export async function makeClusterKeys(file: string): Promise<readonly ClusterKeyDocument[]> {
  const text = `${HEAD}${clusterKeyLine('1', newSecret(), false)}\n`;
  await writeDurably(file, text, 0o600);
  return documentsOf(ringOf(text));
}

export interface RotatedKeys {
  readonly done: RotationStep;
  /** As they are now in the file. */
  readonly keys: readonly ClusterKeyDocument[];
}

/**
 * Puts the next step of a rotation into the file, whole or not at all; its mode and owner stay.
 *
 * @throws an error with Node's `code` when the file cannot be read or written
 */
export async function rotateClusterKeyFile(path: string): Promise<RotatedKeys | { readonly faults: readonly Fault[] }> {
  // A link stays one.
  const file = await realpath(path);
  const rotation = rotateClusterKeys(await readFile(file, 'utf8'), newSecret());
  if ('faults' in rotation) return { faults: rotation.faults.map((fault) => ({ file: path, ...fault })) };
  const { mode, uid, gid } = await stat(file);
  const beside = `${file}.new`;
  await rm(beside, { force: true });
  try {
    await writeDurably(beside, rotation.text, mode & 0o777);
    await chown(beside, uid, gid);
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  return { done: rotation.done, keys: documentsOf(ringOf(rotation.text)) };
}

async function writeDurably(file: string, text: string, mode: number): Promise<void> {
  const handle = await open(file, 'wx', mode);
  try {
    await handle.writeFile(text);
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function newSecret(): string {
  return randomBytes(32).toString('hex');
}

function ringOf(text: string): SyncKeyRing {
  const parsed = parseClusterKeys(text);
  if ('faults' in parsed) throw new Error('what was written cannot be read');
  return parsed.ring;
}
