/**
 * The FRR of this host, shared by the speakers of all routing instances: keeps in it what they wish, and reads back what has
 * become of that.
 *
 * One loop, one vtysh at a time: make the configuration be as wished (incrementally, and read again), then ask ospfd for
 * neighbors, interfaces and, when its checksums have changed, for the database. Somebody who edits or restarts FRR is thus
 * found out within seconds; what is missing is put back and told. What is not ours is never touched.
 * An FRR that does not answer costs a call its deadline and nothing else: all that was read stays, with the note since when it
 * is not known to be true.
 */
import { formatIpv4 } from '../../core/base/ipv4.ts';
import type { Instant, Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import {
  type FrrConfig,
  type FrrObjects,
  parseRunningConfig,
  routeMapName,
  stubInterface,
} from '../../core/frr/config.ts';
import type { FrrPrefix } from '../../core/frr/instance.ts';
import { type Json, splitJson } from '../../core/frr/json.ts';
import { LSA_KINDS, readLsas } from '../../core/frr/lsdb.ts';
import { type CommandBlock, plan } from '../../core/frr/plan.ts';
import { type FrrSummary, readInterfaces, readNeighbors, readSummary } from '../../core/frr/show.ts';
import { type ClauseNumbers, numbersIn, prefixesIn, wishedObjects } from '../../core/frr/wish.ts';
import type { FrrSettings } from '../../core/model/routing.ts';
import type { Clock } from '../../io/clock.ts';
import { KernelError } from '../../io/kernel-error.ts';
import type { Vtysh } from '../../io/vtysh.ts';
import { earliest, type FrrClient, FrrMember, type FrrWish } from './frr-member.ts';
import type { ProcessView } from './frr-views.ts';
import type { VipDevices } from './vip-devices.ts';

export interface FrrDaemonOptions {
  readonly vtysh: Pick<Vtysh, 'show' | 'configure' | 'counters'>;
  readonly settings: FrrSettings;
  readonly devices: VipDevices;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly timeOfDay: () => number;
}

/** How often FRR is asked how things are. */
const POLL: Millis = 1000;
/** How often its database is read when nothing points to a change. */
const DATABASE_POLL: Millis = 3000;
/** How often its configuration is read when nothing points to a change. */
const CONFIG_POLL: Millis = 5000;
/** While something that was wished is not to be seen yet, the first look again; later ones take twice as long each. */
const FIRST_LOOK: Millis = 50;
/** Lines in one call: so many take a second or two. */
const BATCH = 200;
/** From so many lines on, mgmtd is asked to commit all of them at once. */
const BULK = 20;
/** A large database is read no more often than that it takes one part in so many of the time. */
const READ_SHARE = 20;
const SAME_FAULT_AGAIN: Millis = 60_000;

export class FrrDaemon {
  readonly #options: FrrDaemonOptions;
  readonly #members = new Map<string, FrrMember>();
  readonly #processes = new Map<string, ProcessView>();
  #config: FrrConfig | undefined;
  #configAt: Instant = 0;
  #numbers: ClauseNumbers = new Map();
  /** What the configuration had of ours when we left it; undefined while that is not certain. */
  #left: FrrObjects | undefined;
  #unknown: { readonly what: string; readonly since: string; readonly at: Instant } | undefined;
  readonly #faults = new Map<string, Instant>();
  readonly #counters = { repairs: 0, changes: 0, databaseReads: 0, devices: 0 };
  #running = false;
  #wake: () => void = () => {};
  #woken = false;
  #looks = 0;
  /** How long the database took last time. */
  #readTook: Millis = 0;
  /** Nothing that was wished is still to be seen. */
  #settled = true;
  /** When something that has to wait may be changed. */
  #due: Instant | undefined;
  readonly #leaving = new Set<string>();
  #isHandedOver = false;
  /** What an earlier agent may have left of them has gone. */
  #isWithoutDevices = false;
  /** Something was changed, and is to be written to FRR's startup configuration. */
  #isUnwritten = false;

  constructor(options: FrrDaemonOptions) {
    this.#options = options;
  }

  /** Why nothing is known for certain now, and since when; undefined while FRR answers. */
  get unknown(): string | undefined {
    return this.#unknown && `${this.#unknown.what} since ${this.#unknown.since}`;
  }

  process(name: string): ProcessView | undefined {
    return this.#processes.get(name);
  }

  /** What the configuration has for an instance: all there is to see where nothing can be read back. */
  configured(instance: string): readonly FrrPrefix[] {
    const client = this.#members.get(instance)?.client;
    return this.#config === undefined || client === undefined ? [] : prefixesIn(this.#config, client);
  }

  /** Prefixes of an earlier agent that stay for a while though nobody wishes them. */
  inherited(instance: string): { readonly prefixes: number; readonly left: Millis } {
    return this.#members.get(instance)?.inherited(this.#options.clock.now()) ?? { prefixes: 0, left: 0 };
  }

  /** Nothing of the instance is left in the configuration. */
  hasLeft(instance: string): boolean {
    const client = this.#members.get(instance)?.client;
    if (!this.#leaving.has(instance) || this.#config === undefined || client === undefined) return false;
    const { routeMaps, interfaces } = this.#config;
    return !routeMaps.has(routeMapName(instance)) && !interfaces.has(stubInterface(client.process));
  }

  allCounters(): Readonly<Record<string, number>> {
    const { calls, timeouts, refusals } = this.#options.vtysh.counters;
    return { ...this.#counters, 'vtysh.calls': calls, 'vtysh.timeouts': timeouts, 'vtysh.refusals': refusals };
  }

  add(client: FrrClient): void {
    this.#members.set(client.name, new FrrMember(client, this.#options.clock.now()));
    // What it finds is to be read, not to be taken away by a plan that knows of others only.
    this.#config = undefined;
    this.look();
    if (!this.#running) void this.#run();
  }

  /** The instance has left. */
  remove(name: string): void {
    this.#members.delete(name);
    this.#leaving.delete(name);
    this.look();
  }

  /** Ends with everything in FRR as it is: another agent goes on from there. */
  handOver(): void {
    this.#isHandedOver = true;
    this.#members.clear();
    this.look();
  }

  /** There is news: a turn follows at once. */
  look(): void {
    this.#looks = 0;
    this.#woken = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#members.size > 0) {
      this.#woken = false;
      await this.#turn();
      if (!this.#woken) await this.#sleep(this.#pause());
    }
    this.#running = false;
  }

  #sleep(delay: Millis): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(delay, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #pause(): Millis {
    const isRead = this.#config !== undefined || this.#unknown !== undefined;
    const look = this.#settled && isRead ? POLL : Math.min(POLL, FIRST_LOOK * 2 ** this.#looks);
    this.#looks += 1;
    if (this.#due === undefined) return look;
    return Math.max(1, Math.min(look, this.#due - this.#options.clock.now()));
  }

  /** While FRR does not answer, and before it ever has, it is only asked, and left alone beside that. */
  async #turn(): Promise<void> {
    const hasAnswered = this.#processes.size > 0 || this.#options.settings.unverified;
    const wasKnown = this.#unknown === undefined;
    if ((wasKnown && hasAnswered) || (await this.#lookAround())) {
      // What a new FRR has not is told to be gone before it is put back.
      if (!wasKnown) for (const { client } of this.#members.values()) client.looked();
      if (this.#mayDiffer()) this.#config = undefined;
      const isDone = await this.#keepConfigured();
      if ((await this.#lookAround()) && isDone) this.#answered();
    }
    // A client that stops may remove itself here.
    this.#settled = [...this.#members.values()].map(({ client }) => client.looked()).every((settled) => settled);
  }

  /** What is in force may be something else than what was read last. */
  #mayDiffer(): boolean {
    if (this.#unknown !== undefined) return true;
    return !this.#settled && this.#options.clock.now() - this.#configAt >= POLL;
  }

  async #keepConfigured(): Promise<boolean> {
    try {
      await this.#configure();
      return true;
    } catch (error) {
      // What is in force now is not known.
      this.#config = undefined;
      const isRefusal = error instanceof KernelError && error.errno === undefined;
      if (isRefusal) this.#tellOnce(`FRR refuses: ${messageOf(error)}`);
      else this.#silent(error, 'FRR');
      return isRefusal;
    }
  }

  async #lookAround(): Promise<boolean> {
    if (this.#options.settings.unverified) return true;
    try {
      for (const process of this.#processNames()) await this.#observe(process);
      return true;
    } catch (error) {
      this.#silent(error, 'ospfd');
      return false;
    }
  }

  #processNames(): ReadonlySet<string> {
    return new Set([...this.#members.values()].map(({ client }) => client.process));
  }

  async #configure(): Promise<void> {
    const { clock } = this.#options;
    this.#due = undefined;
    const isRead = this.#config === undefined || clock.now() - this.#configAt >= CONFIG_POLL;
    if (isRead) await this.#readConfig();
    const observed = this.#config;
    if (observed === undefined || this.#isHandedOver) return;
    for (const member of this.#members.values()) this.#inherit(member, observed);
    if (this.#left !== undefined) this.#compare(this.#left, observed);
    const wishes = new Map([...this.#members].map(([name, member]) => [name, this.#wishOf(member)]));
    const instances = [...this.#members.values()]
      .map(({ client: { name, process, area } }) => {
        return { name, process, area, prefixes: [...wishes.get(name)!.values()] };
      })
      // One that leaves takes its route-map along.
      .filter(({ name, prefixes }) => prefixes.length > 0 || !this.#isLeaving(name));
    const { objects, numbers } = wishedObjects(instances, this.#numbers);
    this.#numbers = numbers;
    const { blocks, problems } = plan(objects, observed);
    if (isRead || blocks.length > 0)
      await this.#settleDevices([...objects.interfaces.keys(), ...observed.interfaces.keys()]);
    for (const problem of problems) this.#tellOnce(problem);
    if (blocks.length > 0) await this.#apply(blocks, observed.version);
    for (const [name, wish] of wishes) this.#members.get(name)?.noteSent(wish, clock.now());
    // Whatever else the next look finds was somebody's doing.
    this.#left = objects;
    if (blocks.length > 0) return;
    if (this.#isUnwritten) await this.#write();
  }

  /** Stub links are addresses of interfaces, which FRR cannot make. */
  async #settleDevices(names: readonly string[]): Promise<void> {
    if (names.length === 0 && this.#isWithoutDevices) return;
    try {
      const changes = await this.#options.devices.settle([...new Set(names)]);
      this.#isWithoutDevices = names.length === 0;
      this.#counters.devices += changes.length;
    } catch (error) {
      this.#tellOnce(`addresses for FRR's stub links: ${messageOf(error)}`);
    }
  }

  /** What has come of it is seen in the database first, which matters more, and read in the next turn. */
  async #apply(blocks: readonly CommandBlock[], version: string | undefined): Promise<void> {
    const { vtysh, settings } = this.#options;
    this.#counters.changes += blocks.length;
    [this.#left, this.#config] = [undefined, undefined];
    this.#settled = false;
    this.#isUnwritten = settings.write === 'memory';
    for (const lines of batches(blocks)) await vtysh.configure(lines, hasMgmtd(version) && lines.length >= BULK);
  }

  #isLeaving(name: string): boolean {
    return this.#leaving.has(name);
  }

  /** The instance wishes nothing any more: when all of it has gone, its route-map goes too. */
  leave(name: string): void {
    this.#leaving.add(name);
    this.look();
  }

  async #readConfig(): Promise<void> {
    const text = await this.#options.vtysh.show(['show running-config']);
    this.#config = parseRunningConfig(text);
    this.#configAt = this.#options.clock.now();
  }

  /** Somebody has edited what is ours, or restarted FRR. */
  #compare(left: FrrObjects, observed: FrrConfig): void {
    const lines = plan(left, observed).blocks.flatMap((block) => block.filter((line) => line !== 'exit'));
    if (lines.length === 0) return;
    this.#counters.repairs += 1;
    const shown = lines.slice(0, DRIFT_LINES).join('; ');
    const more = lines.length > DRIFT_LINES ? `; and ${lines.length - DRIFT_LINES} lines more` : '';
    this.#tell(`FRR's configuration is not as it was left, and is mended by: ${shown}${more}`);
  }

  /** At the first look: what an earlier agent has left counts as wished for a while. */
  #inherit(member: FrrMember, observed: FrrConfig): void {
    if (member.hasInherited) return;
    this.#numbers = new Map([...numbersIn(observed, [...this.#members.keys()]), ...this.#numbers]);
    member.inherit(prefixesIn(observed, member.client));
  }

  #wishOf(member: FrrMember): FrrWish {
    const { clock, settings } = this.#options;
    const { wish, due } = member.wish(settings.announce, clock.now());
    if (due !== undefined) this.#due = earliest(this.#due, due);
    return wish;
  }

  async #write(): Promise<void> {
    this.#isUnwritten = false;
    try {
      await this.#options.vtysh.show(['write memory']);
    } catch (error) {
      this.#tellOnce(`FRR's configuration could not be written: ${messageOf(error)}`);
    }
  }

  async #observe(process: string): Promise<void> {
    const ospf = process === '' ? 'show ip ospf' : `show ip ospf ${process}`;
    const asked = ['', 'neighbor', 'interface'].map((what) => `${ospf} ${what} json`.replace('  ', ' '));
    const [summary, neighbors, interfaces] = await this.#ask(asked);
    const view = { summary: readSummary(summary!), neighbors: readNeighbors(neighbors!) };
    const known = this.#processes.get(process);
    const isFresh = this.#settled && known !== undefined && this.#isFresh(known, view.summary);
    const database = isFresh ? known : await this.#database(process, ospf);
    const { lsas, databaseAt } = database;
    this.#processes.set(process, { ...view, interfaces: readInterfaces(interfaces!), lsas, databaseAt });
  }

  /** An LSA that is flushed keeps its checksum and stays for a minute: only a look at its age tells. */
  #isFresh({ summary, databaseAt }: ProcessView, { fingerprint }: FrrSummary): boolean {
    const age = this.#options.clock.now() - databaseAt;
    return summary.fingerprint === fingerprint && age < Math.max(DATABASE_POLL, READ_SHARE * this.#readTook);
  }

  async #database(process: string, ospf: string): Promise<Pick<ProcessView, 'lsas' | 'databaseAt'>> {
    this.#counters.databaseReads += 1;
    const databaseAt = this.#options.clock.now();
    const documents = await this.#ask(LSA_KINDS.map(({ show }) => `${ospf} database ${show} json`));
    const client = [...this.#members.values()].find((member) => member.client.process === process)?.client;
    const area = client && formatIpv4(client.area);
    const lsas = documents.flatMap((document) => readLsas(document, area).map(({ lsa }) => lsa));
    this.#readTook = this.#options.clock.now() - databaseAt;
    return { lsas, databaseAt };
  }

  /** One document for each command. @throws KernelError, also where there are fewer */
  async #ask(commands: readonly string[]): Promise<readonly Json[]> {
    const answer = await this.#options.vtysh.show(commands, 'ospfd');
    const documents = parsed(answer);
    if (documents?.length === commands.length) return documents;
    const words = answer.split('\n').find((line) => line.trim() !== '') ?? 'nothing';
    const text = `no JSON but: ${words.slice(0, 200)}; an FRR without OSPF, or Quagga, whose answers cannot be read`;
    throw new KernelError('vtysh', { command: commands[0], text });
  }

  #answered(): void {
    if (this.#unknown === undefined) return;
    const { what, at } = this.#unknown;
    this.#unknown = undefined;
    const seconds = ((this.#options.clock.now() - at) / 1000).toFixed(1);
    this.#tell(`FRR answers again after ${seconds} s (${what})`);
  }

  /** `who`: whom the question was for. */
  #silent(error: unknown, who: string): void {
    const { clock, timeOfDay } = this.#options;
    const what = whatFails(error, who);
    if (this.#unknown?.what === what) return;
    const since = new Date(timeOfDay()).toISOString().replace(/\.\d+Z$/, 'Z');
    this.#unknown = { what, since: this.#unknown?.since ?? since, at: this.#unknown?.at ?? clock.now() };
    this.#tellOnce(`${what}: ${messageOf(error)}`);
  }

  #tellOnce(message: string): void {
    const now = this.#options.clock.now();
    const last = this.#faults.get(message);
    if (last !== undefined && now - last < SAME_FAULT_AGAIN) return;
    for (const [old, at] of this.#faults) if (now - at >= SAME_FAULT_AGAIN) this.#faults.delete(old);
    this.#faults.set(message, now);
    this.#tell(message);
  }

  /** FRR is one, whichever instance is asked. */
  #tell(message: string): void {
    for (const { client } of this.#members.values()) {
      client.tell(message);
      return;
    }
  }
}

const DRIFT_LINES = 6;

function parsed(answer: string): readonly Json[] | undefined {
  try {
    return splitJson(answer);
  } catch {
    return undefined;
  }
}

function whatFails(error: unknown, who: string): string {
  const errno = error instanceof KernelError ? error.errno : undefined;
  if (errno === 'ETIMEDOUT' || errno === 'EBUSY') return `${who} does not answer`;
  if (errno === 'ECONNREFUSED') return `${who} is not running`;
  return `${who} cannot be read or configured`;
}

/** Whole blocks, in calls of about so many lines. */
function* batches(blocks: readonly CommandBlock[]): Iterable<string[]> {
  let lines: string[] = [];
  for (const block of blocks) {
    lines.push(...block);
    if (lines.length < BATCH) continue;
    yield lines;
    lines = [];
  }
  if (lines.length > 0) yield lines;
}

/** FRR from 10 on has mgmtd. */
function hasMgmtd(version: string | undefined): boolean {
  return Number.parseInt(version ?? '', 10) >= 10;
}
