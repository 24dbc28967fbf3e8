/**
 * Kernel settings under /proc/sys, of the network namespace we run in. A path is given in parts: names may hold dots.
 *
 * They are read in the caller's own thread: the kernel has them at hand, and the way through the pool of threads costs five times
 * as much as all of a data plane's settings.
 */
import { readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { KernelError } from './kernel-error.ts';

const ROOT = '/proc/sys';

function errnoOf(cause: unknown): { readonly errno?: string } {
  const code = (cause as NodeJS.ErrnoException).code;
  return code === undefined ? {} : { errno: code };
}

/** The present value, without the newline. @throws KernelError `sysctl-read` with the path */
export async function readSysctl(path: readonly string[]): Promise<string> {
  try {
    return readFileSync([ROOT, ...path].join('/'), 'utf8').trim();
  } catch (cause) {
    throw new KernelError('sysctl-read', { name: path.join('/'), ...errnoOf(cause) }, { cause });
  }
}

/** @throws KernelError `sysctl-write` with the path and the value that is needed */
export async function writeSysctl(path: readonly string[], value: string): Promise<void> {
  try {
    await writeFile([ROOT, ...path].join('/'), value);
  } catch (cause) {
    throw new KernelError('sysctl-write', { name: path.join('/'), needed: value, ...errnoOf(cause) }, { cause });
  }
}

/** The names below a directory of settings, e.g. one per interface in `net/ipv4/conf`. */
export async function listSysctls(path: readonly string[]): Promise<readonly string[]> {
  try {
    return await readdir([ROOT, ...path].join('/'));
  } catch (cause) {
    throw new KernelError('sysctl-read', { name: path.join('/'), ...errnoOf(cause) }, { cause });
  }
}
