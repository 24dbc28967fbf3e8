/** Checks a cluster file without an agent: every fault at once, with its place. */
import { dirname, resolve } from 'node:path';
import type { Fault } from '../core/base/fault.ts';
import { parseCluster } from '../core/config/parse.ts';
import { readClusterKeys } from './cluster-keys.ts';
import { readKeyFiles } from './key-files.ts';

export { formatFault } from '../core/base/fault.ts';

/** What concerns the key files that a cluster file names. */
export interface KeyFileCheck {
  readonly faults: readonly Fault[];
  /** What should be mended or could not be looked at: a sentence each. */
  readonly notes: readonly string[];
}

export interface CheckResult {
  readonly faults: readonly Fault[];
  /** What the file describes, in a line; empty when it has faults. */
  readonly summary: string;
}

export function checkClusterText(text: string): CheckResult {
  const parsed = parseCluster(text);
  if ('faults' in parsed) return { faults: parsed.faults, summary: '' };
  const { cluster, directors, services } = parsed.cluster;
  const vips = new Set(services.flatMap((service) => service.vips));
  const parts = [some(directors.length, 'director'), some(services.length, 'service'), some(vips.size, 'VIP')];
  return { faults: [], summary: `cluster ${cluster}: ${parts.join(', ')}` };
}

/**
 * Checks the key files of a cluster file that has no faults of its own. One that is not there is no fault here: keys are on the
 * directors, and the cluster file may be checked elsewhere.
 */
export async function checkKeyFiles(text: string, path: string): Promise<KeyFileCheck> {
  const parsed = parseCluster(text);
  if ('faults' in parsed) return { faults: [], notes: [] };
  const routing = await readKeyFiles(parsed.cluster, path);
  const { keys } = parsed.cluster;
  const sync = keys === undefined ? undefined : await readClusterKeys(resolve(dirname(path), keys));
  const missing = [...routing.missing, ...(sync?.missing ? [resolve(dirname(path), keys!)] : [])];
  const faults = [...routing.faults, ...(sync?.faults ?? [])];
  const warnings = [...routing.warnings, ...(sync?.warnings ?? [])];
  const absent = missing.map((file) => `${file} is not on this machine; its keys were not checked`);
  const present = faults.filter(({ file }) => file === undefined || !missing.includes(file));
  return { faults: present, notes: [...warnings, ...absent] };
}

function some(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
