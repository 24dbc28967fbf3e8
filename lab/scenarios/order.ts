import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Claim, claimEqual } from '../report/result.ts';
import type { Lab } from '../runtimes/lab.ts';
import { type RouteChange, RouteMonitor } from '../runtimes/route-monitor.ts';
import { until } from '../runtimes/wait.ts';
import { join as joinCluster } from './acts.ts';
import { RouterView } from './observe.ts';
import { ECMP_3, type Scenario, type ScenarioContext, type ScenarioResult } from './scenario.ts';

/**
 * A route before its data plane loses what it attracts, and so does a data plane that goes before its route. The
 * director's event log says in which order it acted; the router's kernel says when the route really was there.
 */
export const order: Scenario = {
  name: 'order',
  claim: 'A VIP is programmed and read back before it is announced, and withdrawn before it is unprogrammed.',
  topology: ECMP_3,
  directors: ['d1', 'd2'],
  run,
};

const DIRECTOR = 'd3';

async function run(lab: Lab, { progress }: ScenarioContext): Promise<ScenarioResult> {
  const vip = (await lab.api('d1').get('/v1/services'))[0]?.vips[0] ?? '';
  const routers = await RouterView.of(lab, vip);
  await routers.untilNextHops(['d1', 'd2']);
  const watched = [...routers.routers, lab.node(DIRECTOR)];
  const monitors = await Promise.all(watched.map((node) => RouteMonitor.start(node.netns)));
  const changesOf = (monitor: RouteMonitor) => monitor.changes.filter(({ prefix }) => prefix === vip);
  progress(`${DIRECTOR} starts`);
  await joinCluster(lab, routers, DIRECTOR, ['d1', 'd2', DIRECTOR]);
  progress(`${DIRECTOR} leaves (SIGTERM)`);
  await lab.stopDirector(DIRECTOR, 'SIGTERM');
  await routers.untilNextHops(['d1', 'd2']);
  const own = monitors.at(-1)!;
  await until('the director removes its VIP', 5_000, async () => changesOf(own).some(({ deleted }) => deleted));
  for (const monitor of monitors) monitor.stop();
  // The socket is gone with the agent; its log has every event up to the last.
  const events = readEvents(await readFile(join(lab.dir, `${DIRECTOR}.log`), 'utf8'));
  const upstream = monitors.slice(0, -1).flatMap(changesOf);
  const director = changesOf(own);
  return { claims: judge(events, upstream, director), samples: { events, routers: upstream, director } };
}

/** An event as the agent's log has it: JSON lines, `time` in ISO 8601. */
export interface LoggedEvent {
  readonly event: string;
  readonly seq: number;
  readonly time: string;
  readonly values?: Readonly<Record<string, unknown>>;
}

/** Of a route to the VIP. */
type Change = Pick<RouteChange, 'at' | 'deleted'>;

/** The events in a log; lines of another kind are passed over. */
export function readEvents(log: string): LoggedEvent[] {
  return log.split('\n').flatMap((line) => {
    try {
      const value = JSON.parse(line) as Partial<LoggedEvent>;
      return typeof value.event === 'string' && typeof value.seq === 'number' ? [value as LoggedEvent] : [];
    } catch {
      return [];
    }
  });
}

/**
 * The claims on one life of an agent: its events, the changes of the VIP's route in the routers, and those of the
 * director's own local route to the VIP, which is part of the data plane.
 */
export function judge(
  events: readonly LoggedEvent[],
  routers: readonly Change[],
  director: readonly Change[],
): Claim[] {
  const first = (name: string): LoggedEvent | undefined => events.find(({ event }) => event === name);
  const before = (a: string, b: string): boolean => {
    const [one, other] = [first(a), first(b)];
    return one !== undefined && other !== undefined && one.seq < other.seq;
  };
  const at = (name: string): number => Date.parse(first(name)?.time ?? '');
  const joined = Math.min(...routers.map((change) => change.at));
  const removed = director.find(({ deleted }) => deleted)?.at ?? Number.NaN;
  return [
    claimEqual(
      'dataplane-programmed comes before vip-announced',
      before('dataplane-programmed', 'vip-announced'),
      true,
    ),
    claimEqual('the routers have the route only after dataplane-programmed', joined > at('dataplane-programmed'), true),
    claimEqual('vip-withdrawn comes before vip-unprogrammed', before('vip-withdrawn', 'vip-unprogrammed'), true),
    claimEqual('the director has the VIP until after vip-withdrawn', removed > at('vip-withdrawn'), true),
  ];
}
