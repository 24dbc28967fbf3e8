/**
 * A small file that outlives the process, for the next process of the same boot. It is replaced as a whole: whoever reads it
 * finds the old text or the new one, also after a SIGKILL in the middle of a write. It is not synced to the disk: what the
 * kernel has taken survives every process, and what would be lost in a power cut is of no use after one. That makes it cheap
 * enough to be written every second.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { KernelError } from './kernel-error.ts';

export interface StateFile {
  /** The text; undefined when there is no file. @throws KernelError `state-read` */
  read(): Promise<string | undefined>;
  /** Not to be called while an earlier call is under way. @throws KernelError `state-write` */
  write(text: string): Promise<void>;
  /** Nothing is left, whether there was a file or not. @throws KernelError `state-remove` */
  remove(): Promise<void>;
}

/** `path`: in a folder that exists. Its name with `.new` behind it is used too. */
export function stateFile(path: string): StateFile {
  const fresh = `${path}.new`;
  return {
    read: () => asked('state-read', path, () => readIfThere(path)),
    write: (text) =>
      asked('state-write', path, async () => {
        await writeFile(fresh, text, { mode: 0o600 });
        await rename(fresh, path);
      }),
    remove: () =>
      asked('state-remove', path, async () => {
        await rm(fresh, { force: true });
        await rm(path, { force: true });
      }),
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function asked<T>(request: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new KernelError(request, { path, ...(code === undefined ? {} : { errno: code }) }, { cause });
  }
}
