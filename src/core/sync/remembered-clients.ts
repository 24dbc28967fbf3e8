/**
 * Which server a client's new connections go to, between the kernel's maps and the mesh.
 *
 * Packets write these maps and no event tells of it, so they are read again and again. In: what a map holds; what peers say.
 * Out: persistence entries (`record.ts`) for the peers, and clients for the maps. What is news: a client that is new, one that
 * has another server, one that lives on noticeably longer than was last told, one that is gone. A client of whom only a SYN
 * was seen is remembered for seconds by the kernel, and not told: a flood of forged ones would go to all directors.
 *
 * A client that sends to two directors is remembered at both: whoever told last owns the entry. Not here: whose word counts
 * (`ownership.ts`), reading and writing maps (`drivers/dataplane`), when that is done.
 */
import { u32At } from '../base/big-endian.ts';
import type { Ipv4 } from '../base/ipv4.ts';
import type { Millis } from '../base/machine.ts';
import {
  Field,
  isRemembered,
  Op,
  Protocol,
  RECORD_BYTES,
  RecordFlag,
  UNKNOWN_WINDOW_SCALE,
  writeRecord,
} from './records/record.ts';
import { RecordBuffer } from './records/record-buffer.ts';
import { ConnectionTable, NO_SLOT } from './table/connection-table.ts';
import { SlotStamps } from './table/slot-stamps.ts';

/** A client in a service's map. */
export interface SeenClient {
  readonly client: Ipv4;
  readonly server: Ipv4;
  /** How long it is remembered if it sends nothing more. */
  readonly expiresIn: Millis;
}

/** A service whose clients are remembered. */
export interface RememberingService {
  /** `serviceHash` of its name. */
  readonly service: number;
  /** Seconds for which a client is remembered. */
  readonly persistence: number;
}

/** Seconds for which the kernel remembers who has only sent a SYN. */
const PROVISIONAL = 10;

/** In the table here, in place of a router id: who has told of an entry last. */
const Teller = { self: 1, peer: 2 } as const;

export class RememberedClients {
  readonly #self: Ipv4;
  readonly #table: ConnectionTable;
  /** By slot: the last round in which the kernel had it, or will have. */
  readonly #stamps = new SlotStamps();
  readonly #news = new RecordBuffer();
  readonly #scratch = new Uint8Array(RECORD_BYTES);
  #wanted = new Map<number, SeenClient[]>();
  #round = 1;

  /**
   * @param seed random bits
   * @param self our router id
   */
  constructor(seed: number, self: Ipv4) {
    this.#self = self;
    this.#table = new ConnectionTable({ seed });
  }

  get size(): number {
    return this.#table.size;
  }

  /** What a service's map holds, all of it. */
  seen({ service, persistence }: RememberingService, clients: Iterable<SeenClient>, seconds: number): void {
    for (const seen of clients) this.#look(service, persistence, seen, seconds);
  }

  /** All maps were read: what was in none of them is gone. */
  endRound(): void {
    this.#table.walk(0, Number.MAX_SAFE_INTEGER, (slot) => {
      if (this.#stamps.get(slot) >= this.#round) return;
      const at = this.#table.offset(slot);
      if (this.#tellerOf(slot) === Teller.self)
        this.#news.bytes[this.#news.add(this.#table.bytes, at) + Field.op] = Op.delete;
      this.#table.remove(slot);
    });
    this.#round += 1;
  }

  /** What the peers are to hear: put and delete. */
  takeNews(): Uint8Array {
    return this.#news.take();
  }

  /** What is to become of persistence entries here, as the mesh has it; other records are not looked at. */
  heard(records: Uint8Array, seconds: number): void {
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      if (!isRemembered(records, at)) continue;
      const slot = this.#table.find(records, at);
      if ((records[at + Field.flags]! & RecordFlag.demote) !== 0) this.#setTeller(slot, Teller.peer);
      else if (records[at + Field.op] === Op.delete) this.#forget(slot);
      else this.#want(records, at, seconds);
    }
  }

  /** By service: clients for its map. */
  takeWanted(): ReadonlyMap<number, readonly SeenClient[]> {
    const wanted = this.#wanted;
    this.#wanted = new Map();
    return wanted;
  }

  #look(service: number, persistence: number, { client, server, expiresIn }: SeenClient, seconds: number): void {
    const timeout = Math.ceil(expiresIn / 1000);
    const record = this.#scratch;
    writeEntry(record, { service, client, server, timeout });
    const slot = this.#table.find(record, 0);
    if (slot === NO_SLOT) {
      if (timeout > PROVISIONAL || persistence <= PROVISIONAL) this.#tell(record, seconds);
      return;
    }
    // What was heard in this round is not in the map yet, or has just come there: the map says nothing about it.
    if (this.#stamps.get(slot) > this.#round) return;
    this.#stamps.set(slot, this.#round);
    const moved = u32At(this.#table.bytes, this.#table.offset(slot) + Field.server) !== server;
    const longer = timeout - this.#table.secondsLeft(slot, seconds);
    if (moved || longer > Math.max(1, persistence / 3)) this.#tell(record, seconds);
  }

  #tell(record: Uint8Array, seconds: number): void {
    this.#stamps.set(this.#table.put(record, 0, seconds), this.#round);
    this.#news.add(record, 0);
  }

  #want(records: Uint8Array, at: number, seconds: number): void {
    const service = u32At(records, at + Field.service);
    const slot = this.#table.put(records, at, seconds);
    // What a peer gives back of our former life is ours.
    this.#setTeller(slot, u32At(records, at + Field.owner) === this.#self ? Teller.self : Teller.peer);
    // It is not in the map before this round is over.
    this.#stamps.set(slot, this.#round + 1);
    const clients = this.#wanted.get(service) ?? [];
    const [client, server] = [u32At(records, at + Field.client), u32At(records, at + Field.server)];
    clients.push({ client, server, expiresIn: u32At(records, at + Field.timeout) * 1000 });
    this.#wanted.set(service, clients);
  }

  /** Nobody else speaks for it any more; what the kernel has of it runs out, or is seen again. */
  #forget(slot: number): void {
    if (slot !== NO_SLOT && this.#tellerOf(slot) === Teller.peer) this.#table.remove(slot);
  }

  #tellerOf(slot: number): number {
    return u32At(this.#table.bytes, this.#table.offset(slot) + Field.owner);
  }

  #setTeller(slot: number, teller: number): void {
    if (slot === NO_SLOT) return;
    const record = this.#table.record(slot).slice();
    record[Field.owner + 3] = teller;
    record.fill(0, Field.owner, Field.owner + 3);
    this.#table.put(record, 0, this.#table.toldAt(slot));
  }
}

/** The persistence entries among some records, as bytes of their own. */
export function persistenceEntries(records: Uint8Array): Uint8Array {
  const entries = new RecordBuffer();
  for (let at = 0; at < records.length; at += RECORD_BYTES) if (isRemembered(records, at)) entries.add(records, at);
  return entries.take();
}

interface Entry extends Omit<SeenClient, 'expiresIn'> {
  readonly service: number;
  readonly timeout: number;
}

/** As told by us; owner and epoch are the mesh's to fill in. */
function writeEntry(bytes: Uint8Array, { service, client, server, timeout }: Entry): void {
  writeRecord(bytes, 0, {
    ...{ client, vip: service, clientPort: 0, vipPort: 0, protocol: Protocol.persistence },
    ...{ op: Op.put, state: 0, flags: 0, server, local: 0, serverPort: 0, localPort: 0 },
    ...{ service, owner: Teller.self, epoch: 0, timeout, windowScale: UNKNOWN_WINDOW_SCALE, birth: 0 },
  });
}
