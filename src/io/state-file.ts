/**
 * A small file that outlives the process, for the next process of the same boot. It is replaced as a whole: whoever reads it
 * finds the old text or the new one, also after a SIGKILL in the middle of a write, and, where the write was a lasting one,
 * after a power cut: the new text is on the disk before the name is, and the name before the write is said to be done.
 */
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KernelError } from './kernel-error.ts';

export interface StateFile {
  /** The text; undefined when there is no file. @throws KernelError `state-read` */
  read(): Promise<string | undefined>;
  /**
   * Not to be called while an earlier call is under way. `lasting`: on the disk before it is over. What is only a sign of
   * life need not be, and is cheap enough then to be written every second.
   *
   * @throws KernelError `state-write`
   */
  write(text: string, lasting: boolean): Promise<void>;
  /** Nothing is left, whether there was a file or not. @throws KernelError `state-remove` */
  remove(): Promise<void>;
}

/** `path`: in a folder that exists. Its name with `.new` behind it is used too. */
export function stateFile(path: string): StateFile {
  const fresh = `${path}.new`;
  return {
    read: () => asked('state-read', path, () => readIfThere(path)),
    write: (text, lasting) =>
      asked('state-write', path, async () => {
        await withOpen(fresh, 'w', async (file) => {
          await file.writeFile(text);
          if (lasting) await file.sync();
        });
        await rename(fresh, path);
        if (lasting) await withOpen(dirname(path), 'r', (folder) => folder.sync());
      }),
    remove: () =>
      asked('state-remove', path, async () => {
        await rm(fresh, { force: true });
        await rm(path, { force: true });
      }),
  };
}

/** Only for us: what it says of the network is nobody else's business. */
async function withOpen(path: string, flags: 'w' | 'r', act: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await act(file);
  } finally {
    await file.close();
  }
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
