/**
 * One host's table of connections in memory, for tests without a kernel: what packets make of an entry, and what is told of it,
 * as the product's own rules have it (src/core/dataplane/rules/ownership.ts). `fake-ctnetlink.ts` is its other face.
 */
import { IPPROTO_TCP } from '../../core/base/ip-protocol.ts';
import { MOVED_BIT, REPLICA_BIT } from '../../core/dataplane/mark.ts';
import type { Tuple } from '../../core/netlink/conntrack.ts';
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT,
  TCP_CONNTRACK_CLOSE,
  TCP_CONNTRACK_ESTABLISHED,
  TCP_CONNTRACK_FIN_WAIT,
  TCP_CONNTRACK_LAST_ACK,
  TCP_CONNTRACK_SYN_RECV,
  TCP_CONNTRACK_SYN_SENT,
} from '../../core/netlink/conntrack-codes.ts';
import { NO_STATE, NO_WINDOW_SCALE } from '../../core/netlink/flow.ts';

export interface FakeEntry {
  readonly original: Tuple;
  readonly reply: Tuple;
  readonly id: number;
  mark: number;
  status: number;
  /** Seconds; no clock runs here. */
  timeout: number;
  /** TCP_CONNTRACK_*; `NO_STATE` of other protocols. */
  state: number;
  windowScale: number;
}

export type FakeEventKind = 'new' | 'update' | 'destroy';

/** @param withState the event is about the protocol's state, so that it is in the message */
export type FakeEventListener = (kind: FakeEventKind, entry: FakeEntry, withState: boolean, portId: number) => void;

const ESTABLISHED_SECONDS = 432_000;

export const tupleKey = ({ protocol, source, destination, sport, dport }: Tuple): string =>
  `${protocol} ${source}:${sport} ${destination}:${dport}`;

export const inverse = ({ protocol, source, destination, sport, dport }: Tuple): Tuple => ({
  protocol,
  source: destination,
  destination: source,
  sport: dport,
  dport: sport,
});

/** Bits of the status that a translation gives. */
export function translationOf(original: Tuple, reply: Tuple): number {
  const plain = inverse(original);
  const to = reply.source !== plain.source || reply.sport !== plain.sport ? IPS_DST_NAT : 0;
  const from = reply.destination !== plain.destination || reply.dport !== plain.dport ? IPS_SRC_NAT : 0;
  return to | from;
}

export class FakeEntries {
  readonly #byOriginal = new Map<string, FakeEntry>();
  readonly #byReply = new Map<string, FakeEntry>();
  readonly #tell: FakeEventListener;
  #nextId = 1;
  /** Destinations of what packets begin are translated by IPVS, which gives no status bit for it. */
  byIpvs = false;

  constructor(tell: FakeEventListener) {
    this.#tell = tell;
  }

  get size(): number {
    return this.#byOriginal.size;
  }

  all(): readonly FakeEntry[] {
    return [...this.#byOriginal.values()];
  }

  byOriginal(tuple: Tuple): FakeEntry | undefined {
    return this.#byOriginal.get(tupleKey(tuple));
  }

  byReply(tuple: Tuple): FakeEntry | undefined {
    return this.#byReply.get(tupleKey(tuple));
  }

  /** Tells of nothing. */
  insert(values: Omit<FakeEntry, 'id'>): FakeEntry {
    const entry = { ...values, id: this.#nextId++ };
    this.#byOriginal.set(tupleKey(entry.original), entry);
    this.#byReply.set(tupleKey(entry.reply), entry);
    return entry;
  }

  /** Time has run out for it, or somebody deletes it. */
  remove(entry: FakeEntry, portId = 0): void {
    this.#byOriginal.delete(tupleKey(entry.original));
    this.#byReply.delete(tupleKey(entry.reply));
    this.#tell('destroy', entry, true, portId);
  }

  /** A connection of this host, until both ends have sent, as the rules make it and tell of it. */
  establish(original: Tuple, reply: Tuple, serverId: number, windowScale = 0x77): FakeEntry {
    const isTcp = original.protocol === IPPROTO_TCP;
    const bits = this.byIpvs ? IPS_SRC_NAT : IPS_SRC_NAT | IPS_DST_NAT;
    const entry = this.insert({
      original,
      reply,
      mark: serverId,
      status: IPS_CONFIRMED | (translationOf(original, reply) & bits),
      timeout: ESTABLISHED_SECONDS,
      state: isTcp ? TCP_CONNTRACK_SYN_SENT : NO_STATE,
      windowScale: isTcp ? windowScale : NO_WINDOW_SCALE,
    });
    this.#tell('new', entry, isTcp, 0);
    entry.status |= IPS_SEEN_REPLY;
    if (isTcp) {
      entry.state = TCP_CONNTRACK_SYN_RECV;
      this.#tell('update', entry, true, 0);
      entry.state = TCP_CONNTRACK_ESTABLISHED;
      entry.status |= IPS_ASSURED;
    }
    this.#tell('update', entry, isTcp, 0);
    return entry;
  }

  /** The client's next packet on an entry that is there: whoever carried it, this host does from now on. */
  clientPacket(entry: FakeEntry): void {
    if (this.#claim(entry)) this.#tell('update', entry, false, 0);
  }

  #claim(entry: FakeEntry): boolean {
    if ((entry.mark & REPLICA_BIT) === 0) return false;
    entry.mark = ((entry.mark & ~REPLICA_BIT) | MOVED_BIT) >>> 0;
    return true;
  }

  /** A FIN, or RST, of one end passes. */
  close(entry: FakeEntry, how: 'fin' | 'reset', from: 'client' | 'server'): void {
    if (from === 'client') this.#claim(entry);
    const first = entry.state === TCP_CONNTRACK_ESTABLISHED;
    entry.state = how === 'reset' ? TCP_CONNTRACK_CLOSE : first ? TCP_CONNTRACK_FIN_WAIT : TCP_CONNTRACK_LAST_ACK;
    this.#tell('update', entry, true, 0);
  }
}
