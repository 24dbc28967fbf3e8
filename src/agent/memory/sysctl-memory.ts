/**
 * Which settings of the kernel agents of this director have changed, and from what, in a file: for the agent that puts them back,
 * which need not be the one that changed them. What was noted of another boot, or of another network namespace, is void.
 */
import { decodeChanges, encodeChanges } from '../../core/dataplane/sysctls.ts';
import type { SysctlMemory } from '../../drivers/dataplane/sysctls.ts';
import type { StateFile } from '../../io/state-file.ts';
import type { EventLog } from '../events.ts';
import { keptValue } from './kept-value.ts';

/** In the state folder of the director. */
export const SYSCTLS_FILE = 'sysctls.json';

/** `host`: names the network namespace and the boot. A file that cannot be used is told, and done without. */
export function sysctlMemory(
  file: StateFile,
  host: () => Promise<string>,
  events: Pick<EventLog, 'emit'>,
): SysctlMemory {
  return keptValue({
    ...{ file, host, events, nothing: [], encode: encodeChanges, decode: decodeChanges },
    isNothing: (changes) => changes.length === 0,
  });
}
