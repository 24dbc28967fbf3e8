/**
 * The second chance of a packet in mid-life that nobody here knows: it waits, for a moment, until the other directors have said
 * whose connection it is, and goes on its way as if it had been known.
 *
 *   packet -> query -> known here   -> the packet again
 *                      known        -> the kernel's entry is made -> the packet again
 *                      unknown      -> a prediction (`prediction.ts`), if it is a client's -> the same, or at the next port of its block
 *                      too late     -> dropped, as is all that has no way on: its sender sends it again
 *
 * Nothing is ever answered by RST. What anybody can make us do is bounded: flows that wait (those of clients and those that
 * servers answer apart, so that neither keeps out the other), of one client, packets of a flow, their bytes, and queries a
 * second. Beyond a bound a packet costs one look into a Map, is counted and forgotten.
 *
 * In: packets, answers, what came of it, and for predictions what the kernel tells. Out: wishes. Not here: who is asked and how
 * (the mesh), what the kernel's entry looks like (the back end), how packets come and go (`src/drivers/miss`).
 */
import { u32At } from '../../base/big-endian.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Instant, Machine, Millis } from '../../base/machine.ts';
import type { SyncService } from '../../model/sync.ts';
import { type FlowTuple, flowKey, tupleBytes } from '../records/flow-key.ts';
import { Field, Protocol, recordsOf } from '../records/record.ts';
import { PendingPredictions, type PredictionCounts, type PredictionEffect } from './pending-predictions.ts';
import { atNextPort, type NoPrediction, type PredictionBase, Predictor, type Remembered } from './prediction.ts';

/** Whose packet it is: the client's, towards a VIP, or the server's, towards a local address. */
export type Side = 'client' | 'server';

/** What the machine has to know of a packet; all else it hands back as it was. */
export interface MissedPacket extends FlowTuple {
  /** Borrowed: copied when the packet waits. */
  readonly bytes: Uint8Array;
  /** Of TCP, bits of its header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16. */
  readonly flags: number;
}

/** `taken`: the entry is there as the record says; `in-use`: it is not, another connection has its tuple. */
export type ApplyOutcome = 'taken' | 'in-use' | 'refused';

export type SecondChanceInput<P extends MissedPacket> =
  | { readonly kind: 'configure'; readonly base: PredictionBase; readonly locals: readonly Ipv4[] }
  | { readonly kind: 'packet'; readonly packet: P }
  /** `record` is what is known, undefined = nothing; `silent`: so many did not say. */
  | {
      readonly kind: 'answered';
      readonly id: number;
      readonly record: Uint8Array | undefined;
      readonly silent: number;
    }
  /** What came of `apply`. */
  | { readonly kind: 'applied'; readonly id: number; readonly outcome: ApplyOutcome }
  /** What the kernel told of connections. */
  | { readonly kind: 'kernel'; readonly records: Uint8Array }
  /** Another director asked for the server side of this connection, which is a prediction of ours. */
  | { readonly kind: 'served'; readonly record: Uint8Array }
  /** What the kernel has of a connection that was to be looked up; undefined = nothing. */
  | { readonly kind: 'looked'; readonly record: Uint8Array; readonly found: Uint8Array | undefined }
  | { readonly kind: 'timer' };

export type SecondChanceEffect<P> =
  | { readonly kind: 'query'; readonly id: number; readonly side: Side; readonly tuple: Uint8Array }
  /** One record, answered by `applied`. */
  | { readonly kind: 'apply'; readonly id: number; readonly records: Uint8Array }
  | { readonly kind: 'reinject'; readonly packets: readonly P[] }
  | PredictionEffect;

/**
 * Why packets were dropped.
 *
 * - foreign: for no service, and no local address
 * - pointless: a SYN of a client or a server, which begins a connection; a RST of a connection that nobody knows
 * - source, full, bytes, rate: over a bound
 * - late: nobody answered in time; silent: somebody did not, and nobody else knew it
 * - server-first: unknown, and the packet is the server's, which names no client
 * - predictions: as many as may be wait for their servers
 * - refused: the kernel did not take the entry, as of a tuple in use
 */
export type DropReason =
  | 'foreign'
  | 'pointless'
  | 'source'
  | 'full'
  | 'bytes'
  | 'rate'
  | 'late'
  | 'silent'
  | 'server-first'
  | 'predictions'
  | 'refused'
  | NoPrediction;

export interface SecondChanceCounts {
  packets: number;
  queries: number;
  /** Flows that somebody knew, this director among them. */
  known: number;
  reinjected: number;
  readonly predictions: PredictionCounts;
  /** Packets. */
  readonly dropped: ReadonlyMap<DropReason, number>;
}

/** Flows of either side that wait at once, flows of one client, packets of one flow, bytes of all packets. */
export const MAX_FLOWS = 2048;
export const MAX_FLOWS_OF_SOURCE = 1024;
export const MAX_PACKETS = 16;
export const MAX_BYTES = 8 * 1024 * 1024;
/** From the first packet of a flow to the last moment at which it is sent on. */
export const MAX_WAIT: Millis = 250;
/** Ports of a block that are tried behind the one that a flow has by its hash. */
const MORE_PORTS = 3;
/** Queries a second, and at once. */
export const QUERY_RATE = 10_000;
export const QUERY_BURST = 2000;

const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;

interface Flow<P> {
  readonly id: number;
  readonly key: string;
  readonly side: Side;
  readonly source: Ipv4;
  readonly service: SyncService | undefined;
  readonly packets: P[];
  readonly deadline: Instant;
}

/** A flow whose entry the kernel was asked to make. */
interface Applying<P> {
  readonly flow: Flow<P>;
  readonly prediction: Uint8Array | undefined;
  /** Ports of the block that are left to be tried. */
  readonly ports: number;
}

export class SecondChance<P extends MissedPacket> implements Machine<SecondChanceInput<P>, SecondChanceEffect<P>> {
  readonly #remembered: Remembered;
  readonly #predictions = new PendingPredictions();
  readonly #dropped = new Map<DropReason, number>();
  readonly #counts = { packets: 0, queries: 0, known: 0, reinjected: 0 };
  #base: PredictionBase | undefined;
  #predictor: Predictor | undefined;
  #services: ReadonlyMap<string, SyncService> = new Map();
  #locals: ReadonlySet<Ipv4> = new Set();

  /** Of which somebody was asked, in the order of deadlines, as all wait equally long. */
  readonly #asking = new Map<number, Flow<P>>();
  /** These have no deadline: the kernel always answers. */
  readonly #applying = new Map<number, Applying<P>>();
  /** Both of them. */
  readonly #byKey = new Map<string, Flow<P>>();
  readonly #waiting: Record<Side, number> = { client: 0, server: 0 };
  readonly #bySource = new Map<Ipv4, number>();
  #bytes = 0;
  #nextId = 1;
  #tokens = QUERY_BURST;
  #tokensAt: Instant = 0;

  /** @param remembered which server a persistence entry names for a client */
  constructor(remembered: Remembered = () => undefined) {
    this.#remembered = remembered;
  }

  get deadline(): Instant | undefined {
    const { deadline } = this.#predictions;
    for (const flow of this.#asking.values()) return Math.min(flow.deadline, deadline ?? flow.deadline);
    return deadline;
  }

  /** Flows that wait for an answer, and predictions that wait for their servers. */
  get waiting(): { readonly flows: number; readonly predictions: number } {
    return { flows: this.#byKey.size, predictions: this.#predictions.size };
  }

  counts(): SecondChanceCounts {
    return { ...this.#counts, predictions: { ...this.#predictions.counts }, dropped: new Map(this.#dropped) };
  }

  /** Is the connection of this record predicted and not confirmed? Others are not to hear of it. */
  holds(records: Uint8Array, at: number): boolean {
    return this.#predictions.holds(records, at);
  }

  handle(input: SecondChanceInput<P>, now: Instant): readonly SecondChanceEffect<P>[] {
    switch (input.kind) {
      case 'configure':
        this.#configure(input.base, input.locals);
        return [];
      case 'packet':
        return this.#packet(input.packet, now);
      case 'answered':
        return this.#answered(input.id, input.record, input.silent, now);
      case 'applied':
        return this.#applied(input.id, input.outcome);
      case 'kernel':
        this.#predictions.told(input.records);
        return [];
      case 'served':
        return this.#predictions.served(input.record);
      case 'looked':
        return this.#predictions.looked(input.record, input.found);
      case 'timer':
        this.#giveUp(now);
        return this.#predictions.expire(now);
    }
  }

  #configure(base: PredictionBase, locals: readonly Ipv4[]): void {
    this.#base = base;
    this.#predictor = new Predictor(base, this.#remembered);
    this.#locals = new Set(locals);
    this.#services = servicesByTarget(base.services);
  }

  #packet(packet: P, now: Instant): readonly SecondChanceEffect<P>[] {
    this.#counts.packets += 1;
    const key = flowKey(packet);
    const known = this.#byKey.get(key);
    if (known !== undefined) return this.#join(known, packet);
    const service = this.#serviceOf(packet);
    const side = service !== undefined ? 'client' : this.#locals.has(packet.destination) ? 'server' : undefined;
    if (side === undefined) return this.#drop('foreign');
    if (isFirst(packet)) return this.#drop('pointless');
    const over = this.#bound(side, packet, now);
    if (over !== undefined) return this.#drop(over);
    const flow = this.#wait(key, side, service, packet, now);
    this.#counts.queries += 1;
    return [{ kind: 'query', id: flow.id, side, tuple: tupleBytes(packet) }];
  }

  #serviceOf(packet: P): SyncService | undefined {
    const { protocol, destination, dport } = packet;
    return this.#services.get(target(destination, protocol, dport)) ?? this.#services.get(target(destination, 0, 0));
  }

  /** One more packet of a flow that waits. */
  #join(flow: Flow<P>, packet: P): readonly SecondChanceEffect<P>[] {
    if (flow.packets.length >= MAX_PACKETS) return this.#drop('full');
    if (this.#bytes + packet.bytes.length > MAX_BYTES) return this.#drop('bytes');
    flow.packets.push(this.#keep(packet));
    return [];
  }

  #keep(packet: P): P {
    this.#bytes += packet.bytes.length;
    return { ...packet, bytes: packet.bytes.slice() };
  }

  #bound(side: Side, packet: P, now: Instant): DropReason | undefined {
    if (this.#waiting[side] >= MAX_FLOWS) return 'full';
    if (side === 'client' && (this.#bySource.get(packet.source) ?? 0) >= MAX_FLOWS_OF_SOURCE) return 'source';
    if (this.#bytes + packet.bytes.length > MAX_BYTES) return 'bytes';
    return this.#mayAsk(now) ? undefined : 'rate';
  }

  #mayAsk(now: Instant): boolean {
    this.#tokens = Math.min(QUERY_BURST, this.#tokens + ((now - this.#tokensAt) * QUERY_RATE) / 1000);
    this.#tokensAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #wait(key: string, side: Side, service: SyncService | undefined, packet: P, now: Instant): Flow<P> {
    const id = this.#nextId;
    this.#nextId = id === 0xffffffff ? 1 : id + 1;
    const { source } = packet;
    const packets = [this.#keep(packet)];
    const flow: Flow<P> = { id, key, side, source, service, packets, deadline: now + MAX_WAIT };
    this.#asking.set(id, flow);
    this.#byKey.set(key, flow);
    this.#waiting[side] += 1;
    if (side === 'client') this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + 1);
    return flow;
  }

  /** It waits no longer. */
  #release(flow: Flow<P>): void {
    this.#asking.delete(flow.id);
    this.#applying.delete(flow.id);
    this.#byKey.delete(flow.key);
    this.#waiting[flow.side] -= 1;
    for (const { bytes } of flow.packets) this.#bytes -= bytes.length;
    if (flow.side !== 'client') return;
    const left = this.#bySource.get(flow.source)! - 1;
    if (left === 0) this.#bySource.delete(flow.source);
    else this.#bySource.set(flow.source, left);
  }

  #drop(reason: DropReason, packets = 1): readonly SecondChanceEffect<P>[] {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + packets);
    return [];
  }

  #dropFlow(flow: Flow<P>, reason: DropReason): readonly SecondChanceEffect<P>[] {
    this.#release(flow);
    return this.#drop(reason, flow.packets.length);
  }

  #sendOn(flow: Flow<P>): readonly SecondChanceEffect<P>[] {
    this.#release(flow);
    this.#counts.reinjected += flow.packets.length;
    return [{ kind: 'reinject', packets: flow.packets }];
  }

  #answered(
    id: number,
    record: Uint8Array | undefined,
    silent: number,
    now: Instant,
  ): readonly SecondChanceEffect<P>[] {
    const flow = this.#asking.get(id);
    if (flow === undefined) return [];
    if (record !== undefined) return this.#known(flow, record);
    if (silent > 0) return this.#dropFlow(flow, 'silent');
    return this.#predict(flow, now);
  }

  #known(flow: Flow<P>, record: Uint8Array): readonly SecondChanceEffect<P>[] {
    this.#counts.known += 1;
    // The kernel has it: another packet of it was faster, or this one was not what conntrack expects of it.
    if (u32At(record, Field.owner) === this.#base?.self) return this.#sendOn(flow);
    this.#asking.delete(flow.id);
    this.#applying.set(flow.id, { flow, prediction: undefined, ports: 0 });
    return [{ kind: 'apply', id: flow.id, records: record.slice() }];
  }

  #predict(flow: Flow<P>, now: Instant): readonly SecondChanceEffect<P>[] {
    const { service, packets } = flow;
    if (service === undefined || this.#predictor === undefined) return this.#dropFlow(flow, 'server-first');
    if ((packets[0]!.flags & RST) !== 0 && packets[0]!.protocol === Protocol.tcp)
      return this.#dropFlow(flow, 'pointless');
    if (this.#predictions.isFull) return this.#dropFlow(flow, 'predictions');
    const record = this.#predictor.predict(service, packets[0]!, now);
    if (typeof record === 'string') return this.#dropFlow(flow, record);
    const prediction = recordsOf([record]);
    this.#asking.delete(flow.id);
    this.#applying.set(flow.id, { flow, prediction, ports: service.fullnat ? MORE_PORTS : 0 });
    this.#predictions.add(prediction, service.establishedTimeout, now);
    return [{ kind: 'apply', id: flow.id, records: prediction }];
  }

  #applied(id: number, outcome: ApplyOutcome): readonly SecondChanceEffect<P>[] {
    const applying = this.#applying.get(id);
    if (applying === undefined) return [];
    const { flow, prediction, ports } = applying;
    if (outcome === 'taken') return this.#sendOn(flow);
    if (prediction !== undefined && outcome === 'in-use' && ports > 0) return this.#atNextPort(flow, prediction, ports);
    if (prediction !== undefined) this.#predictions.refused(prediction);
    return this.#dropFlow(flow, 'refused');
  }

  /** Who had the port when the connection began has it now, so the kernel of the dead director went on, too. */
  #atNextPort(flow: Flow<P>, taken: Uint8Array, ports: number): readonly SecondChanceEffect<P>[] {
    const prediction = atNextPort(taken);
    this.#predictions.instead(prediction);
    this.#applying.set(flow.id, { flow, prediction, ports: ports - 1 });
    return [{ kind: 'apply', id: flow.id, records: prediction }];
  }

  #giveUp(now: Instant): void {
    for (const flow of this.#asking.values()) {
      if (flow.deadline > now) break;
      this.#dropFlow(flow, 'late');
    }
  }
}

/** Where a service's packets go, as a key; protocol and port 0: wherever. */
function target(address: Ipv4, protocol: number, port: number): string {
  return String.fromCharCode(address >>> 16, address & 0xffff, port, protocol);
}

function servicesByTarget(services: readonly SyncService[]): ReadonlyMap<string, SyncService> {
  const found = new Map<string, SyncService>();
  for (const service of services) {
    // Records have no SCTP: nobody could answer for its flows.
    if (service.protocol === 'sctp') continue;
    const protocol = Protocol[service.protocol];
    for (const vip of service.vips) {
      // A VIP of a service that is known by a mark is of no other.
      if (service.ports.length === 0) found.set(target(vip, 0, 0), service);
      for (const port of service.ports) found.set(target(vip, protocol, port), service);
    }
  }
  return found;
}

/** A SYN begins a connection, wherever it comes from; a SYN-ACK of a server answers one that another director has begun. */
function isFirst({ protocol, flags }: MissedPacket): boolean {
  return protocol === Protocol.tcp && (flags & (SYN | RST | ACK)) === SYN;
}
