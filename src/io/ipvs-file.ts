/** /proc/net/ip_vs, of the network namespace that we run in: all services and destinations of IPVS, as text. */
import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { KernelError } from './kernel-error.ts';

const PATH = '/proc/net/ip_vs';
const FIRST_BYTES = 1 << 16;
/** How long others wait while it is read: each read gives a page of it. */
const SLICE_MS = 2;

/** Whoever has the text. */
export interface IpvsFile {
  /** All of it, in memory that the next call uses again; `undefined` where there is no such file. @throws KernelError `ipvs-file` */
  read(): Promise<Uint8Array | undefined>;
}

export class KernelIpvsFile implements IpvsFile {
  #bytes = new Uint8Array(FIRST_BYTES);

  async read(): Promise<Uint8Array | undefined> {
    let file: number | undefined;
    try {
      file = openSync(PATH, 'r');
      return await this.#all(file);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw new KernelError('ipvs-file', code === undefined ? {} : { errno: code }, { cause });
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  /** Not by the pool of threads: a turn of the event loop for each page would cost more than the page. */
  async #all(file: number): Promise<Uint8Array> {
    let length = 0;
    let begin = performance.now();
    for (;;) {
      if (length === this.#bytes.length) this.#grow();
      const got = readSync(file, this.#bytes, length, this.#bytes.length - length, null);
      if (got === 0) return this.#bytes.subarray(0, length);
      length += got;
      if (performance.now() - begin < SLICE_MS) continue;
      await setImmediate();
      begin = performance.now();
    }
  }

  #grow(): void {
    const more = new Uint8Array(2 * this.#bytes.length);
    more.set(this.#bytes);
    this.#bytes = more;
  }
}
