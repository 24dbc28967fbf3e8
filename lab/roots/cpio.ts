/**
 * Writes archives in cpio's "newc" form, which the kernel unpacks as its first root folder. Several archives behind one
 * another are one: the kernel goes on where one ends.
 *
 * Source: Documentation/driver-api/early-userspace/buffer-format.rst of the Linux source.
 */

export interface ArchiveEntry {
  /** Relative to the root, without a leading slash. */
  readonly path: string;
  /** Type and permission bits as in stat(2), e.g. 0o100755 for a program, 0o040755 for a folder, 0o120777 for a link. */
  readonly mode: number;
  /** A file's bytes, or where a link leads. */
  readonly content?: Uint8Array;
}

export const FOLDER = 0o040755;
export const PROGRAM = 0o100755;
export const LINK = 0o120777;

const TRAILER = 'TRAILER!!!';

/** The bytes of one archive. Folders have to come before what is in them. */
export function writeArchive(entries: readonly ArchiveEntry[]): Buffer {
  const parts = entries.flatMap(({ path, mode, content }, index) => member(path, mode, content, index + 1));
  return Buffer.concat([...parts, ...member(TRAILER, 0, undefined, 0)]);
}

function member(path: string, mode: number, content: Uint8Array = new Uint8Array(), inode: number): Uint8Array[] {
  const name = Buffer.from(`${path}\0`);
  // inode, mode, uid, gid, links, mtime, size, device (2), special device (2), length of the name, checksum
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return [header, name, padding(header.length + name.length), content, padding(content.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
