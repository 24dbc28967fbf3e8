/** What the mesh hears and what it wishes. Records are batches as in `record.ts`; bytes belong to who receives them. */
import type { Millis } from '../../base/machine.ts';
import type { MemberView, SyncEventName, SyncSettings } from '../../model/sync.ts';

export type MeshInput =
  /** The first makes it work; said again, as a whole, whenever the file has changed. */
  | { readonly kind: 'configure'; readonly settings: SyncSettings }
  /** What the kernel told, in its order. */
  | { readonly kind: 'kernel'; readonly records: Uint8Array }
  /** Part of what `dumpKernel` asked for: entries of our own, and replicas with their flag. */
  | { readonly kind: 'kernelDump'; readonly records: Uint8Array; readonly last: boolean }
  /** Events were lost. */
  | { readonly kind: 'kernelLost' }
  /** A stream to a director of this authenticated name; a second one replaces the first. */
  | { readonly kind: 'opened'; readonly peer: string; readonly stream: number }
  | { readonly kind: 'bytes'; readonly peer: string; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly kind: 'closed'; readonly peer: string; readonly stream: number; readonly reason: string }
  /** A stream to this director could not be opened. */
  | { readonly kind: 'unreachable'; readonly peer: string }
  /** Who knows this connection? `tuple`: 13 bytes as in `frames/query.ts`. Answered by `answered` with the same id. */
  | { readonly kind: 'query'; readonly id: number; readonly side: 'client' | 'server'; readonly tuple: Uint8Array }
  /** What the kernel knows of what `lookUp` asked. */
  | { readonly kind: 'lookedUp'; readonly token: number; readonly record: Uint8Array | undefined }
  /** Part of what `listService` asked for; none = that was all. */
  | { readonly kind: 'listed'; readonly token: number; readonly records: Uint8Array }
  /** All that we have is to be held by every peer: `flushed` says when. */
  | { readonly kind: 'leave' }
  /** The end: peers hear a goodbye, and count us as gone at once; or if we are not back within `back`. */
  | { readonly kind: 'stop'; readonly text: string; readonly back?: Millis | undefined }
  | { readonly kind: 'timer' };

export type MeshEffect =
  | { readonly kind: 'send'; readonly peer: string; readonly stream: number; readonly bytes: Uint8Array }
  /** What was sent before is still to go out. */
  | { readonly kind: 'disconnect'; readonly peer: string; readonly stream: number; readonly reason: string }
  /** The kernel's entries are to be so, in this order; see `Replication.apply`. */
  | { readonly kind: 'apply'; readonly records: Uint8Array }
  /** All entries are wanted, as `kernelDump`. */
  | { readonly kind: 'dumpKernel' }
  | { readonly kind: 'members'; readonly view: MemberView }
  /** This director may announce, but for the services in `waiting`: their definitions differ. Said again when that changes. */
  | { readonly kind: 'synced'; readonly reason: SyncedReason; readonly waiting: readonly string[] }
  /** `silent`: peers that have not acknowledged all. */
  | { readonly kind: 'flushed'; readonly silent: readonly string[] }
  | ({ readonly kind: 'answered'; readonly id: number } & QueryResult)
  /** A peer asks for what the table does not hold. */
  | { readonly kind: 'lookUp'; readonly token: number; readonly side: 'client' | 'server'; readonly tuple: Uint8Array }
  /** What the kernel carries here of an unsynced service is wanted, as `listed`; about so many at most. */
  | { readonly kind: 'listService'; readonly token: number; readonly service: number; readonly most: number }
  /** A peer's packets met a connection that we have predicted: the server has answered. */
  | { readonly kind: 'servedPrediction'; readonly record: Uint8Array }
  | { readonly kind: 'event'; readonly event: SyncEventName; readonly values: Readonly<Record<string, unknown>> };

export type SyncedReason = 'equal' | 'alone' | 'timeout';

export interface QueryResult {
  readonly record: Uint8Array | undefined;
  /** Names of the peers that were asked, that said not to know it, and that have not answered. */
  readonly asked: readonly string[];
  readonly unknown: readonly string[];
  readonly silent: readonly string[];
}
