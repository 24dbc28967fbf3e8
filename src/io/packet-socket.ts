/** Sends whole Ethernet frames by an interface. */
import { closeSync, writeSync } from 'node:fs';
import { open } from 'packet-socket';
import { KernelError } from './kernel-error.ts';

/**
 * Sends them in order.
 *
 * @throws KernelError `packet-send` (`EPERM` without CAP_NET_RAW, `ENODEV`, `ENETDOWN` when the interface is down)
 */
export function sendFrames(ifindex: number, frames: readonly Uint8Array[]): void {
  let descriptor: number | undefined;
  try {
    descriptor = open(ifindex);
    for (const frame of frames) writeSync(descriptor, frame);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new KernelError(
      'packet-send',
      { ifindex, ...(code === undefined ? {} : { errno: code }), text: message },
      { cause: error },
    );
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
