/**
 * Which settings of the kernel agents of this director have changed, and from what, in a file: for the agent that puts them back,
 * which need not be the one that changed them. What was noted of another boot, or of another network namespace, is void.
 */

import { messageOf } from '../../core/base/message-of.ts';
import { decodeChanges, encodeChanges } from '../../core/dataplane/sysctls.ts';
import type { SysctlMemory } from '../../drivers/dataplane/sysctls.ts';
import type { StateFile } from '../../io/state-file.ts';
import type { EventLog } from '../events.ts';

/** In the state folder of the director. */
export const SYSCTLS_FILE = 'sysctls.json';

/** `host`: names the network namespace and the boot. A file that cannot be used is told, and done without. */
export function sysctlMemory(
  file: StateFile,
  host: () => Promise<string>,
  events: Pick<EventLog, 'emit'>,
): SysctlMemory {
  async function unlessRefused<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await work();
    } catch (error) {
      events.emit('state-file-fault', { message: messageOf(error) });
      return otherwise;
    }
  }
  return {
    read: () =>
      unlessRefused(async () => {
        const text = await file.read();
        return text === undefined ? [] : decodeChanges(await host(), text);
      }, []),
    write: (changes) =>
      unlessRefused(async () => {
        if (changes.length === 0) await file.remove();
        else await file.write(encodeChanges(await host(), changes), false);
      }, undefined),
  };
}
