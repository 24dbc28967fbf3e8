/**
 * What is done to directors on purpose, in scenarios and in the demo. Each act is over when the routers act on it, except
 * for the crash, of which they are not told.
 */
import type { Lab } from '../runtimes/lab.ts';
import { type RouterView, untilAnnounced, untilState } from './observe.ts';

/** Starts a director's agent; `all`: the directors that carry traffic afterwards. Throws LabError. */
export async function join(lab: Lab, routers: RouterView, name: string, all: readonly string[]): Promise<void> {
  await lab.startDirector(name);
  await untilAnnounced(lab, name);
  await routers.untilNextHops(all);
}

/** Drains a director; `left`: those that carry traffic afterwards. Throws LabError. */
export async function drain(lab: Lab, routers: RouterView, name: string, left: readonly string[]): Promise<void> {
  await lab.api(name).post('/v1/drain');
  await untilState(lab, name, 'drained', 40_000);
  await routers.untilNextHops(left);
}

/** Takes a director away as a power cut would: its agent at once, its links right after. */
export async function crash(lab: Lab, name: string): Promise<void> {
  await lab.stopDirector(name, 'SIGKILL');
  const node = lab.node(name);
  for (const link of ['eth1', 'eth2', 'eth3']) await node.link(link, 'down');
}
