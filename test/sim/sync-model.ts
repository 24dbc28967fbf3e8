/**
 * Random histories of a cluster, and what must hold in each: connections begin, move, end, and use tuples again; directors
 * crash, are killed, start again; streams break, the mesh is parted and heals; events and single records are lost.
 *
 * A connection lives from its first packet to its end, wherever its client's packets go. No order of the mesh may take its
 * entry away where its packets go; and in the end, when all has been quiet for a while, all directors hold the same, every
 * connection that lives among it, owned where its packets go.
 */
import { Prng } from '../../src/core/base/prng.ts';
import { digestsOf, type Flow, type SimDirector, SyncNetwork } from './sync-network.ts';

interface Live {
  readonly flow: Flow;
  /** Where its client's packets go; undefined while that machine is gone and the client has said nothing since. */
  carrier: SimDirector | undefined;
  saidAt: number;
}

export interface HistoryReport {
  readonly seed: number;
  /** What was done, in order, for a person who looks for a fault. */
  readonly steps: readonly string[];
  readonly faults: readonly string[];
  readonly opened: number;
  /** Connections whose carrier crashed before another held them, or whose packets came to one that did not. */
  readonly lost: number;
  readonly copiesDeleted: number;
  readonly counts: Readonly<Record<string, number>>;
}

const KEYS = 60;
const SERVERS = 9;
/**
 * Milliseconds, with all streams up and no step, after which all must agree: two rounds of digests, and two thirds of the
 * timeout for what two directors say of one tuple.
 */
const QUIET = 60_000;
/**
 * Then all that lives must have its copies, too: where an entry was in doubt, because two directors told of one tuple, the other
 * one's is made when the kernel's timeout has ended it.
 */
const DOUBTS_END = 20_000;
/** Seconds that an entry of a kernel lasts unused. */
const TIMEOUT = 60;
/** A client that has nothing to say says so. */
const KEEP_ALIVE = 15_000;

class History {
  readonly network: SyncNetwork;
  readonly #prng: Prng;
  readonly #live = new Map<number, Live>();
  readonly steps: string[] = [];
  readonly faults: string[] = [];
  opened = 0;
  lost = 0;
  /** Copies of live connections that orders of the mesh took away where no packet went. */
  copiesDeleted = 0;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
    this.network = new SyncNetwork(3 + (seed % 2), seed);
    for (const director of this.network.directors) {
      director.kernel.timeout = TIMEOUT;
      director.kernel.onDelete = ({ key, server }) => {
        const live = this.#live.get(key);
        if (live?.flow.server !== server) return;
        this.copiesDeleted++;
        if (live.carrier !== director) return;
        this.#fault(`${director.name} deletes ${key} to ${server}, whose packets go there`);
      };
      this.network.start(director);
    }
  }

  run(steps: number): void {
    this.network.run(2000);
    for (let step = 0; step < steps; step++) {
      this.#step();
      this.network.run(this.#prng.unit() ** 4 * 3000);
      this.#traffic(KEEP_ALIVE);
    }
    this.#settle();
    this.#judge();
    this.#quiet(DOUBTS_END);
    this.#judge();
    this.#judgeCopies();
  }

  #settle(): void {
    this.network.islands = undefined;
    this.network.blocked = undefined;
    for (const director of this.network.directors) {
      if (director.deaf) this.#hear(director);
      if (director.mesh === undefined) this.network.start(director);
    }
    this.#quiet(QUIET);
  }

  #quiet(millis: number): void {
    for (let at = 0; at < millis; at += 5000) {
      this.#traffic();
      this.network.run(5000);
    }
  }

  #judge(): void {
    if (new Set(digestsOf(this.network)).size > 1)
      this.#fault(`digests differ:\n${digestsOf(this.network).join('\n--\n')}`);
    for (const { flow, carrier } of this.#live.values()) {
      if (carrier === undefined) continue;
      const entry = carrier.kernel.entries.get(flow.key);
      if (entry?.flow.server !== flow.server) this.#fault(`${carrier.name} does not hold ${flow.key} any more`);
      else if (entry.mark === 'replica') this.#fault(`${carrier.name} carries ${flow.key} as a replica`);
    }
  }

  #judgeCopies(): void {
    for (const { flow } of this.#carried()) {
      for (const director of this.network.running) {
        const held = director.kernel.entries.get(flow.key);
        if (held?.flow.server !== flow.server) this.#fault(`${director.name} has no copy of ${flow.key}`);
      }
    }
  }

  #step(): void {
    const dice = this.#prng.unit() * 100;
    if (dice < 38) this.#open();
    else if (dice < 58) this.#move();
    else if (dice < 70) this.#close();
    else if (dice < 76) this.#traffic();
    else if (dice < 80) this.#cut();
    else if (dice < 83) this.#part();
    else if (dice < 84) this.#block();
    else if (dice < 88) this.#heal();
    else if (dice < 91) this.#end('crash');
    else if (dice < 94) this.#end('kill');
    else if (dice < 98) this.#start();
    else if (dice < 99) this.#deafen();
    else this.#lose();
  }

  #open(): void {
    const carrier = this.#pick(this.network.running);
    if (carrier === undefined) return;
    const count = 1 + Math.floor(this.#prng.unit() * 6);
    for (let n = 0; n < count; n++) {
      const flow = { key: Math.floor(this.#prng.unit() * KEYS), server: Math.floor(this.#prng.unit() * SERVERS) };
      // A client uses a tuple again only when its last connection is over: for the kernel, for the others perhaps not yet.
      const last = this.#live.get(flow.key);
      if (last !== undefined) continue;
      const held = carrier.kernel.entries.get(flow.key);
      if (held !== undefined) continue;
      this.#note(`open ${flow.key} to ${flow.server} at ${carrier.name}`);
      this.opened++;
      this.#live.set(flow.key, { flow, carrier, saidAt: this.network.now });
      carrier.kernel.open(flow);
    }
  }

  #move(): void {
    const live = this.#pick(this.#carried());
    const to = this.#pick(this.network.directors.filter((each) => each !== live?.carrier));
    if (live === undefined || to === undefined) return;
    this.#moveTo(live, to);
  }

  /** A router sends the client's packets elsewhere; where nobody knows the connection, they stay. */
  #moveTo(live: Live, to: SimDirector): boolean {
    const { flow } = live;
    if (!to.kernel.packet(flow)) return false;
    this.#note(`move ${flow.key} to ${flow.server} from ${live.carrier?.name ?? 'nowhere'} to ${to.name}`);
    live.carrier = to;
    live.saidAt = this.network.now;
    return true;
  }

  #close(): void {
    const live = this.#pick(this.#carried());
    if (live?.carrier === undefined) return;
    this.#note(`close ${live.flow.key} at ${live.carrier.name}`);
    this.#live.delete(live.flow.key);
    live.carrier.kernel.close(live.flow, this.network.now);
  }

  /** A packet of each client that has been silent for so long. */
  #traffic(silence = 0): void {
    for (const live of [...this.#live.values()]) {
      const { flow, carrier, saidAt } = live;
      if (this.network.now < saidAt + silence) continue;
      live.saidAt = this.network.now;
      if (carrier === undefined ? this.#comeBack(live) : carrier.kernel.packet(flow)) continue;
      this.#fault(`${carrier?.name ?? 'everybody'} has lost ${flow.key} to ${flow.server}`);
      this.#live.delete(flow.key);
    }
  }

  #carried(): readonly Live[] {
    return [...this.#live.values()].filter(({ carrier }) => carrier !== undefined);
  }

  /** The client of a machine that is gone says something: it comes to another that knows the connection. */
  #comeBack(live: Live): boolean {
    const { directors } = this.network;
    const first = Math.floor(this.#prng.unit() * directors.length);
    return directors.some((_, index) => this.#moveTo(live, directors[(first + index) % directors.length]!));
  }

  #cut(): void {
    const [a, b] = [this.#pick(this.network.directors)!, this.#pick(this.network.directors)!];
    if (a === b) return;
    this.#note(`cut ${a.name} ${b.name}`);
    this.network.cut(a, b);
  }

  #part(): void {
    const names = this.network.directors.map(({ name }) => name);
    const size = 1 + Math.floor(this.#prng.unit() * (names.length - 1));
    this.network.islands = [names.slice(0, size), names.slice(size)];
    this.#note(`part ${JSON.stringify(this.network.islands)}`);
  }

  #block(): void {
    const [a, b] = [this.#pick(this.network.directors)!, this.#pick(this.network.directors)!];
    if (a === b) return;
    this.#note(`block ${a.name} ${b.name}`);
    this.network.blocked = [a, b];
  }

  #heal(): void {
    if (this.network.islands === undefined && this.network.blocked === undefined) return;
    this.#note('heal');
    this.network.blocked = undefined;
    this.network.islands = undefined;
  }

  #end(how: 'crash' | 'kill'): void {
    const director = this.#pick(this.network.running);
    if (director === undefined || this.network.running.length < 2) return;
    if (how === 'kill' && !this.#hasRecalled(director)) return;
    this.#note(`${how} ${director.name}`);
    director.deaf = false;
    if (how === 'kill') this.network.kill(director);
    else {
      this.network.crash(director);
      for (const live of this.#live.values()) if (live.carrier === director) live.carrier = undefined;
    }
    this.#orphan(director);
  }

  /**
   * A director whose machine was rebooted, and whose agent is killed before it has met all others, finds a kernel that has
   * lived through a restart: what the others remember of the time before the reboot looks ended. Not played.
   */
  #hasRecalled({ name, log, mesh }: SimDirector): boolean {
    const met = new Set(log.map(({ effect }) => (effect.kind === 'event' ? effect.values['peer'] : undefined)));
    return mesh!.loaded && this.network.directors.every((each) => each.name === name || met.has(each.name));
  }

  /** Connections of machines that are gone live as long as a director that runs holds them, and knows since when. */
  #orphan(gone: SimDirector): void {
    for (const { flow, carrier } of [...this.#live.values()]) {
      const holds = ({ kernel }: SimDirector) => kernel.entries.get(flow.key)?.flow.server === flow.server;
      if (carrier !== undefined || this.network.running.some(holds)) continue;
      this.#note(`${flow.key} is lost with ${gone.name}`);
      this.lost++;
      this.#live.delete(flow.key);
    }
  }

  #start(): void {
    const director = this.#pick(this.network.directors.filter(({ mesh }) => mesh === undefined));
    if (director === undefined) return;
    this.#note(`start ${director.name}`);
    director.dumpTakes = this.#prng.unit() ** 4 * 2000;
    this.network.start(director);
  }

  #deafen(): void {
    const director = this.#pick(this.network.running);
    if (director === undefined) return;
    if (director.deaf) this.#hear(director);
    else {
      this.#note(`${director.name} loses events`);
      director.deaf = true;
    }
  }

  #hear(director: SimDirector): void {
    this.#note(`${director.name} hears again`);
    director.dumpTakes = this.#prng.unit() ** 4 * 2000;
    director.deaf = false;
    this.network.handle(director, { kind: 'kernelLost' });
  }

  /** A copy vanishes, from the table and the kernel, and nobody says so. */
  #lose(): void {
    const director = this.#pick(this.network.running);
    const key = this.#pick([...(director?.kernel.entries.keys() ?? [])]);
    if (director === undefined || key === undefined) return;
    const entry = director.kernel.entries.get(key)!;
    if (entry.mark !== 'replica' || [director, undefined].includes(this.#live.get(key)?.carrier)) return;
    const { table, ownership } = director.mesh!;
    const slots: number[] = [];
    table.walk(0, Number.MAX_SAFE_INTEGER, (slot) => {
      if (new DataView(table.record(slot).slice().buffer).getUint32(0) === 0x0a000000 + key) slots.push(slot);
    });
    // What an owner loses has ended: its word counts.
    if (slots.some((slot) => ownership.owns(slot))) return;
    this.#note(`${director.name} loses its copy of ${key}`);
    director.kernel.entries.delete(key);
    for (const slot of slots) table.remove(slot);
  }

  #pick<T>(of: readonly T[]): T | undefined {
    return of[Math.floor(this.#prng.unit() * of.length)];
  }

  #note(text: string): void {
    this.steps.push(`${this.network.now.toFixed(1)} ${text}`);
  }

  #fault(text: string): void {
    this.faults.push(`${this.network.now.toFixed(1)} ${text}`);
  }
}

/** One random history; the same seed gives the same one. */
export function playHistory(seed: number, steps = 60): HistoryReport {
  const history = new History(seed);
  history.run(steps);
  const counts: Record<string, number> = {};
  for (const { mesh } of history.network.running) {
    for (const [name, count] of Object.entries(mesh!.ownership.counts)) counts[name] = (counts[name] ?? 0) + count;
  }
  const { opened, lost, copiesDeleted, faults } = history;
  return { seed, steps: history.steps, faults, opened, lost, copiesDeleted, counts };
}
