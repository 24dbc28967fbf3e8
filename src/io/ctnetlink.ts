/**
 * Sockets for ctnetlink over our addon `netlink-batch`, for whoever reads and writes connections by the hundred thousand. They
 * move bytes; src/core/netlink (flow.ts, flow-requests.ts, answers.ts) has the codecs.
 */
import { NetlinkSocket } from 'netlink-batch';
import type { FilterInstruction } from '../core/netlink/bpf.ts';
import { NETLINK_NETFILTER } from '../core/netlink/codes.ts';
import { KernelError } from './kernel-error.ts';
import { netlinkRefusal } from './netlink-requests.ts';

export interface CtnetlinkOptions {
  /** NFNLGRP_CONNTRACK_* */
  readonly groups?: readonly number[];
  readonly filter?: readonly FilterInstruction[];
  /** Bytes that the kernel may queue. An event takes up 1,280. */
  readonly receiveBytes: number;
  /** Of the longest datagram, and how many are taken at once. */
  readonly slotBytes: number;
  readonly batch: number;
  /** When so many datagrams have come `within` so many milliseconds, read every `milliseconds` only (up to twice that when more come), until fewer come. */
  readonly rest?: { readonly from: number; readonly within: number; readonly milliseconds: number };
  /** Without a listener: asked by `send`, answers by `receive`. */
  readonly listener?: CtnetlinkListener;
}

export interface CtnetlinkListener {
  /** So many datagrams are in `table`, for the call. */
  batch(datagrams: number): void;
  lost(): void;
  failed(error: KernelError): void;
}

/** As `NetlinkSocket` of the addon, which says more. */
export interface CtnetlinkSocket {
  readonly bytes: Uint8Array;
  /** Two words per datagram: where it begins in `bytes`, and its length. */
  readonly table: Uint32Array;
  readonly portId: number;
  // The methods throw a system error where the kernel refuses.
  filter(program: readonly FilterInstruction[]): void;
  join(group: number): void;
  send(bytes: Uint8Array): void;
  /** How many datagrams are in `table` now; -1: some were lost. */
  receive(): number;
  close(): void;
}

/** What a socket threw, as the refusal of a request; what is one already stays as it is. */
export function ctnetlinkRefusal(request: string, cause: unknown): KernelError {
  return cause instanceof KernelError ? cause : netlinkRefusal(request, {}, cause);
}

export type OpenCtnetlink = (options: CtnetlinkOptions) => CtnetlinkSocket;

/** @throws KernelError `conntrack-subscribe`; an error with code `ERR_NETLINK_BATCH_LOAD` where the addon is missing */
export const openCtnetlink: OpenCtnetlink = ({ listener, receiveBytes, ...options }) => {
  try {
    return new NetlinkSocket({
      ...options,
      protocol: NETLINK_NETFILTER,
      recvBufferSize: receiveBytes,
      ...(listener && {
        onBatch: (datagrams) => listener.batch(datagrams),
        onLost: () => listener.lost(),
        onError: (error) => listener.failed(netlinkRefusal('conntrack-receive', {}, error)),
      }),
    });
  } catch (cause) {
    throw cause instanceof Error && 'syscall' in cause ? netlinkRefusal('conntrack-subscribe', {}, cause) : cause;
  }
};
