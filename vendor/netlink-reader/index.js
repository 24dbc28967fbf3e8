/**
 * Listens to netlink multicast groups, and says so when messages were lost.
 *
 * Duty: the JavaScript face of src/netlink_reader.c. It owns the slab that datagrams are received into and walks the
 * netlink messages in each. Inputs: a netlink protocol and group numbers. Outputs: `message`, `lost`, `error`, `close`.
 *
 * What it does not do: it decodes no payload, and matches no answer to a question. A payload is a view that is valid only while its
 * handlers run.
 */
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import { getSystemErrorMap, getSystemErrorName } from 'node:util';
import { markAsUntransferable } from 'node:worker_threads';

const SLOT_BYTES = 32768;
const BATCH = 16;
/** Words per row: offset and length, as `enum column` in src/netlink_reader.c. */
const COLUMNS = 2;
const DEFAULT_RECEIVE_BYTES = 2 * 1024 * 1024;
/** struct nlmsghdr: length u32, type u16, flags u16, sequence u32, port u32; in the machine's byte order. */
const HEADER_BYTES = 16;
const LITTLE_ENDIAN = endianness() === 'LE';
const ENOBUFS = -105;
const EFAULT = -14;

const require = createRequire(import.meta.url);
let native;

/** What the native part has to have; one that was built from older sources has not all of it. */
const METHODS = ['open', 'close', 'filter', 'join', 'send', 'ref', 'unref'];

function loadNative() {
  const loaded = require('./build/Release/netlink_reader.node');
  const missing = METHODS.filter((method) => typeof loaded.Handle.prototype[method] !== 'function');
  if (missing.length > 0) throw new Error(`it was built from older sources, without ${missing.join(', ')}`);
  return loaded;
}

/** Loads the native part now instead of at the first reader; throws `ERR_NETLINK_READER_LOAD` with what to install. */
export function load() {
  if (native !== undefined) return;
  try {
    native = loadNative();
  } catch (cause) {
    const why = cause.code === 'MODULE_NOT_FOUND' ? 'it has not been built' : cause.message;
    const text =
      `the native part of netlink-reader cannot be loaded: ${why}. Install the build tools ` +
      '(apt-get install build-essential python3), then run: npm rebuild netlink-reader';
    throw Object.assign(new Error(text, { cause }), { code: 'ERR_NETLINK_READER_LOAD' });
  }
}

export class NetlinkReader extends EventEmitter {
  #handle;
  #slab;
  #table;

  constructor({ protocol, groups, recvBufferSize = DEFAULT_RECEIVE_BYTES, filter, batch = BATCH }) {
    super();
    this.#slab = Buffer.allocUnsafeSlow(batch * SLOT_BYTES);
    this.#table = new Uint32Array(batch * COLUMNS);
    load();
    // A view that is transferred to a worker would take the slab away from under the socket.
    markAsUntransferable(this.#slab.buffer);
    const handle = new native.Handle();
    const onBatch = (rows, errno) => this.#onBatch(rows, errno);
    check(handle.open(protocol, recvBufferSize, this.#slab, this.#table, onBatch));
    try {
      // Before the first group: what it is to keep out is never received.
      if (filter !== undefined) check(handle.filter(Uint32Array.from(filter.flat())));
      for (const group of groups) check(handle.join(group));
    } catch (error) {
      handle.close();
      throw error;
    }
    this.#handle = handle;
  }

  /** One datagram to the kernel. What it answers comes as `message`s, with the sequence number of the question. */
  send(bytes) {
    if (this.#handle === undefined) throw new Error('the reader is closed');
    check(this.#handle.send(bytes));
    return this;
  }

  ref() {
    this.#handle?.ref();
    return this;
  }

  unref() {
    this.#handle?.unref();
    return this;
  }

  /** Closes; no event but `close` follows, also not from the batch being delivered. Closing twice is harmless. */
  close() {
    if (this.#handle === undefined) return this;
    this.#handle.close();
    this.#handle = undefined;
    process.nextTick(() => this.emit('close'));
    return this;
  }

  #onBatch(rows, errno) {
    if (errno === ENOBUFS) {
      this.#emit('lost');
      return;
    }
    if (errno < 0) {
      // Somebody detached the slab: nothing can be received any more, and what waits would wake us forever.
      if (errno === EFAULT) this.close();
      this.#emit('error', systemError(errno, 'recvmmsg'));
      return;
    }
    for (let row = 0; row < rows; row++) {
      const start = this.#table[row * COLUMNS];
      this.#walk(start, start + this.#table[row * COLUMNS + 1]);
    }
  }

  /** The messages of one datagram; bytes that make no sense count as lost. */
  #walk(start, end) {
    const view = new DataView(this.#slab.buffer, this.#slab.byteOffset);
    for (let at = start; at < end && this.#handle !== undefined; ) {
      const length = at + HEADER_BYTES <= end ? view.getUint32(at, LITTLE_ENDIAN) : 0;
      if (length < HEADER_BYTES || at + length > end) {
        this.#emit('lost');
        return;
      }
      const type = view.getUint16(at + 4, LITTLE_ENDIAN);
      const flags = view.getUint16(at + 6, LITTLE_ENDIAN);
      const sequence = view.getUint32(at + 8, LITTLE_ENDIAN);
      this.#emit('message', type, flags, this.#slab.subarray(at + HEADER_BYTES, at + length), sequence);
      at += (length + 3) & ~3;
    }
  }

  /** A handler that throws must not cost the rest of the batch: its error surfaces on its own, as uncaught. */
  #emit(...event) {
    try {
      this.emit(...event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

function check(failure) {
  if (failure !== undefined) throw systemError(failure.errno, failure.syscall);
}

/** An error as Node's own: `code` (`EPERM`), `errno` (negative), `syscall`. */
function systemError(errno, syscall) {
  const code = getSystemErrorName(errno);
  const meaning = getSystemErrorMap().get(errno)?.[1] ?? code;
  return Object.assign(new Error(`${code}: ${meaning}, ${syscall}`), { code, errno, syscall });
}
