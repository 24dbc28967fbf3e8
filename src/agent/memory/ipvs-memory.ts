/**
 * Which services of IPVS are ours, in a file: the kernel has no place for it, and the agent that takes them away need not be the
 * one that made them. What was noted of another boot, or of another network namespace, is void.
 */
import { messageOf } from '../../core/base/message-of.ts';
import { decodeIpvsMemory, encodeIpvsMemory, NOTHING_OWNED } from '../../core/dataplane/ipvs/own.ts';
import type { OwnedServices } from '../../drivers/dataplane/ipvs/services.ts';
import type { StateFile } from '../../io/state-file.ts';
import type { EventLog } from '../events.ts';

/** In the state folder of the director. */
export const IPVS_FILE = 'ipvs-services.json';

/**
 * A file that cannot be used is told, and done without: then services that an earlier agent has made, and that the file no longer
 * has, stay as somebody else's.
 *
 * @param host names the network namespace and the boot
 */
export function ipvsMemory(
  file: StateFile,
  host: () => Promise<string>,
  events: Pick<EventLog, 'emit'>,
): OwnedServices {
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
        return text === undefined ? NOTHING_OWNED : decodeIpvsMemory(await host(), text);
      }, NOTHING_OWNED),
    write: (memory) =>
      unlessRefused(async () => {
        if (memory.own.size === 0) await file.remove();
        else await file.write(encodeIpvsMemory(await host(), memory), false);
      }, undefined),
  };
}
