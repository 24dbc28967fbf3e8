/**
 * Raw IPv4 sockets for OSPF (protocol 89), in the manner of node:dgram.
 *
 * Duty: the JavaScript face of src/dgram_ospf.c. It owns the slab that packets are received into, turns each row of the
 * native table into a `message` event, and turns `{ errno, syscall }` into Node's system errors.
 * Inputs: an interface index; packets to send, without IP header. Outputs: `message`, `error` and `close` events.
 *
 * What it does not do: no OSPF, no queue for packets that the kernel does not take (the error is reported, the
 * protocol retransmits), no copies: a received packet is a view that is valid only while its handlers run.
 */
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { isIPv4 } from 'node:net';
import { getSystemErrorMap, getSystemErrorName } from 'node:util';
import { markAsUntransferable } from 'node:worker_threads';

const SLOT_BYTES = 65536;
const BATCH = 16;
/** Words per row, in the order of `enum column` in src/dgram_ospf.c. */
const COLUMNS = 8;
const DEFAULT_RECEIVE_BYTES = 4 * 1024 * 1024;
const DEFAULT_SEND_BYTES = 1024 * 1024;
const ADDRESS_CACHE = 1024;
const EFAULT = -14;
const EBADF = -9;

const require = createRequire(import.meta.url);
let native;

/** Loads the native part now instead of at the first socket; throws `ERR_DGRAM_OSPF_LOAD` with what to install. */
export function load() {
  if (native !== undefined) return;
  try {
    native = require('./build/Release/dgram_ospf.node');
  } catch (cause) {
    const why = cause.code === 'MODULE_NOT_FOUND' ? 'it has not been built' : cause.message;
    const text =
      `the native part of dgram-ospf cannot be loaded: ${why}. Install the build tools ` +
      '(apt-get install build-essential python3), then run: npm rebuild dgram-ospf';
    throw Object.assign(new Error(text, { cause }), { code: 'ERR_DGRAM_OSPF_LOAD' });
  }
}

/** Opens a socket on one interface. Throws a system error (`EPERM` without CAP_NET_RAW, `ENODEV`, …). */
export function createSocket(options, onMessage) {
  const socket = new OspfSocket(options);
  if (onMessage !== undefined) socket.on('message', onMessage);
  return socket;
}

export class OspfSocket extends EventEmitter {
  #handle;
  #slab = Buffer.allocUnsafeSlow(BATCH * SLOT_BYTES);
  #table = new Uint32Array(BATCH * COLUMNS);
  #texts = new Map();
  #numbers = new Map();
  #source;

  constructor(options) {
    super();
    const { ifindex, source, recvBufferSize = DEFAULT_RECEIVE_BYTES, sendBufferSize = DEFAULT_SEND_BYTES } = options;
    if (!Number.isInteger(ifindex) || ifindex <= 0) throw new TypeError(`not an interface index: ${ifindex}`);
    this.#source = source === undefined ? 0 : toNumber(source);
    load();
    // A view that is transferred to a worker would take the slab away from under the socket.
    markAsUntransferable(this.#slab.buffer);
    const handle = new native.Handle();
    const onBatch = (rows, errno) => this.#onBatch(rows, errno);
    const failure = handle.open(ifindex, recvBufferSize, sendBufferSize, this.#slab, this.#table, onBatch);
    if (failure !== undefined) throw systemError(failure.errno, failure.syscall, { ifindex });
    this.#handle = handle;
  }

  /** Joins a multicast group on the socket's interface. */
  addMembership(group) {
    this.#membership(group, true);
  }

  dropMembership(group) {
    this.#membership(group, false);
  }

  /**
   * Sends one packet, without IP header, at once. As with dgram, a failure goes to `callback`, else to `error`.
   */
  send(packet, destination, callback) {
    const errno =
      this.#handle === undefined ? EBADF : this.#handle.send(packet, this.#number(destination), this.#source);
    if (errno >= 0) {
      if (callback !== undefined) process.nextTick(callback, null, errno);
      return;
    }
    const error = systemError(errno, 'sendmsg', { address: destination });
    process.nextTick(() => {
      if (callback !== undefined) callback(error, 0);
      else if (this.#handle !== undefined) this.emit('error', error);
    });
  }

  /** Source address of what is sent from now on; `undefined`: the kernel chooses the interface's primary address. */
  setSource(address) {
    this.#source = address === undefined ? 0 : toNumber(address);
  }

  /** Bytes, as the kernel counts them (twice what was asked for). */
  getRecvBufferSize() {
    const bytes = this.#open().receiveBufferSize();
    if (bytes < 0) throw systemError(bytes, 'getsockopt SO_RCVBUF');
    return bytes;
  }

  /** Packets lost because the receive buffer was full, as of the last packet received. */
  get dropped() {
    return this.#handle?.dropped() ?? 0;
  }

  ref() {
    this.#handle?.ref();
    return this;
  }

  unref() {
    this.#handle?.unref();
    return this;
  }

  /** Closes; no `message` or `error` follows, also not from the batch being delivered. Closing twice is harmless. */
  close(callback) {
    if (callback !== undefined) this.once('close', callback);
    if (this.#handle === undefined) return this;
    this.#handle.close();
    this.#handle = undefined;
    process.nextTick(() => this.emit('close'));
    return this;
  }

  #open() {
    if (this.#handle === undefined) throw systemError(EBADF, 'getsockopt');
    return this.#handle;
  }

  #membership(group, join) {
    const failure = this.#open().membership(toNumber(group), join);
    if (failure !== undefined) throw systemError(failure.errno, failure.syscall, { address: group });
  }

  #onBatch(rows, errno) {
    if (errno < 0) {
      // Somebody detached the slab: nothing can be received any more, and the packet in the kernel would wake us forever.
      const error = systemError(errno, 'recvmmsg');
      if (errno === EFAULT) this.close();
      this.emit('error', error);
      return;
    }
    for (let row = 0; row < rows && this.#handle !== undefined; row++) this.#deliver(row * COLUMNS);
  }

  /** A handler that throws must not cost the rest of the batch: its error surfaces on its own, as uncaught. */
  #deliver(at) {
    const table = this.#table;
    const start = table[at];
    const size = table[at + 1];
    const info = {
      address: this.#text(table[at + 2]),
      destination: this.#text(table[at + 3]),
      ifindex: table[at + 4],
      ttl: table[at + 5],
      tos: table[at + 6],
      truncated: table[at + 7] !== 0,
      size,
    };
    try {
      this.emit('message', this.#slab.subarray(start, start + size), info);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** Neighbors are few and speak often; the cache is emptied when somebody makes up addresses. */
  #text(address) {
    let text = this.#texts.get(address);
    if (text === undefined) {
      if (this.#texts.size >= ADDRESS_CACHE) this.#texts.clear();
      text = `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
      this.#texts.set(address, text);
    }
    return text;
  }

  /** As #text, the other way round: packets go to two groups and a few neighbors. */
  #number(text) {
    let address = this.#numbers.get(text);
    if (address === undefined) {
      address = toNumber(text);
      if (this.#numbers.size >= ADDRESS_CACHE) this.#numbers.clear();
      this.#numbers.set(text, address);
    }
    return address;
  }
}

function toNumber(address) {
  if (!isIPv4(address)) throw new TypeError(`not an IPv4 address: ${address}`);
  return address.split('.').reduce((value, octet) => value * 256 + Number(octet), 0);
}

/** An error as Node's own: `code` (`ENODEV`), `errno` (negative), `syscall`, and what it was about. */
function systemError(errno, syscall, about = {}) {
  const code = getSystemErrorName(errno);
  const meaning = getSystemErrorMap().get(errno)?.[1] ?? code;
  const shown = Object.entries(about).map(([key, value]) => ` ${key} ${value}`);
  return Object.assign(new Error(`${code}: ${meaning}, ${syscall}${shown.join(',')}`), {
    code,
    errno,
    syscall,
    ...about,
  });
}
