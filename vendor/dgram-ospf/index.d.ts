/// <reference types="node" />
import type { EventEmitter } from 'node:events';

export interface SocketOptions {
  /** Index of the one interface to send and receive on. */
  ifindex: number;
  /** Source address of what is sent; without it the kernel takes the interface's primary address. */
  source?: string | undefined;
  /** Bytes; 4 MiB by default. Beyond net.core.rmem_max only with CAP_NET_ADMIN. */
  recvBufferSize?: number | undefined;
  /** Bytes; 1 MiB by default. */
  sendBufferSize?: number | undefined;
}

export interface MessageInfo {
  /** Source of the packet. */
  address: string;
  /** Where it was sent: 224.0.0.5, 224.0.0.6 or one of our addresses. */
  destination: string;
  ifindex: number;
  ttl: number;
  tos: number;
  /** Always false today: a slot holds the largest IPv4 packet. */
  truncated: boolean;
  /** Bytes of the packet, without the IP header. */
  size: number;
}

/** An error as Node's own system errors, with what the call was about. */
export interface SystemError extends Error {
  /** e.g. `ENODEV`. */
  code: string;
  /** Negative, as in Node. */
  errno: number;
  /** e.g. `sendmsg`, `setsockopt IP_MULTICAST_IF`. */
  syscall: string;
  address?: string;
  ifindex?: number;
}

/**
 * A raw socket for IPv4 protocol 89 on one interface: TTL 1, TOS 0xc0, priority 7, no loop of our own multicast, only
 * groups that this socket joined.
 *
 * Events: `message`, `error` (a system error), `close`. `packet` in `message` is the payload of the IP packet,
 * reassembled. It is a view of memory that is used again when the handlers have returned: copy what is to be kept.
 */
export class OspfSocket extends EventEmitter {
  /** Throws a `SystemError` (`EPERM` without CAP_NET_RAW, `ENODEV`), or an error with code `ERR_DGRAM_OSPF_LOAD`. */
  constructor(options: SocketOptions);
  /** Throws `EADDRINUSE` when already joined, `ENODEV` when the interface is gone, `EBADF` after close. */
  addMembership(group: string): void;
  /** Throws `EADDRNOTAVAIL` when not joined. */
  dropMembership(group: string): void;
  /**
   * Sends one packet, without IP header, at once; up to 65,515 bytes, fragmented by the kernel where it exceeds the
   * MTU. Nothing is queued: a failure (`EAGAIN`, `ENODEV`, `ENETDOWN`, `EMSGSIZE`, …) goes to `callback`, else to `error`.
   */
  send(packet: Uint8Array, destination: string, callback?: (error: SystemError | null, bytes: number) => void): void;
  setSource(address: string | undefined): void;
  getRecvBufferSize(): number;
  readonly dropped: number;
  ref(): this;
  unref(): this;
  close(callback?: () => void): this;

  on(event: 'message', listener: (packet: Buffer, info: MessageInfo) => void): this;
  on(event: 'error', listener: (error: SystemError) => void): this;
  on(event: 'close', listener: () => void): this;
  once(event: 'message', listener: (packet: Buffer, info: MessageInfo) => void): this;
  once(event: 'error', listener: (error: SystemError) => void): this;
  once(event: 'close', listener: () => void): this;
}

/** Opens a socket on one interface; the same errors as the constructor. */
export function createSocket(
  options: SocketOptions,
  onMessage?: (packet: Buffer, info: MessageInfo) => void,
): OspfSocket;

/** Loads the native part now instead of at the first socket; throws an error with code `ERR_DGRAM_OSPF_LOAD`. */
export function load(): void;
