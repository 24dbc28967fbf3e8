/**
 * Keeps the values of the live view up to date: asks agents, routers and the placement probe once a second, and takes the
 * load client's ticks as they come. It only watches; what it cannot reach is shown as off.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../runtimes/lab.ts';
import { type DirectorEvent, type DirectorView, EventFollower, viewDirector } from '../scenarios/observe.ts';
import type { Session } from '../scenarios/session.ts';
import { type Placement, type ProbeReading, placementOf } from '../traffic/placement.ts';
import type { BrokenClass, TickLine } from '../traffic/protocol.ts';
import { eventText, isWorthShowing } from './event-text.ts';
import type { DirectorRow, EventRow, RouterRow, TrafficRow, ViewState } from './view-state.ts';

const PERIOD = 1000;
const KEPT_EVENTS = 50;

interface Sample {
  readonly at: number;
  readonly readings: ReadonlyMap<string, ProbeReading>;
}

export class Poller {
  step = '';
  stepNumber = 0;
  stepCount = 0;
  /** Directors that were killed: their agents' silence is part of the play. */
  readonly dead = new Set<string>();
  /** Called with each event worth showing. */
  onEvent: (event: EventRow) => void = () => undefined;
  /** All events of all directors, for the artifacts. */
  readonly allEvents: DirectorEvent[] = [];
  readonly #lab: Lab;
  readonly #names: readonly string[];
  readonly #follower: EventFollower;
  readonly #began = performance.now();
  readonly #beganAt = Date.now();
  #session: Session | undefined;
  #views: readonly DirectorView[] = [];
  #routers: readonly RouterRow[] = [];
  #before: Sample | undefined;
  #now: Sample | undefined;
  #place: Placement = new Map();
  #ticks: TickLine[] = [];
  #failed = 0;
  readonly #events: EventRow[] = [];
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(lab: Lab, names: readonly string[]) {
    this.#lab = lab;
    this.#names = names;
    this.#follower = new EventFollower(lab, names);
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
  }

  /** From here on there is traffic to show. */
  follow(session: Session): void {
    this.#session = session;
    session.traffic.onLine = (line) => {
      if (line.kind === 'tick') this.#ticks = [...this.#ticks.slice(-4), line];
      if (line.kind === 'failed') this.#failed += 1;
    };
  }

  state(): ViewState {
    return {
      elapsed: performance.now() - this.#began,
      vip: this.#session?.vip ?? '',
      step: this.step,
      stepNumber: this.stepNumber,
      stepCount: this.stepCount,
      directors: this.#directorRows(),
      routers: this.#routers,
      traffic: this.#trafficRow(),
      events: this.#events,
    };
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const started = performance.now();
      // A look that fails shows old values for a second; the measuring itself has its own reads, which do not forgive.
      await Promise.all([this.#pollAgents(), this.#pollSession()]).catch(() => undefined);
      await sleep(Math.max(100, PERIOD - (performance.now() - started)));
    }
  }

  async #pollAgents(): Promise<void> {
    this.#views = await Promise.all(this.#names.map((name) => viewDirector(this.#lab, name)));
    for (const event of await this.#follower.poll()) this.#noteEvent(event);
  }

  #noteEvent(event: DirectorEvent): void {
    this.allEvents.push(event);
    if (!isWorthShowing(event)) return;
    const row = { t: Date.parse(event.at) - this.#beganAt, director: event.director, text: eventText(event) };
    this.#events.push(row);
    if (this.#events.length > KEPT_EVENTS) this.#events.shift();
    this.onEvent(row);
  }

  async #pollSession(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    const [readings, routers] = await Promise.all([
      session.probe.read(),
      Promise.all(
        session.routers.routers.map(async (router) => ({
          name: router.name,
          nextHops: await session.routers.nextHops(router),
        })),
      ),
    ]);
    this.#before = this.#now;
    this.#now = { at: performance.now(), readings };
    this.#place = placementOf(readings);
    this.#routers = routers;
  }

  #directorRows(): DirectorRow[] {
    const flows = new Map<string, number>();
    for (const director of this.#place.values()) flows.set(director, (flows.get(director) ?? 0) + 1);
    return this.#names.map((name) => {
      const view = this.#views.find((one) => one.name === name);
      const vip = view?.status?.vips[0];
      const state = this.dead.has(name) ? 'dead' : (view?.state ?? 'off');
      return {
        name,
        state,
        metric: vip?.announced === true ? vip.metric : null,
        waitingFor: state === 'active' || state === 'starting' || state === 'ready' ? (vip?.waitingFor ?? []) : [],
        neighborsFull: view?.status?.neighbors.full ?? 0,
        neighborsTotal: view?.status?.neighbors.total ?? 0,
        flows: flows.get(name) ?? 0,
        newPerSecond: this.#newPerSecond(name),
      };
    });
  }

  #newPerSecond(name: string): number {
    if (this.#before === undefined || this.#now === undefined) return 0;
    const passed = (this.#now.at - this.#before.at) / 1000;
    const opened = (this.#now.readings.get(name)?.opened ?? 0) - (this.#before.readings.get(name)?.opened ?? 0);
    return opened / passed;
  }

  #trafficRow(): TrafficRow | undefined {
    const first = this.#ticks[0];
    const last = this.#ticks.at(-1);
    const session = this.#session;
    if (first === undefined || last === undefined || session === undefined) return undefined;
    const passed = Math.max(1, last.t - first.t) / 1000;
    const broken: Partial<Record<BrokenClass, number>> = {};
    for (const loss of session.traffic.losses) broken[loss.class] = (broken[loss.class] ?? 0) + 1;
    return {
      live: last.live,
      newPerSecond: (last.opened - first.opened) / passed,
      answersPerSecond: (last.answers - first.answers) / passed,
      bytesPerSecond: (last.streamed - first.streamed) / passed,
      stalling: last.stalling,
      broken,
      failed: this.#failed,
      longestStall: last.window.longestStall,
    };
  }
}
