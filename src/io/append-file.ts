/** A file that only grows, as logs do. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

export interface AppendFile {
  /**
   * Puts bytes at the file's end, some of them perhaps.
   *
   * @returns how many
   * @throws what the system says: ENOSPC, EIO, …
   */
  append(bytes: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

export type OpenAppendFile = (path: string) => Promise<AppendFile>;

/** A pipe that nobody reads is refused (ENXIO) and not waited for: this would hold a thread of the pool for ever. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
/** Others than the owner and the group have no business with it. */
const MODE = 0o640;

/**
 * Opens a file to append to; makes it (0640) where there is none.
 *
 * @throws what the system says: ENOENT (no such folder), EACCES, …
 */
export const openAppendFile: OpenAppendFile = async (path) => {
  const file = await open(path, FLAGS, MODE);
  return {
    append: async (bytes) => (await file.write(bytes)).bytesWritten,
    close: () => file.close(),
  };
};
