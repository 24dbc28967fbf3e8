/**
 * A lab under load: the load client on the client node, the placement probe on the directors, the routers' view. And the
 * measuring of one step: what moved, what broke, how long it took.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../lab-error.ts';
import { type Claim, claimBetween, claimEqual } from '../report/result.ts';
import { total } from '../report/words.ts';
import type { Lab, LabNode } from '../runtimes/lab.ts';
import { until } from '../runtimes/wait.ts';
import { Traffic, type TrafficSettings } from '../traffic/client.ts';
import { startMirrors } from '../traffic/mirrors.ts';
import { DEFAULT_LOAD } from '../traffic/options.ts';
import { compare, type Moves, type Placement, PlacementProbe, placementOf, shares } from '../traffic/placement.ts';
import type { BrokenClass, BrokenLine, LoadKind, WindowSummary } from '../traffic/protocol.ts';
import { addressesOf, RouterView, viewDirector } from './observe.ts';

/** With three directors a fair share is 33.3 %; ECMP hashes are uneven by nature, but not beyond this. */
export const FAIR_SHARE = { low: 20, high: 47 } as const;

/** `sources`: unless told, all addresses of the client. */
export type SessionLoad = Partial<Omit<TrafficSettings, 'target'>>;

/** As much as three emulated directors carry on two processors beside their agents, the client and the servers. */
const LOAD_OF_GUESTS: SessionLoad = { request: 20, idle: 160, push: 20, short: 10, idlePause: 2000 };
/** Milliseconds until routers lead to guests on a busy machine, where agents have next to no processor: 60 s were not enough there. */
const LED_TO_GUESTS_WITHIN = 120_000;

export interface Step {
  readonly name: string;
  /** The directors whose flows have to move because they go. */
  readonly gone?: readonly string[];
  /** The event itself; resolves when it is over (announced, drained, …). */
  readonly act: () => Promise<void>;
  /** Milliseconds to go on measuring after it, more than `UNSETTLED`: the step's length, not a wait for something. */
  readonly settle: number;
}

export interface Loss {
  readonly flow: string;
  readonly load: LoadKind;
  readonly class: BrokenClass;
  readonly detail: string;
  /** Milliseconds since it was established. */
  readonly age: number;
  /** Its age when the step began; negative when it began later. */
  readonly ageBefore: number;
  /** Null for short connections, which are not traced one by one. */
  readonly director: string | null;
}

export interface StepReport {
  readonly name: string;
  /** Long-lived connections when it began. */
  readonly live: number;
  /** Of them, those that are still established when it is over. */
  readonly survived: number;
  readonly moves: Moves;
  readonly window: WindowSummary;
  /** Every established connection that was lost, with the director that carried it when the step began. */
  readonly lost: readonly Loss[];
  /** Share of the new connections per director once all had settled, percent. */
  readonly shares: Readonly<Record<string, number>>;
  /** How long the event itself took, milliseconds. */
  readonly took: number;
}

/** After an event, the first seconds are not counted into the shares. */
const UNSETTLED = 2000;

export class Session {
  readonly vip: string;
  readonly traffic: Traffic;
  readonly probe: PlacementProbe;
  readonly routers: RouterView;

  private constructor(vip: string, traffic: Traffic, probe: PlacementProbe, routers: RouterView) {
    this.vip = vip;
    this.traffic = traffic;
    this.probe = probe;
    this.routers = routers;
  }

  /**
   * Waits until the routers lead to exactly `directors`, then starts the load and waits until all its long-lived
   * connections are established. Throws LabError.
   */
  static async open(lab: Lab, directors: readonly string[], wanted: SessionLoad = {}): Promise<Session> {
    const guests = lab.runtime === 'qemu';
    const load = { ...(guests ? LOAD_OF_GUESTS : {}), ...wanted };
    const target = await serviceOf(lab, directors[0] ?? '');
    const routers = await RouterView.of(lab, target.address);
    await routers.untilNextHops(directors, guests ? LED_TO_GUESTS_WITHIN : undefined);
    const probe = await PlacementProbe.install(lab.byRole('director'), target.address);
    if ((load.bulk ?? 0) > 0) await startMirrors(lab);
    const client = onlyClient(lab);
    const sources = await addressesOf(client, 'lo');
    const traffic = await Traffic.start(client, { target, sources, ...load });
    const session = new Session(target.address, traffic, probe, routers);
    await session.#untilPopulated(load);
    return session;
  }

  async close(): Promise<WindowSummary> {
    return this.traffic.stop();
  }

  /** Plays one step and measures it. */
  async step(step: Step): Promise<StepReport> {
    const flows = (await this.traffic.flows()).map((row) => row.flow);
    const before = placementOf(await this.probe.read());
    await this.traffic.mark(step.name);
    const lossesBefore = this.traffic.losses.length;
    const began = performance.now();
    await step.act();
    const took = performance.now() - began;
    await sleep(Math.min(UNSETTLED, step.settle));
    const settled = await this.probe.read();
    await sleep(Math.max(0, step.settle - UNSETTLED));
    const last = await this.probe.read();
    const moves = compare(before, placementOf(last), flows, new Set(step.gone));
    const window = await this.traffic.window();
    const left = new Set((await this.traffic.flows()).map((row) => row.flow));
    const survived = flows.filter((flow) => left.has(flow)).length;
    const lost = this.traffic.losses.slice(lossesBefore).map((line) => lossOf(line, before, window.start));
    const share = Object.fromEntries(shares(settled, last));
    return {
      name: step.name,
      live: flows.length,
      survived,
      moves,
      window,
      lost,
      shares: share,
      took: Math.round(took),
    };
  }

  async #untilPopulated(load: SessionLoad): Promise<void> {
    const { request, idle, push, bulk } = { ...DEFAULT_LOAD, ...load };
    const wanted = request + idle + push + bulk;
    await until(`${wanted} long-lived connections`, 30_000, async () => (await this.traffic.flows()).length >= wanted);
    // The first seconds have connections of their own troubles: a step must not inherit them.
    await this.traffic.mark('populated');
  }
}

/** `start` of the step, on the clock of the lines. */
function lossOf({ t, flow, load, class: cause, detail, age }: BrokenLine, before: Placement, start: number): Loss {
  return { flow, load, class: cause, detail, age, ageBefore: start - (t - age), director: before.get(flow) ?? null };
}

/** Whether the step went by unnoticed by every client. */
export function losslessClaims({ window }: StepReport): Claim[] {
  return [
    claimEqual('connections broken', total(window.broken), 0),
    claimEqual('new connections failed', total(window.failed), 0),
  ];
}

/** Whether each of these directors had its share of new connections. */
export function shareClaims(report: StepReport, directors: readonly string[]): Claim[] {
  return directors.map((name) => {
    const label = `${report.name}: share of new connections on ${name}`;
    return claimBetween(label, report.shares[name] ?? 0, FAIR_SHARE.low, FAIR_SHARE.high, '%');
  });
}

async function serviceOf(lab: Lab, director: string): Promise<{ address: string; port: number }> {
  await until(`${director} answers`, 10_000, async () => (await viewDirector(lab, director)).status !== undefined);
  const service = (await lab.api(director).get('/v1/services'))[0];
  const [address, port] = [service?.vips[0], service?.ports[0]];
  if (address === undefined || port === undefined) throw new LabError(`${director} has no service to send traffic to`);
  return { address, port };
}

function onlyClient(lab: Lab): LabNode {
  const [client] = lab.byRole('client');
  if (client === undefined) throw new LabError('the topology has no client to send traffic from');
  return client;
}
