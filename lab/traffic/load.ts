/**
 * The population of connections: opens the long-lived ones over the ramp, the short ones at their rate, replaces what is
 * lost, looks at each flow five times a second, and keeps the books. One clock tick of 10 ms serves them all: a timer
 * per flow would cost more than the flows.
 */
import { BulkConversation, type Conversation, PushConversation, RequestConversation } from './conversation.ts';
import { Flow, type FlowEnd, type FlowEvents } from './flow.ts';
import type { LoadOptions } from './options.ts';
import { PortPool } from './ports.ts';
import type { LoadKind, TickLine, TrafficLine, WindowSummary } from './protocol.ts';
import { Window } from './window.ts';

const TICK = 10;
/** Each flow is in one slot of the ring; the ring turns once in TICK x SLOTS = 200 ms. */
const SLOTS = 20;
const REPLACE_AFTER = 1000;
const SHORT_REQUESTS = 3;
/** A little less than one turn of the ring, so that a visit never comes just too early and loses a turn. */
const REQUEST_PAUSE = (SLOTS - 1) * TICK;
/** A late tick opens at most this many short connections at once: a burst would measure us. */
const BURST = 10;

export class Load {
  readonly #options: LoadOptions;
  readonly #report: (line: TrafficLine) => void;
  readonly #now: () => number;
  readonly #slots: Set<Flow>[] = Array.from({ length: SLOTS }, () => new Set<Flow>());
  readonly #slotOf = new Map<Flow, Set<Flow>>();
  readonly #ports: PortPool;
  /** Long-lived connections still to be opened, each at its time; the first is the next. */
  readonly #planned: { at: number; load: LoadKind }[] = [];
  readonly #live: Record<LoadKind, number> = { request: 0, idle: 0, push: 0, bulk: 0, short: 0 };
  #window: Window;
  #opened = 0;
  #answers = 0;
  #streamed = 0;
  #turn = 0;
  #placed = 0;
  #lastTick: number;
  #shortDue = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #events: FlowEvents = {
    established: (flow) => this.#established(flow),
    slow: (flow) => this.#window.slow(flow.attempted),
    waited: (flow, milliseconds) => this.#window.waited(flow.conversation.load, milliseconds),
    stalled: () => this.#window.stalled(),
    ended: (flow, end) => this.#ended(flow, end),
  };

  /** `now`: milliseconds on a monotonic clock that starts with the client. */
  constructor(options: LoadOptions, report: (line: TrafficLine) => void, now: () => number) {
    this.#options = options;
    this.#report = report;
    this.#now = now;
    this.#ports = new PortPool(options.sources);
    this.#lastTick = now();
    this.#window = new Window('start', this.#lastTick);
  }

  start(): void {
    this.#lastTick = this.#now();
    this.#window = new Window('start', this.#lastTick);
    this.#planned.push(...plan(this.#options, this.#lastTick));
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  /** Closes everything and returns the last window. */
  stop(): WindowSummary {
    clearInterval(this.#timer);
    const summary = this.summary();
    for (const flow of this.#slotOf.keys()) flow.abandon();
    this.#slotOf.clear();
    return summary;
  }

  /** Closes the window and begins a new one. */
  mark(name: string): WindowSummary {
    const summary = this.summary();
    this.#window = new Window(name, this.#now());
    return summary;
  }

  summary(): WindowSummary {
    const now = this.#now();
    for (const flow of this.#slotOf.keys()) {
      if (flow.stalling) this.#window.waited(flow.conversation.load, flow.row(now).waiting);
    }
    return this.#window.summary(now);
  }

  /** The long-lived connections that are established. */
  flows(): Flow[] {
    return [...this.#slotOf.keys()].filter((flow) => flow.established !== undefined && isLong(flow));
  }

  tickLine(): TickLine {
    let stalling = 0;
    let answers = this.#answers;
    let streamed = this.#streamed;
    for (const flow of this.#slotOf.keys()) {
      if (flow.stalling) stalling += 1;
      answers += flow.conversation.answers;
      streamed += flow.conversation.streamed;
    }
    const live = { ...this.#live };
    const window = this.summary();
    return {
      kind: 'tick',
      t: Math.round(this.#now()),
      live,
      opened: this.#opened,
      answers,
      streamed,
      stalling,
      window,
    };
  }

  #tick(): void {
    const now = this.#now();
    const passed = now - this.#lastTick;
    this.#lastTick = now;
    this.#window.lagged(Math.max(0, passed - TICK));
    for (let next = this.#planned[0]; next !== undefined && next.at <= now; next = this.#planned[0]) {
      this.#planned.shift();
      this.#open(next.load);
    }
    this.#openShort(passed);
    this.#visitSlots(Math.min(SLOTS, Math.max(1, Math.round(passed / TICK))), now);
  }

  #visitSlots(count: number, now: number): void {
    for (let step = 0; step < count; step += 1) {
      this.#turn = (this.#turn + 1) % SLOTS;
      for (const flow of this.#slots[this.#turn] ?? []) flow.visit(now, this.#options.patience);
    }
  }

  #openShort(passed: number): void {
    this.#shortDue = Math.min(BURST, this.#shortDue + (passed * this.#options.short) / 1000);
    for (; this.#shortDue >= 1; this.#shortDue -= 1) this.#open('short');
  }

  #open(load: LoadKind): void {
    const source = this.#ports.take(load === 'short' ? 'short' : 'long');
    const { address, port } = this.#options.target;
    const path = { address, port: load === 'bulk' ? this.#options.mirror : port, ...source };
    const flow = new Flow(path, this.#conversation(load), this.#events, this.#now);
    this.#placed = (this.#placed + 1) % SLOTS;
    const slot = this.#slots[this.#placed] ?? new Set<Flow>();
    slot.add(flow);
    this.#slotOf.set(flow, slot);
  }

  #conversation(load: LoadKind): Conversation {
    const host = this.#options.target.address;
    if (load === 'bulk') return new BulkConversation(REQUEST_PAUSE);
    if (load === 'push') return new PushConversation(host);
    if (load === 'idle') return new RequestConversation({ load, host, pause: this.#options.idlePause });
    if (load === 'request') return new RequestConversation({ load, host, pause: REQUEST_PAUSE });
    return new RequestConversation({ load, host, pause: REQUEST_PAUSE, limit: SHORT_REQUESTS });
  }

  #established(flow: Flow): void {
    this.#opened += 1;
    this.#live[flow.conversation.load] += 1;
    this.#window.opened();
  }

  #ended(flow: Flow, end: FlowEnd): void {
    this.#slotOf.get(flow)?.delete(flow);
    this.#slotOf.delete(flow);
    this.#answers += flow.conversation.answers;
    this.#streamed += flow.conversation.streamed;
    if (flow.established !== undefined) this.#live[flow.conversation.load] -= 1;
    if (end.kind !== 'done') this.#reportLoss(flow, end);
    if (isLong(flow)) this.#planned.push({ at: this.#now() + REPLACE_AFTER, load: flow.conversation.load });
  }

  #reportLoss(flow: Flow, end: Exclude<FlowEnd, { kind: 'done' }>): void {
    const t = Math.round(this.#now());
    const { load, server } = flow.conversation;
    if (end.kind === 'failed') {
      this.#window.failed(flow.attempted, end.class);
      this.#report({ kind: 'failed', t, flow: flow.name, load, class: end.class });
      return;
    }
    this.#window.broken(load, end.class);
    const age = Math.round(this.#now() - (flow.established ?? 0));
    const loss = { class: end.class, detail: end.detail, server: server ?? null, age };
    this.#report({ kind: 'broken', t, flow: flow.name, load, ...loss });
  }
}

function isLong(flow: Flow): boolean {
  return flow.conversation.load !== 'short';
}

/** Spreads the long-lived connections evenly over the ramp, kinds mixed. Ascending by time. */
function plan(options: LoadOptions, start: number): { at: number; load: LoadKind }[] {
  const kinds = ['request', 'idle', 'push', 'bulk'] as const;
  return kinds
    .flatMap((load) => {
      const count = options[load];
      return Array.from({ length: count }, (_, index) => ({ at: start + (options.ramp * index) / count, load }));
    })
    .toSorted((a, b) => a.at - b.at);
}
