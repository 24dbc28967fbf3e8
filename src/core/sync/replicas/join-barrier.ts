/**
 * May this director announce? When it holds what its peers hold, or has waited long enough.
 *
 * It waits for the kernel's dump, for the start to be over (all peers there, or not coming), for every peer that is there to
 * have given all of its own connections, and for bulks of those who are not there. A peer that is empty itself has nothing to
 * give, so a cluster that boots at once does not wait in a circle, and a first director does not wait at all. A service whose
 * definition differs at a peer waits beyond that, it alone, until both have the same file or the time is over. All this holds
 * once: a director that has announced is not stopped by a file that changes.
 */
import type { Instant, Millis } from '../../base/machine.ts';
import type { SyncSettings } from '../../model/sync.ts';
import type { Hello } from '../frames/hello.ts';
import type { MeshEffect, SyncedReason } from '../mesh/mesh-events.ts';

export interface JoinPeer {
  readonly hello: Hello;
  /** All that it owns was given once. */
  readonly complete: boolean;
  /** A bulk of it is under way. */
  readonly busy: boolean;
}

export class JoinBarrier {
  #until: Instant;
  #said: readonly string[] | undefined;
  #reason: SyncedReason | undefined;

  constructor(timeout: Millis, now: Instant) {
    this.#until = now + timeout;
  }

  get synced(): boolean {
    return this.#reason !== undefined;
  }

  get deadline(): Instant | undefined {
    return this.over ? undefined : this.#until;
  }

  /**
   * @param ready the kernel's entries are known, and no peer is waited for that may still come
   * @returns what is to be said, if anything
   */
  evaluate(settings: SyncSettings, ready: boolean, peers: readonly JoinPeer[], now: Instant): MeshEffect | undefined {
    if (this.over) return undefined;
    const late = now >= this.#until;
    this.#reason ??= reasonOf(ready, peers, late);
    if (this.#reason === undefined) return undefined;
    const waiting = late ? [] : servicesThatDiffer(settings, peers);
    if (this.#said !== undefined && this.#said.join() === waiting.join()) return undefined;
    this.#said = waiting;
    return { kind: 'synced', reason: this.#reason, waiting };
  }

  /** All was said. */
  get over(): boolean {
    return this.#said !== undefined && this.#said.length === 0;
  }
}

function reasonOf(ready: boolean, peers: readonly JoinPeer[], late: boolean): SyncedReason | undefined {
  if (ready && peers.every(({ hello, complete, busy }) => hello.empty || (complete && !busy))) {
    return peers.length === 0 ? 'alone' : 'equal';
  }
  return late ? 'timeout' : undefined;
}

/** Names of our services that a peer defines in another way; all, where it hashes in another way. */
export function servicesThatDiffer(
  settings: SyncSettings,
  peers: readonly { readonly hello: Hello }[],
): readonly string[] {
  return settings.services
    .filter(({ service, digest }) =>
      peers.some(({ hello }) => {
        if (hello.tableDigest !== settings.tableDigest) return true;
        const theirs = hello.services.find((each) => each.service === service);
        return theirs !== undefined && theirs.digest !== digest;
      }),
    )
    .map(({ name }) => name);
}
