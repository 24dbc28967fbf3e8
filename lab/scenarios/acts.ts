/**
 * What is done to directors on purpose, in scenarios and in the demo. Each act is over when the routers act on it, except
 * for the crash, of which they are not told; and what is done to routers, so that they lead elsewhere while all directors live.
 */
import { LabError } from '../lab-error.ts';
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

/** Longer than any other way. */
const COST_OF_NO_WAY = 1000;

/** Has the routers find the way to a director too long; `left`: those that carry traffic afterwards. Throws LabError. */
export async function leadPast(lab: Lab, routers: RouterView, name: string, left: readonly string[]): Promise<void> {
  await setCost(lab, routers, name, `ip ospf cost ${COST_OF_NO_WAY}`);
  await routers.untilNextHops(left);
}

/** Undoes it; `all`: those that carry traffic afterwards. Throws LabError. */
export async function leadTo(lab: Lab, routers: RouterView, name: string, all: readonly string[]): Promise<void> {
  await setCost(lab, routers, name, 'no ip ospf cost');
  await routers.untilNextHops(all);
}

/** In the lab's topologies the routers' links to the directors begin at eth2. */
async function setCost(lab: Lab, { routers }: RouterView, director: string, command: string): Promise<void> {
  const link = `eth${lab.byRole('director').findIndex(({ name }) => name === director) + 2}`;
  const words = ['configure terminal', `interface ${link}`, command].flatMap((line) => ['-c', line]);
  for (const router of routers) {
    const { code, stdout, stderr } = await router.exec(['vtysh', ...words]);
    if (code !== 0) throw new LabError(`${router.name}: ${stdout}${stderr}`.trim());
  }
}
