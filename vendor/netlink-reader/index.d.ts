/// <reference types="node" />
import type { EventEmitter } from 'node:events';

export interface ReaderOptions {
  /** Netlink protocol: 0 NETLINK_ROUTE, 12 NETLINK_NETFILTER, … */
  protocol: number;
  /** Group numbers, counted from 1: RTNLGRP_*, NFNLGRP_*. */
  groups: readonly number[];
  /** Bytes; 2 MiB by default. Beyond net.core.rmem_max only with CAP_NET_ADMIN. */
  recvBufferSize?: number | undefined;
  /**
   * A classic BPF program (linux/filter.h) that the kernel runs over each message, header included, before it is queued: what
   * it returns 0 for is neither received nor can it be lost. At most 4096 instructions.
   */
  filter?: readonly (readonly [code: number, jt: number, jf: number, k: number])[] | undefined;
  /** So many datagrams are taken at once, and four times as many in one turn of the event loop; 16 by default, 64 at most. */
  batch?: number | undefined;
}

/** An error as Node's own system errors. */
export interface SystemError extends Error {
  code: string;
  /** Negative, as in Node. */
  errno: number;
  syscall: string;
}

/**
 * Events: `message` (one netlink message of the kernel; `payload` is a view without the header, valid while the handlers
 * run), `lost` (the kernel dropped messages, or one made no sense: dump again), `error`, `close`.
 */
export class NetlinkReader extends EventEmitter {
  /** Throws a `SystemError` (`EPERM`, `ENOENT` for an unknown group), or an error with code `ERR_NETLINK_READER_LOAD`. */
  constructor(options: ReaderOptions);
  /** One datagram to the kernel. Throws a `SystemError`. */
  send(bytes: Uint8Array): this;
  ref(): this;
  unref(): this;
  close(): this;

  on(event: 'message', listener: (type: number, flags: number, payload: Buffer, sequence: number) => void): this;
  on(event: 'lost' | 'close', listener: () => void): this;
  on(event: 'error', listener: (error: SystemError) => void): this;
}

/** Loads the native part now instead of at the first reader; throws an error with code `ERR_NETLINK_READER_LOAD`. */
export function load(): void;
