/**
 * Directors in memory: meshes with streams between them, kernels that hold connections, and a clock that jumps to the next
 * thing that happens. The same seed gives the same run.
 *
 * A stream delivers in order, or breaks and loses what was under way. A kernel does for `Mesh` what the conntrack table and its
 * back end do, by the rules of `src/drivers/conntrack/replication.ts`: a put never changes an entry's translation, a delete
 * takes away only a replica, a packet of the client makes a replica ours and that is told, a copy of which nobody tells times
 * out.
 */
import type { Instant, Millis } from '../../src/core/base/machine.ts';
import { Prng } from '../../src/core/base/prng.ts';
import type { SyncDirector, SyncSettings } from '../../src/core/model/sync.ts';
import { Mesh } from '../../src/core/sync/mesh/mesh.ts';
import type { MeshEffect, MeshInput } from '../../src/core/sync/mesh/mesh-events.ts';
import {
  type ConnectionRecord,
  Op,
  RecordFlag,
  readRecords,
  recordsOf,
  serviceHash,
  UNKNOWN_WINDOW_SCALE,
} from '../../src/core/sync/records/record.ts';

const CLOSING_TIMEOUT = 10;
const ESTABLISHED = 3;
const TIME_WAIT = 7;
const REDIAL: Millis = 200;
const LINK_DELAY: Millis = 0.2;
const KERNEL_DELAY: Millis = 0.1;
/** A packet has come since the entries were last looked at for those that time out. */
const USED = Number.POSITIVE_INFINITY;
const SERVICE = serviceHash('web');

/** A client's connection: tuple number `key`, to server number `server`. */
export interface Flow {
  readonly key: number;
  readonly server: number;
}

type Mark = 'own' | 'moved' | 'replica';

interface Entry {
  readonly flow: Flow;
  mark: Mark;
  expiresAt: Instant;
  /** The kernel's id of what began here; 0 = it began elsewhere. */
  readonly id: number;
}

function recordOf(
  { key, server }: Flow,
  op: number,
  flags: number,
  timeout: number,
  state = ESTABLISHED,
  birth = 0,
): ConnectionRecord {
  return {
    client: 0x0a000000 + key,
    vip: 0xc0000201,
    clientPort: 1024 + (key % 60_000),
    vipPort: 80,
    protocol: 6,
    op,
    state,
    flags: flags | RecordFlag.assured | RecordFlag.seenReply,
    server: 0x0a640000 + server,
    local: 0x0a000000 + key,
    serverPort: 8080,
    localPort: 1024 + (key % 60_000),
    service: SERVICE,
    owner: 0,
    epoch: 0,
    timeout,
    windowScale: flags & RecordFlag.claimed ? UNKNOWN_WINDOW_SCALE : 0x77,
    birth,
  };
}

function flowOf(record: ConnectionRecord): Flow {
  return { key: record.client - 0x0a000000, server: record.server - 0x0a640000 };
}

/** A conntrack table and its back end. */
export class SimKernel {
  static #ids = 0;
  readonly entries = new Map<number, Entry>();
  /** Seconds that an entry lasts unused. */
  timeout = 120;
  /** Hears what happens; undefined while nobody listens. */
  listener: ((records: Uint8Array) => void) | undefined;
  /** Asked before an entry is deleted by order of the mesh. */
  onDelete: ((flow: Flow) => void) | undefined;

  open(flow: Flow): void {
    const id = ++SimKernel.#ids;
    this.entries.set(flow.key, { flow, mark: 'own', expiresAt: USED, id });
    this.#tell(recordOf(flow, Op.put, 0, this.timeout, ESTABLISHED, id));
  }

  /** A packet of the client. Returns whether it found its way to the right server. */
  packet(flow: Flow): boolean {
    const entry = this.entries.get(flow.key);
    if (entry?.flow.server !== flow.server) return false;
    entry.expiresAt = USED;
    if (entry.mark === 'replica') {
      entry.mark = 'moved';
      this.#tell(recordOf(flow, Op.put, RecordFlag.claimed, this.timeout));
    }
    return true;
  }

  /** Both ends have closed. */
  close(flow: Flow, now: Instant): void {
    const entry = this.entries.get(flow.key);
    if (entry?.flow.server !== flow.server) return;
    if (entry.mark === 'replica') {
      entry.expiresAt = now + CLOSING_TIMEOUT * 1000;
      this.#tell(recordOf(flow, Op.closing, 0, CLOSING_TIMEOUT, TIME_WAIT));
    } else {
      this.entries.delete(flow.key);
      this.#tell(recordOf(flow, Op.delete, 0, 0, TIME_WAIT));
    }
  }

  expire(now: Instant): void {
    for (const [key, entry] of [...this.entries]) {
      const { flow, mark } = entry;
      if (entry.expiresAt === USED) entry.expiresAt = now + this.timeout * 1000;
      if (entry.expiresAt > now) continue;
      this.entries.delete(key);
      this.#tell(recordOf(flow, Op.delete, mark === 'replica' ? RecordFlag.replica : 0, 0));
    }
  }

  apply(records: Uint8Array, now: Instant): void {
    for (const record of readRecords(records)) this.#apply(record, now);
  }

  dump(): Uint8Array {
    const flags = { own: 0, moved: RecordFlag.claimed, replica: RecordFlag.replica };
    return recordsOf(
      [...this.entries.values()].map(({ flow, mark, id }) =>
        recordOf(flow, Op.put, flags[mark], this.timeout, ESTABLISHED, mark === 'own' ? id : 0),
      ),
    );
  }

  #apply(record: ConnectionRecord, now: Instant): void {
    const flow = flowOf(record);
    const entry = this.entries.get(flow.key);
    const expiresAt = now + record.timeout * 1000;
    if (record.op === Op.delete) {
      if (entry?.mark !== 'replica' || entry.flow.server !== flow.server) return;
      this.onDelete?.(flow);
      this.entries.delete(flow.key);
    } else if ((record.flags & RecordFlag.demote) !== 0) {
      if (entry === undefined) return;
      entry.mark = 'replica';
    } else if (entry === undefined) this.entries.set(flow.key, { flow, mark: 'replica', expiresAt, id: 0 });
    else if (record.op === Op.put && entry.flow.server !== flow.server) this.#replace(entry, flow, expiresAt);
    else entry.expiresAt = expiresAt;
  }

  /** Another connection's replica stands there: it makes way; an entry that is carried here does not. */
  #replace({ flow: former, mark }: Entry, flow: Flow, expiresAt: Instant): void {
    if (mark !== 'replica') return;
    this.onDelete?.(former);
    this.entries.set(flow.key, { flow, mark: 'replica', expiresAt, id: 0 });
  }

  #tell(record: ConnectionRecord): void {
    this.listener?.(recordsOf([record]));
  }
}

interface Stream {
  readonly id: number;
  readonly ends: readonly [SimDirector, SimDirector];
  /** Ends that still hold it open. */
  readonly open: Set<SimDirector>;
  /** What is sent from now on is lost. */
  broken: boolean;
}

export class SimDirector {
  readonly name: string;
  readonly routerId: number;
  readonly kernel = new SimKernel();
  mesh: Mesh | undefined;
  /** Every effect of the present mesh but `send` and `apply`. */
  log: { readonly at: Instant; readonly effect: MeshEffect }[] = [];
  dumpTakes: Millis = KERNEL_DELAY;
  /** Are the kernel's events lost on their way? */
  deaf = false;
  life = 0;

  constructor(name: string, routerId: number) {
    this.name = name;
    this.routerId = routerId;
  }

  logged<K extends MeshEffect['kind']>(kind: K): { at: Instant; effect: Extract<MeshEffect, { kind: K }> }[] {
    return this.log.flatMap(({ at, effect }) =>
      effect.kind === kind ? [{ at, effect: effect as Extract<MeshEffect, { kind: K }> }] : [],
    );
  }
}

interface Happening {
  readonly at: Instant;
  readonly order: number;
  readonly run: () => void;
}

export class SyncNetwork {
  now: Instant = 0;
  readonly directors: readonly SimDirector[];
  readonly prng: Prng;
  /** Names of directors that reach each other; undefined = all. */
  islands: readonly (readonly string[])[] | undefined;
  /** Two directors that do not reach each other, though all others reach both. */
  blocked: readonly [SimDirector, SimDirector] | undefined;
  /** Bytes per millisecond from a director; unlimited where there is none. */
  readonly throttle = new Map<string, number>();
  /** Hears what is sent. */
  onBytes: ((from: SimDirector, to: SimDirector, bytes: Uint8Array) => void) | undefined;
  /** Bytes, all directors. */
  sent = 0;
  readonly #queue: Happening[] = [];
  readonly #streams: Stream[] = [];
  readonly #told = new Map<SimDirector, { readonly life: number; readonly batches: Uint8Array[] }>();
  readonly #busyUntil = new Map<string, Instant>();
  #order = 0;
  #streamIds = 0;
  readonly #settings: Partial<SyncSettings>;

  constructor(count: number, seed = 1, settings: Partial<SyncSettings> = {}) {
    this.prng = new Prng(seed);
    this.#settings = settings;
    this.directors = Array.from({ length: count }, (_, index) => new SimDirector(`d${index + 1}`, 0x0a090001 + index));
    for (const director of this.directors) {
      director.kernel.listener = (records) => this.#kernelTells(director, records);
    }
    this.#dialers();
    this.#reaper();
  }

  get running(): readonly SimDirector[] {
    return this.directors.filter(({ mesh }) => mesh !== undefined);
  }

  settingsOf(director: SimDirector): SyncSettings {
    const plain = ({ name, routerId }: SimDirector): SyncDirector => ({
      name,
      routerId,
      endpoint: { address: routerId, port: 7171 },
    });
    return {
      cluster: 'c',
      self: plain(director),
      peers: this.directors.filter((each) => each !== director).map(plain),
      keys: [],
      configHash: 'ab'.repeat(32),
      tableDigest: '00'.repeat(8),
      syncTimeout: 30_000,
      grace: 120_000,
      services: [],
      plane: { services: [], upstream: [] },
      ...this.#settings,
    };
  }

  /** Starts a director's process; what its kernel holds stays. */
  start(director: SimDirector, settings: Partial<SyncSettings> = {}): void {
    director.life++;
    const epoch = (this.prng.u32().toString(16).padStart(8, '0') + this.prng.u32().toString(16).padStart(8, '0')).slice(
      0,
      16,
    );
    director.log = [];
    director.mesh = new Mesh({ epoch, settings: { ...this.settingsOf(director), ...settings } }, this.now);
    this.handle(director, { kind: 'timer' });
  }

  /** Ends the process as SIGKILL does; the kernel lives on. */
  kill(director: SimDirector): void {
    director.mesh = undefined;
    director.life++;
    for (const stream of this.#streams.filter(({ ends }) => ends.includes(director))) this.#close(stream, director);
  }

  /** The machine is gone, with all that its kernel held. */
  crash(director: SimDirector): void {
    this.kill(director);
    director.kernel.entries.clear();
  }

  /** Breaks the stream between two, if there is one. */
  cut(a: SimDirector, b: SimDirector): void {
    for (const stream of this.#streams.filter(({ ends }) => ends.includes(a) && ends.includes(b))) {
      stream.broken = true;
      this.#close(stream, a);
      this.#close(stream, b);
    }
  }

  reach(a: SimDirector, b: SimDirector): boolean {
    if (this.blocked?.every(({ name }) => name === a.name || name === b.name)) return false;
    return this.islands?.some((island) => island.includes(a.name) && island.includes(b.name)) ?? true;
  }

  handle(director: SimDirector, input: MeshInput): void {
    if (director.mesh === undefined) return;
    for (const effect of director.mesh.handle(input, this.now)) this.#perform(director, effect);
  }

  /** Runs what happens up to a time. */
  runTo(until: Instant): void {
    for (;;) {
      const next = this.#queue[0];
      const due = this.#leastDeadline();
      const at = Math.min(next?.at ?? Number.POSITIVE_INFINITY, due?.at ?? Number.POSITIVE_INFINITY);
      if (at > until) break;
      this.now = Math.max(this.now, at);
      if (next !== undefined && next.at <= at) {
        this.#queue.shift();
        next.run();
      } else if (due !== undefined) this.handle(due.director, { kind: 'timer' });
    }
    this.now = until;
  }

  run(millis: Millis): void {
    this.runTo(this.now + millis);
  }

  schedule(delay: Millis, run: () => void): void {
    const happening = { at: this.now + delay, order: this.#order++, run };
    let index = this.#queue.length;
    while (index > 0 && this.#queue[index - 1]!.at > happening.at) index--;
    this.#queue.splice(index, 0, happening);
  }

  #leastDeadline(): { readonly director: SimDirector; readonly at: Instant } | undefined {
    let least: { director: SimDirector; at: Instant } | undefined;
    for (const director of this.directors) {
      const at = director.mesh?.deadline;
      if (at !== undefined && (least === undefined || at < least.at)) least = { director, at };
    }
    return least;
  }

  #perform(director: SimDirector, effect: MeshEffect): void {
    const { life } = director;
    const later = (delay: Millis, run: () => void) =>
      this.schedule(delay, () => {
        if (director.life === life) run();
      });
    if (effect.kind !== 'send' && effect.kind !== 'apply') director.log.push({ at: this.now, effect });
    if (effect.kind === 'send') this.#transmit(director, effect.stream, effect.bytes);
    if (effect.kind === 'apply') later(KERNEL_DELAY, () => director.kernel.apply(effect.records, this.now));
    if (effect.kind === 'disconnect') {
      const stream = this.#streams.find(({ id }) => id === effect.stream);
      if (stream !== undefined) this.#close(stream, director);
    }
    if (effect.kind === 'dumpKernel') {
      later(KERNEL_DELAY, () => {
        const records = director.kernel.dump();
        later(director.dumpTakes, () => {
          // What has happened before a dump is told before it.
          this.#tellNow(director);
          this.handle(director, { kind: 'kernelDump', records, last: true });
        });
      });
    }
    if (effect.kind === 'lookUp') later(KERNEL_DELAY, () => this.#lookUp(director, effect.token));
  }

  #lookUp(director: SimDirector, token: number): void {
    this.handle(director, { kind: 'lookedUp', token, record: undefined });
  }

  /** What happens until it is read is read as one batch. */
  #kernelTells(director: SimDirector, records: Uint8Array): void {
    const { life } = director;
    if (director.deaf) return;
    const told = this.#told.get(director);
    if (told?.life === life && told.batches.length > 0) {
      told.batches.push(records);
      return;
    }
    this.#told.set(director, { life, batches: [records] });
    this.schedule(KERNEL_DELAY, () => {
      if (director.life === life) this.#tellNow(director);
    });
  }

  #tellNow(director: SimDirector): void {
    const told = this.#told.get(director);
    if (told === undefined || told.life !== director.life || told.batches.length === 0) return;
    this.handle(director, { kind: 'kernel', records: joined(told.batches.splice(0)) });
  }

  #transmit(from: SimDirector, id: number, bytes: Uint8Array): void {
    const stream = this.#streams.find((each) => each.id === id);
    if (stream === undefined || !stream.open.has(from)) return;
    const to = stream.ends[0] === from ? stream.ends[1] : stream.ends[0];
    if (!this.reach(from, to)) stream.broken = true;
    this.sent += bytes.length;
    this.onBytes?.(from, to, bytes);
    const rate = this.throttle.get(to.name);
    const pipe = `${id} ${from.name}`;
    const begin = Math.max(this.now, this.#busyUntil.get(pipe) ?? 0);
    const end = rate === undefined ? begin : begin + bytes.length / rate;
    this.#busyUntil.set(pipe, end);
    this.schedule(end - this.now + LINK_DELAY, () => {
      if (stream.broken || !stream.open.has(to) || !this.reach(from, to)) return;
      this.handle(to, { kind: 'bytes', peer: from.name, stream: id, bytes });
    });
  }

  /** One end lets go; the other hears of it, if it can. */
  #close(stream: Stream, by: SimDirector): void {
    if (!stream.open.delete(by)) return;
    const other = stream.ends[0] === by ? stream.ends[1] : stream.ends[0];
    const { life } = by;
    this.schedule(0, () => {
      if (by.life === life) this.handle(by, { kind: 'closed', peer: other.name, stream: stream.id, reason: 'closed' });
    });
    if (this.reach(by, other)) this.schedule(LINK_DELAY, () => this.#close(stream, other));
    if (stream.open.size === 0) this.#streams.splice(this.#streams.indexOf(stream), 1);
  }

  /** The lower router id dials, again and again. */
  #dialers(): void {
    for (const [index, a] of this.directors.entries()) {
      for (const b of this.directors.slice(index + 1)) {
        if (a.mesh === undefined) continue;
        if (b.mesh === undefined || !this.reach(a, b)) {
          this.handle(a, { kind: 'unreachable', peer: b.name });
          continue;
        }
        const present = this.#streams.filter(({ ends }) => ends.includes(a) && ends.includes(b));
        if (present.some(({ broken, open }) => !broken && open.size === 2)) continue;
        if (present.some(({ open }) => open.has(a))) continue;
        this.#open(a, b);
      }
    }
    this.schedule(REDIAL, () => this.#dialers());
  }

  #open(a: SimDirector, b: SimDirector): void {
    const stream: Stream = { id: ++this.#streamIds, ends: [a, b], open: new Set([a, b]), broken: false };
    this.#streams.push(stream);
    for (const old of this.#streams.filter(
      (each) => each !== stream && each.ends.includes(a) && each.ends.includes(b),
    )) {
      old.open.clear();
      this.#streams.splice(this.#streams.indexOf(old), 1);
    }
    this.handle(a, { kind: 'opened', peer: b.name, stream: stream.id });
    this.handle(b, { kind: 'opened', peer: a.name, stream: stream.id });
  }

  /** Entries time out. */
  #reaper(): void {
    for (const { kernel } of this.directors) kernel.expire(this.now);
    this.schedule(1000, () => this.#reaper());
  }
}

function joined(batches: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(batches.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const batch of batches) {
    all.set(batch, at);
    at += batch.length;
  }
  return all;
}

/** What each running director holds of each owner, as text: equal when they agree. */
export function digestsOf(network: SyncNetwork): readonly string[] {
  return network.running.map(({ mesh }) =>
    [...mesh!.table.owners()]
      .sort()
      .map(
        (owner) =>
          `${owner}: ${mesh!.table.countOf(owner)} ${[...mesh!.table.digest(owner)].filter((word) => word !== 0)}`,
      )
      .join('\n'),
  );
}
