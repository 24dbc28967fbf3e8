/**
 * The data plane port. An adapter makes the kernel look like `desired`, and says, from a read-back, what is really there.
 * Adapters: `nftables.ts` and `ipvs.ts`; the fakes beside them pass the same contract suite (test/contract/dataplane).
 */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { Millis } from '../../core/base/machine.ts';
import type { DataplaneCounters, DesiredDataplane } from '../../core/model/dataplane.ts';

export interface ApplyReport {
  /** Services (by name) whose rules were read back from the kernel and equal what was wished. */
  readonly programmed: readonly string[];
  /** What was changed, one printable line each; empty when nothing had to be done. */
  readonly operations: readonly string[];
  /** True when the kernel was found other than we left it (somebody else wrote to our tables). */
  readonly drift: boolean;
  /** The kernel refuses source ports by offset, in these words: they come from our own blocks, but cannot be predicted. */
  readonly plainPorts?: string;
  /** What others have in the same table of the kernel; shown, and never touched. Undefined = the plane has tables of its own. */
  readonly foreign?: readonly string[];
  /** What the kernel would not do of single services, in its words; all else was done. Undefined = nothing. */
  readonly refused?: readonly string[];
}

/** Who a client was given. */
export interface RememberedClient {
  readonly server: Ipv4;
  /** How long that is remembered if the client sends nothing more. */
  readonly expiresIn: Millis;
}

/** A client that a service with persistence remembers. */
export interface ServiceClient extends RememberedClient {
  readonly client: Ipv4;
}

export interface Dataplane {
  readonly name: string;
  /** Checks kernel features and sysctls; throws `KernelError` naming what is missing. Adopts what exists, flushes nothing. */
  open(): Promise<void>;
  /** Are there tables of ours, so that the kernel forwards? Asked before `open`. */
  isPresent(): Promise<boolean>;
  /**
   * For a start, before anything leads packets here: from now on nothing of `desired` is answered or let through untranslated,
   * nor anything that was guarded before. Forwards nothing. What was changed, one printable line each; throws `KernelError`.
   */
  guard(desired: DesiredDataplane): Promise<readonly string[]>;
  /**
   * Calls whenever somebody else may have written to the tables, ours or others; sees what it can, misses what comes while we
   * write ourselves. Once, after `open`. Throws `KernelError`.
   */
  watch(onForeignWrite: () => void): void;
  /** Desired -> observe -> plan -> apply -> read back. Idempotent; throws `KernelError` and leaves what worked in place. */
  apply(desired: DesiredDataplane): Promise<ApplyReport>;
  /**
   * From now on, and for `lifetime`, packets in mid-life of connections that nobody here knows are handed to whoever listens, and
   * dropped; when it has run out, they are treated like first ones. Throws `KernelError` (`ENOENT`: nothing was applied yet).
   */
  takeMisses(lifetime: Millis): Promise<void>;
  counters(): Promise<DataplaneCounters>;
  /** Of a service with persistence; `undefined` when nothing is remembered of the client. */
  remembered(service: string, client: Ipv4): Promise<RememberedClient | undefined>;
  /** All that are remembered, in any order; of servers that were applied once. Throws `KernelError`. */
  clients(service: string): Promise<readonly ServiceClient[]>;
  /**
   * Remembers clients of other directors, each with its server from now on: for as long as said, unless the client sends
   * something. Who is known with this server for longer stays as it is. What finds no room, or whose server was never applied,
   * is left out. Throws `KernelError`.
   */
  remember(service: string, clients: readonly ServiceClient[]): Promise<void>;
  /** The id that stands for a server in marks, also of one that was applied earlier; undefined for one that never was. */
  serverId(service: string, address: Ipv4): number | undefined;
  /**
   * Removes everything that is ours and puts settings back as they were; what was put back, one printable line each. Only for a
   * drained stop that asks for it; a plain stop leaves the kernel forwarding.
   */
  remove(): Promise<readonly string[]>;
  close(): Promise<void>;
}
