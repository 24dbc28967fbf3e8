/// <reference types="node" />
import type { EventEmitter } from 'node:events';

/**
 * A classic BPF program (linux/filter.h) that the kernel runs over each message, header included, before it is queued: what
 * it returns 0 for is neither received nor can it be lost. At most 4096 instructions.
 */
export type Filter = readonly (readonly [code: number, jt: number, jf: number, k: number])[];

export interface ReaderOptions {
  /** Netlink protocol: 0 NETLINK_ROUTE, 12 NETLINK_NETFILTER, … */
  protocol: number;
  /** Group numbers, counted from 1: RTNLGRP_*, NFNLGRP_*. */
  groups?: readonly number[] | undefined;
  /** Bytes; 2 MiB by default. Beyond net.core.rmem_max only with CAP_NET_ADMIN. */
  recvBufferSize?: number | undefined;
  filter?: Filter | undefined;
  /** So many datagrams are taken at once, and four times as many in one turn of the event loop; 16 by default, 256 at most. */
  batch?: number | undefined;
}

export interface SocketOptions extends ReaderOptions {
  /** A longer datagram counts as lost; 32 KiB by default, the longest that there are. */
  slotBytes?: number | undefined;
  /**
   * When `from` datagrams have come `within` so many milliseconds, the socket is not polled, but read every `milliseconds`
   * (every two times that, when twice as many come), until fewer come. Never by default.
   */
  rest?: { readonly from: number; readonly within: number; readonly milliseconds: number } | undefined;
  /** Datagrams are in `bytes` and `table`, for the call. Without it the socket is not polled: `receive` what `send` asked for. */
  onBatch?: ((datagrams: number) => void) | undefined;
  /** The kernel dropped messages. */
  onLost?: (() => void) | undefined;
  onError?: ((error: SystemError) => void) | undefined;
}

/** An error as Node's own system errors. */
export interface SystemError extends Error {
  code: string;
  /** Negative, as in Node. */
  errno: number;
  syscall: string;
}

/** A socket that tells of batches, and makes no object per message. All methods throw a `SystemError`. */
export class NetlinkSocket {
  /** Also throws an error with code `ERR_NETLINK_BATCH_LOAD`. */
  constructor(options: SocketOptions);
  /** What was received is in here. */
  readonly bytes: Buffer;
  /** Two words per datagram of the last batch: where it begins, and its length. */
  readonly table: Uint32Array;
  /** What the kernel knows the socket by (`nlmsg_pid` in what it causes). */
  readonly portId: number;
  readonly isOpen: boolean;
  /** Takes the place of an earlier filter at once. */
  filter(program: Filter): void;
  join(group: number): void;
  /** One datagram of any number of messages. The kernel has dealt with all of them, and answered, when this returns. */
  send(bytes: Uint8Array): void;
  /** Takes what is there, without waiting: how many datagrams are in `table` now; -1: some were lost, ask again for the rest. */
  receive(): number;
  ref(): void;
  unref(): void;
  close(): void;
}

/**
 * Events: `message` (one netlink message of the kernel; `payload` is a view without the header, valid while the handlers
 * run), `lost` (the kernel dropped messages, or one made no sense: dump again), `error`, `close`.
 */
export class NetlinkReader extends EventEmitter {
  /** Throws a `SystemError` (`EPERM`, `EINVAL` for an unknown group), or an error with code `ERR_NETLINK_BATCH_LOAD`. */
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

/** Loads the native part now instead of at the first socket; throws an error with code `ERR_NETLINK_BATCH_LOAD`. */
export function load(): void;
