/** Which boot of the machine this is, and how long ago it was: a clock that goes on while our process does not. */
import { readFile } from 'node:fs/promises';
import type { Millis } from '../core/base/machine.ts';
import { KernelError } from './kernel-error.ts';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** The kernel's random id of this boot. @throws KernelError `boot-id` */
export async function bootId(): Promise<string> {
  try {
    return (await readFile(BOOT_ID, 'utf8')).trim();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new KernelError('boot-id', { path: BOOT_ID, ...(code === undefined ? {} : { errno: code }) }, { cause });
  }
}

/** CLOCK_MONOTONIC in milliseconds: one and the same for all processes of a boot, and nobody can set it. */
export function sinceBoot(): Millis {
  return Number(process.hrtime.bigint()) / 1e6;
}
