/**
 * Between what the kernel tells and what directors exchange: words of a connection (src/core/netlink/flow.ts) to a record
 * (src/core/sync/records/record.ts) and back, and which record an event becomes.
 *
 * The mark is this host's own: on the way out the server's id in it becomes service and server, on the way in the two become
 * this host's id. Nothing here makes objects: all goes from one array of numbers into another.
 */
import { putU16, putU32, u16At, u32At } from '../../core/base/big-endian.ts';
import type { Ipv4 } from '../../core/base/ipv4.ts';
import { MOVED_BIT, REPLICA_BIT, SERVER_ID_MASK } from '../../core/dataplane/mark.ts';
import type { SyncService } from '../../core/model/sync.ts';
import type { SyncScope } from '../../core/model/sync-scope.ts';
import {
  IPS_ASSURED,
  IPS_SEEN_REPLY,
  TCP_CONNTRACK_CLOSE,
  TCP_CONNTRACK_ESTABLISHED,
  TCP_CONNTRACK_LAST_ACK,
  TCP_CONNTRACK_TIME_WAIT,
} from '../../core/netlink/conntrack-codes.ts';
import { Flow, NO_STATE, NO_WINDOW_SCALE } from '../../core/netlink/flow.ts';
import {
  BIRTH_MASK,
  Field,
  Op,
  Protocol,
  RECORD_BYTES,
  RecordFlag,
  UNKNOWN_WINDOW_SCALE,
} from '../../core/sync/records/record.ts';

export interface MarkedService {
  readonly service: number;
  readonly scope: SyncScope;
}

/** Which service an id stands for, and which id a server of a service has. */
export class ServiceIndex {
  readonly #byId: readonly (MarkedService | undefined)[];
  readonly #ids: ReadonlyMap<number, ReadonlyMap<Ipv4, number>>;
  /** Does any service sync all of its connections? */
  readonly wantsAll: boolean;

  constructor(services: readonly SyncService[]) {
    const byId: (MarkedService | undefined)[] = [];
    for (const { service, sync, serverIds } of services) {
      for (const [, id] of serverIds) byId[id] = { service, scope: sync };
    }
    this.#byId = Array.from(byId);
    this.#ids = new Map(services.map(({ service, serverIds }) => [service, new Map(serverIds)]));
    this.wantsAll = services.some(({ sync }) => sync === 'all');
  }

  ofMark(mark: number): MarkedService | undefined {
    return this.#byId[mark & SERVER_ID_MASK];
  }

  /** 0 = none. */
  idOf(service: number, server: Ipv4): number {
    return this.#ids.get(service)?.get(server) ?? 0;
  }
}

/** What an event becomes: the op, and beside it flags of the record. */
interface Told {
  readonly op: number;
  readonly flags: number;
}

const PUT: Told = { op: Op.put, flags: 0 };
const PUT_REPLICA: Told = { op: Op.put, flags: RecordFlag.replica };
const CLAIM: Told = { op: Op.put, flags: RecordFlag.claimed };
const DELETE: Told = { op: Op.delete, flags: 0 };
const DELETE_CLAIMED: Told = { op: Op.delete, flags: RecordFlag.claimed };
const DELETE_REPLICA: Told = { op: Op.delete, flags: RecordFlag.replica };
const CLOSING: Told = { op: Op.closing, flags: RecordFlag.replica };

/** How far a TCP connection is, as far as it matters here. */
type Stage = 'beginning' | 'established' | 'half-closed' | 'over';

/** By TCP_CONNTRACK_*: none, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE, SYN_SENT2. */
const STAGES: readonly Stage[] = [
  'beginning',
  'beginning',
  'beginning',
  'established',
  'half-closed',
  'half-closed',
  'over',
  'over',
  'over',
  'beginning',
];

/** UDP goes the same way, by its status; what says nothing of its state is established, or the event was not for that. */
function stageOf(flow: Uint32Array): Stage | undefined {
  const status = flow[Flow.status]!;
  if (flow[Flow.protocol] !== Protocol.tcp) return (status & IPS_SEEN_REPLY) !== 0 ? 'established' : 'beginning';
  const state = flow[Flow.state]!;
  if (state === NO_STATE) return undefined;
  const stage = STAGES[state] ?? 'beginning';
  return stage === 'established' && (status & IPS_ASSURED) === 0 ? 'beginning' : stage;
}

/** What a change of an entry is told as. Half-closed connections live on, for hours perhaps: their owner says nothing yet. */
export function toldOfChange(flow: Uint32Array, scope: SyncScope): Told | undefined {
  if (scope === 'off') return undefined;
  const stage = stageOf(flow);
  const mark = flow[Flow.mark]!;
  if ((mark & REPLICA_BIT) !== 0) return stage === 'over' || stage === 'half-closed' ? CLOSING : undefined;
  if (stage === 'over') return (mark & MOVED_BIT) !== 0 ? DELETE_CLAIMED : DELETE;
  if (stage === 'established') return PUT;
  return scope === 'all' && stage !== undefined ? PUT : undefined;
}

/** What a claim is told as; one that is over is told by its end. */
export function toldOfClaim(flow: Uint32Array, scope: SyncScope): Told | undefined {
  return scope === 'off' || stageOf(flow) === 'over' ? undefined : CLAIM;
}

/** What the end of an entry is told as: nothing, where its connection was told to be over. */
export function toldOfEnd(flow: Uint32Array, scope: SyncScope): Told | undefined {
  if (scope === 'off') return undefined;
  const mark = flow[Flow.mark]!;
  if ((mark & REPLICA_BIT) !== 0) return DELETE_REPLICA;
  const state = flow[Flow.state]!;
  if (state === TCP_CONNTRACK_LAST_ACK || state === TCP_CONNTRACK_TIME_WAIT) return undefined;
  if (scope === 'established' && state !== TCP_CONNTRACK_CLOSE && stageOf(flow) === 'beginning') return undefined;
  return (mark & MOVED_BIT) !== 0 ? DELETE_CLAIMED : DELETE;
}

/** What an entry in a dump is told as. */
export function toldOfEntry(flow: Uint32Array, scope: SyncScope): Told | undefined {
  if (scope === 'off') return undefined;
  const stage = stageOf(flow);
  if (stage === 'over' || (stage === 'beginning' && scope !== 'all')) return undefined;
  return (flow[Flow.mark]! & REPLICA_BIT) !== 0 ? PUT_REPLICA : PUT;
}

/** Room for records that are told at once; it is used again. */
export class RecordBatch {
  readonly #bytes: Uint8Array;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity * RECORD_BYTES);
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  get isFull(): boolean {
    return this.#length === this.#bytes.length;
  }

  /** The records so far, which the next `add` writes over. */
  take(): Uint8Array {
    const records = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return records;
  }

  add(flow: Uint32Array, { op, flags }: Told, service: number): void {
    const bytes = this.#bytes;
    const at = this.#length;
    this.#length += RECORD_BYTES;
    putU32(bytes, at + Field.client, flow[Flow.source]!);
    putU32(bytes, at + Field.vip, flow[Flow.destination]!);
    putU16(bytes, at + Field.clientPort, flow[Flow.sport]!);
    putU16(bytes, at + Field.vipPort, flow[Flow.dport]!);
    bytes[at + Field.protocol] = flow[Flow.protocol]!;
    bytes[at + Field.op] = op;
    bytes[at + Field.state] = stateTold(flow);
    bytes[at + Field.flags] = flags | statusFlags(flow[Flow.status]!);
    putU32(bytes, at + Field.server, flow[Flow.replySource]!);
    putU32(bytes, at + Field.local, flow[Flow.replyDestination]!);
    putU16(bytes, at + Field.serverPort, flow[Flow.replySport]!);
    putU16(bytes, at + Field.localPort, flow[Flow.replyDport]!);
    putU32(bytes, at + Field.service, service);
    putU32(bytes, at + Field.owner, 0);
    putU32(bytes, at + Field.epoch, 0);
    putU32(bytes, at + Field.timeout, flow[Flow.timeout]!);
    const scale = flow[Flow.windowScale]!;
    const scales = scale === NO_WINDOW_SCALE ? UNKNOWN_WINDOW_SCALE : scale;
    putU32(bytes, at + Field.windowScale, (scales << 24) | birthOf(flow));
  }
}

/** The id of an entry that began here; others have the one of where they began, which this kernel does not know. */
function birthOf(flow: Uint32Array): number {
  return (flow[Flow.mark]! & (REPLICA_BIT | MOVED_BIT)) === 0 ? flow[Flow.id]! & BIRTH_MASK : 0;
}

function statusFlags(status: number): number {
  return (
    ((status & IPS_ASSURED) !== 0 ? RecordFlag.assured : 0) |
    ((status & IPS_SEEN_REPLY) !== 0 ? RecordFlag.seenReply : 0)
  );
}

/** An event that is about something else does not say; what is worth telling is established then. */
function stateTold(flow: Uint32Array): number {
  const state = flow[Flow.state]!;
  if (state !== NO_STATE) return state;
  return flow[Flow.protocol] === Protocol.tcp ? TCP_CONNTRACK_ESTABLISHED : 0;
}

/** From the state that a record may have to one that the kernel has: it refuses what it does not know. */
function stateGiven(state: number): number {
  return state >= 1 && state <= TCP_CONNTRACK_CLOSE ? state : TCP_CONNTRACK_ESTABLISHED;
}

/** A record as the words of an entry, but for its mark. */
export function readRecordFlow(bytes: Uint8Array, at: number, flow: Uint32Array): void {
  const flags = bytes[at + Field.flags]!;
  flow[Flow.protocol] = bytes[at + Field.protocol]!;
  flow[Flow.source] = u32At(bytes, at + Field.client);
  flow[Flow.destination] = u32At(bytes, at + Field.vip);
  flow[Flow.sport] = u16At(bytes, at + Field.clientPort);
  flow[Flow.dport] = u16At(bytes, at + Field.vipPort);
  flow[Flow.replySource] = u32At(bytes, at + Field.server);
  flow[Flow.replyDestination] = u32At(bytes, at + Field.local);
  flow[Flow.replySport] = u16At(bytes, at + Field.serverPort);
  flow[Flow.replyDport] = u16At(bytes, at + Field.localPort);
  flow[Flow.status] =
    ((flags & RecordFlag.assured) !== 0 ? IPS_ASSURED : 0) |
    ((flags & RecordFlag.seenReply) !== 0 ? IPS_SEEN_REPLY : 0);
  flow[Flow.timeout] = u32At(bytes, at + Field.timeout);
  flow[Flow.state] = stateGiven(bytes[at + Field.state]!);
  const scale = bytes[at + Field.windowScale]!;
  flow[Flow.windowScale] = scale === UNKNOWN_WINDOW_SCALE ? NO_WINDOW_SCALE : scale;
}

/** Are two connections the same on both sides? */
export function sameTuples(a: Uint32Array, b: Uint32Array): boolean {
  for (let word = Flow.protocol; word <= Flow.replyDport; word++) if (a[word] !== b[word]) return false;
  return true;
}
