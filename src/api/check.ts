/** Checks a cluster file without an agent: every fault at once, with its place. */
import type { Fault } from '../core/base/fault.ts';
import { parseCluster } from '../core/config/parse.ts';

export { formatFault } from '../core/base/fault.ts';

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

function some(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
