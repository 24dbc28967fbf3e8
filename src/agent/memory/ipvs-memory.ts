/**
 * Which services of IPVS are ours, in a file: the kernel has no place for it, and the agent that takes them away need not be the
 * one that made them. What was noted of another boot, or of another network namespace, is void.
 */
import { decodeIpvsMemory, encodeIpvsMemory, NOTHING_OWNED } from '../../core/dataplane/ipvs/own.ts';
import type { OwnedServices } from '../../drivers/dataplane/ipvs/services.ts';
import type { StateFile } from '../../io/state-file.ts';
import type { EventLog } from '../events.ts';
import { keptValue } from './kept-value.ts';

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
  return keptValue({
    ...{ file, host, events, nothing: NOTHING_OWNED, encode: encodeIpvsMemory, decode: decodeIpvsMemory },
    isNothing: ({ own }) => own.size === 0,
  });
}
