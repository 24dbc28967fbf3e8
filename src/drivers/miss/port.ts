/**
 * Packets that rules have taken out of the kernel because nobody here knows their connection (src/core/dataplane/rules/miss.ts),
 * and their way back into it. Adapters: `kernel.ts` and `fake.ts`; both pass the suite in test/contract/miss.
 *
 * Not here: whose they are, and when they go back (src/core/sync/chance/second-chance.ts).
 */
import type { ChecksumState } from '../../core/packet/checksum.ts';
import type { Packet } from '../../core/packet/packet.ts';
import type { KernelError } from '../../io/kernel-error.ts';

export interface Missed extends Packet {
  /** What its checksum was when it came; one that is wrong is never told of. */
  readonly checksum: Exclude<ChecksumState, 'wrong'>;
}

export interface MissListener {
  /** `bytes` are borrowed for the call: whoever keeps the packet copies them. */
  packet(packet: Missed): void;
  /** No packet will come any more. */
  failed(error: KernelError): void;
}

/** Since `open`; all of them only grow. */
export interface MissCounts {
  /** Told to the listener. */
  readonly told: number;
  /** Times that the kernel had more than we took. */
  readonly lost: number;
  /** Neither TCP nor UDP, or making no sense. */
  readonly malformed: number;
  /** With a wrong checksum: damaged on the way, of whatever connection. */
  readonly damaged: number;
  readonly reinjected: number;
  /** That the kernel did not take back. */
  readonly refused: number;
}

export interface Misses {
  /**
   * Tells of packets from now on.
   *
   * @throws KernelError `log-listen` (`EBUSY` when another process listens), `tun-open`, `tun-up`, `sysctl-write`
   */
  open(listener: MissListener): Promise<void>;
  /**
   * Packets as they were told, whose connection is known by now: they take the way of any packet that arrives. Of a connection
   * that is still unknown they are dropped, and never told again.
   */
  reinject(packets: readonly Missed[]): void;
  counts(): MissCounts;
  close(): void;
}
