/**
 * Three directors behind a router, which tell each other of connections on a segment of their own. The lab's topology for
 * FullNAT, its service by NAT: what the generator makes then needs no local address.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../lab/project.ts';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { untilAnnounced } from '../../lab/scenarios/observe.ts';
import { serverMarks } from './contenders.ts';
import type { Shape } from './ct-load.ts';

const VIP = '203.0.113.10';
const SERVER = '10.20.0.21';
const SYNCED_WITHIN = 60_000;

/** None of its directors runs yet. */
export async function trio(progress: (line: string) => void): Promise<Lab> {
  const lab = await up('fullnat-4', { directors: [], progress });
  const text = await readFile(join(projectRoot, 'lab/topologies/fullnat-4/cluster.yml'), 'utf8');
  for (const { name } of lab.byRole('director'))
    await lab.configure(name, text.replace('forward: fullnat', 'forward: nat'));
  return lab;
}

/** Starts directors that are to carry connections; resolves once they announce, and these and the others are synced. */
export async function startDirectors(
  lab: Lab,
  names: readonly string[],
  all: readonly string[] = names,
): Promise<void> {
  await Promise.all(names.map((name) => lab.startDirector(name)));
  for (const name of names) await untilAnnounced(lab, name);
  for (const name of all) await untilSynced(lab, name, all);
}

/** Waits until a director holds what all of these others carry. Throws LabError. */
export async function untilSynced(lab: Lab, name: string, all: readonly string[]): Promise<void> {
  await until(`${name} is synced`, SYNCED_WITHIN, async () => {
    const { state, peers } = await lab.api(name).get('/v1/sync');
    const others = peers.filter((peer) => peer.name !== name && all.includes(peer.name));
    return state === 'synced' && others.length === all.length - 1 && others.every((peer) => peer.state === 'up');
  });
}

/** What connections of a director look like. */
export async function shapeOf(lab: Lab, director: string): Promise<Shape> {
  const mark = (await serverMarks(lab, director)).get(SERVER);
  if (mark === undefined) throw new Error(`${director} has no id for ${SERVER}`);
  return { vip: VIP, server: SERVER, mark, told: 'assured' };
}
