/**
 * Which boot of the machine this is and which of its network namespaces, and how long ago the boot was: a clock that goes on
 * while our process does not.
 */
import { readFile, stat } from 'node:fs/promises';
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

const NETWORK_NAMESPACE = '/proc/self/ns/net';

/** Names the network namespace that we run in, and the boot of the machine. @throws KernelError */
export async function thisHost(): Promise<string> {
  try {
    return `${await bootId()} net:${(await stat(NETWORK_NAMESPACE)).ino}`;
  } catch (cause) {
    if (cause instanceof KernelError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const details = { path: NETWORK_NAMESPACE, ...(code === undefined ? {} : { errno: code }) };
    throw new KernelError('network-namespace', details, { cause });
  }
}

/** CLOCK_MONOTONIC in milliseconds: one and the same for all processes of a boot, and nobody can set it. */
export function sinceBoot(): Millis {
  return Number(process.hrtime.bigint()) / 1e6;
}
