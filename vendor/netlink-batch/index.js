/**
 * Netlink sockets that take and give many messages at a time, and say so when messages were lost.
 *
 * Duty: the JavaScript face of src/netlink_batch.c. `NetlinkSocket` owns the slab that datagrams are received into and tells of
 * each batch once; `NetlinkReader` walks the messages of each batch, and emits an event for every one. Inputs: a netlink
 * protocol and group numbers. Outputs: batches, or `message`, `lost`, `error`, `close`.
 *
 * What it does not do: it decodes no payload, and matches no answer to a question. What was received is valid only while its
 * handlers run.
 */
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import { getSystemErrorMap, getSystemErrorName } from 'node:util';
import { markAsUntransferable } from 'node:worker_threads';

/** The kernel's largest notification, and what it cuts dumps into. */
const LARGE_SLOT_BYTES = 32768;
const READER_BATCH = 16;
/** Words per row: offset and length, as `enum column` in src/netlink_batch.c. */
const COLUMNS = 2;
const DEFAULT_RECEIVE_BYTES = 2 * 1024 * 1024;
/** struct nlmsghdr: length u32, type u16, flags u16, sequence u32, port u32; in the machine's byte order. */
const HEADER_BYTES = 16;
const LITTLE_ENDIAN = endianness() === 'LE';
const ENOBUFS = -105;
const EFAULT = -14;
const MAX_BATCH = 256;

const require = createRequire(import.meta.url);
let native;

/** What the native part has to have; one that was built from older sources has not all of it. */
const METHODS = ['open', 'close', 'filter', 'join', 'send', 'receive', 'portId', 'ref', 'unref'];

function loadNative() {
  const loaded = require('./build/Release/netlink_batch.node');
  const missing = METHODS.filter((method) => typeof loaded.Handle.prototype[method] !== 'function');
  if (missing.length > 0) throw new Error(`it was built from older sources, without ${missing.join(', ')}`);
  return loaded;
}

/** Loads the native part now instead of at the first socket; throws `ERR_NETLINK_BATCH_LOAD` with what to install. */
export function load() {
  if (native !== undefined) return;
  try {
    native = loadNative();
  } catch (cause) {
    const why = cause.code === 'MODULE_NOT_FOUND' ? 'it has not been built' : cause.message;
    const text =
      `the native part of netlink-batch cannot be loaded: ${why}. Install the build tools ` +
      '(apt-get install build-essential python3), then run: npm rebuild netlink-batch';
    throw Object.assign(new Error(text, { cause }), { code: 'ERR_NETLINK_BATCH_LOAD' });
  }
}

export class NetlinkSocket {
  #handle;
  #onLost;
  #onError;
  /** The memory that is received into. */
  bytes;
  /** Per datagram of the last batch: where it begins in `bytes`, and its length. */
  table;

  constructor({
    protocol,
    groups = [],
    filter,
    recvBufferSize = DEFAULT_RECEIVE_BYTES,
    slotBytes = LARGE_SLOT_BYTES,
    batch = READER_BATCH,
    rest,
    onBatch,
    onLost,
    onError,
  }) {
    load();
    if (batch > MAX_BATCH) throw new RangeError(`a batch of ${batch}: ${MAX_BATCH} at most`);
    this.bytes = Buffer.allocUnsafeSlow(batch * slotBytes);
    this.table = new Uint32Array(batch * COLUMNS);
    // A view that is transferred to a worker would take the slab away from under the socket.
    markAsUntransferable(this.bytes.buffer);
    this.#onLost = onLost;
    this.#onError = onError;
    const handle = new native.Handle();
    const told = (rows, errno) => (errno < 0 ? this.#fail(errno) : onBatch(rows));
    const polled = onBatch === undefined ? 0 : 1;
    const resting = [rest?.from ?? 0, rest?.within ?? 0, (rest?.milliseconds ?? 0) * 1000];
    const options = [protocol, recvBufferSize, slotBytes, polled, ...resting];
    check(handle.open(this.bytes, this.table, told, Uint32Array.from(options)));
    this.#handle = handle;
    try {
      // Before the first group: what it is to keep out is never received.
      if (filter !== undefined) this.filter(filter);
      for (const group of groups) this.join(group);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get isOpen() {
    return this.#handle !== undefined;
  }

  /** Takes the place of an earlier filter at once. */
  filter(program) {
    check(this.#open().filter(Uint32Array.from(program.flat())));
  }

  join(group) {
    check(this.#open().join(group));
  }

  get portId() {
    const id = this.#open().portId();
    if (typeof id !== 'number') check(id);
    return id;
  }

  /** One datagram, of any number of messages. The kernel has dealt with it, and answered, when this returns. */
  send(bytes) {
    check(this.#open().send(bytes));
  }

  /** Takes what is there, without waiting: how many datagrams are in `table` now. -1: some were lost; ask again for the rest. */
  receive() {
    const rows = this.#open().receive();
    if (rows >= 0) return rows;
    if (rows === ENOBUFS) return -1;
    if (rows === EFAULT) this.close();
    throw systemError(rows, 'recvmmsg');
  }

  ref() {
    this.#handle?.ref();
  }

  unref() {
    this.#handle?.unref();
  }

  /** Closes; nothing is told any more, also not of the batch being delivered. Closing twice is harmless. */
  close() {
    this.#handle?.close();
    this.#handle = undefined;
  }

  #open() {
    if (this.#handle === undefined) throw new Error('the socket is closed');
    return this.#handle;
  }

  #fail(errno) {
    if (errno === ENOBUFS) {
      this.#onLost?.();
      return;
    }
    // Somebody detached the slab: nothing can be received any more, and what waits would wake us forever.
    if (errno === EFAULT) this.close();
    this.#onError?.(systemError(errno, 'recvmmsg'));
  }
}

export class NetlinkReader extends EventEmitter {
  #socket;

  constructor({ protocol, groups, recvBufferSize, filter, batch }) {
    super();
    this.#socket = new NetlinkSocket({
      protocol,
      groups,
      recvBufferSize,
      filter,
      batch,
      onBatch: (rows) => this.#onBatch(rows),
      onLost: () => this.#emit('lost'),
      onError: (error) => {
        if (!this.#socket.isOpen) process.nextTick(() => this.emit('close'));
        this.emit('error', error);
      },
    });
  }

  /** One datagram to the kernel. What it answers comes as `message`s, with the sequence number of the question. */
  send(bytes) {
    this.#socket.send(bytes);
    return this;
  }

  ref() {
    this.#socket.ref();
    return this;
  }

  unref() {
    this.#socket.unref();
    return this;
  }

  /** Closes; no event but `close` follows, also not from the batch being delivered. Closing twice is harmless. */
  close() {
    if (!this.#socket.isOpen) return this;
    this.#socket.close();
    process.nextTick(() => this.emit('close'));
    return this;
  }

  #onBatch(rows) {
    const { table } = this.#socket;
    for (let row = 0; row < rows; row++) {
      const start = table[row * COLUMNS];
      this.#walk(start, start + table[row * COLUMNS + 1]);
    }
  }

  /** The messages of one datagram; bytes that make no sense count as lost. */
  #walk(start, end) {
    const { bytes } = this.#socket;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let at = start; at < end && this.#socket.isOpen; ) {
      const length = at + HEADER_BYTES <= end ? view.getUint32(at, LITTLE_ENDIAN) : 0;
      if (length < HEADER_BYTES || at + length > end) {
        this.#emit('lost');
        return;
      }
      const type = view.getUint16(at + 4, LITTLE_ENDIAN);
      const flags = view.getUint16(at + 6, LITTLE_ENDIAN);
      const sequence = view.getUint32(at + 8, LITTLE_ENDIAN);
      this.#emit('message', type, flags, bytes.subarray(at + HEADER_BYTES, at + length), sequence);
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
