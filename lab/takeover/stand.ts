/** The clusters in which connections are taken over: three directors that tell each other of them, and a fourth that may join. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import type { Lab } from '../runtimes/lab.ts';
import { untilAnnounced, untilNextHopsOf } from '../scenarios/observe.ts';

export const DIRECTORS: readonly string[] = ['d1', 'd2', 'd3'];
export const JOINER = 'd4';
export const ALL: readonly string[] = [...DIRECTORS, JOINER];

export interface Stand {
  readonly name: 'nat' | 'fullnat';
  /** Below `lab/topologies`. */
  readonly topology: string;
  readonly cluster: string;
  /** What has to be there beside the VIP before connections can live. */
  ready(lab: Lab): Promise<void>;
}

/** The servers answer to the director that a question came by last. */
const nat: Stand = {
  name: 'nat',
  topology: 'ecmp-3.clab.yml',
  cluster: 'ecmp-3/synced.yml',
  ready: async () => undefined,
};

/** The servers answer to the local address of the director that began the connection, whoever has it now. */
const fullnat: Stand = {
  name: 'fullnat',
  topology: 'fullnat-4.clab.yml',
  cluster: 'fullnat-4/cluster.yml',
  async ready(lab) {
    for (const index of [1, 2, 3]) await untilNextHopsOf(lab.node('ri'), `10.8.0.${index}`, [`10.2.${index}.2`]);
  },
};

export const STANDS: readonly Stand[] = [nat, fullnat];

/** What a mode that is played on it needs. */
export function standOf({ topology, cluster }: Stand) {
  const folder = join(projectRoot, 'lab/topologies');
  return { topology: join(folder, topology), cluster: join(folder, cluster), directors: [] };
}

/** A change of the cluster file as text. */
export type Edit = (text: string) => string;

/** Writes the cluster file of all directors, the one that joins later among them. */
export async function configureAll(lab: Lab, { cluster }: Stand, edit: Edit = (text) => text): Promise<void> {
  const text = edit(await readFile(join(projectRoot, 'lab/topologies', cluster), 'utf8'));
  for (const name of ALL) await lab.configure(name, text);
}

/** Starts the three directors with the stand's cluster file; resolves once they announce all that they have. */
export async function startAll(lab: Lab, stand: Stand, edit?: Edit): Promise<void> {
  await configureAll(lab, stand, edit);
  await Promise.all(DIRECTORS.map((name) => lab.startDirector(name)));
  for (const name of DIRECTORS) await untilAnnounced(lab, name);
  await stand.ready(lab);
}

/** An edit that must find what it replaces. */
export function replacing(pattern: RegExp, replacement: string): Edit {
  return (text) => {
    const edited = text.replace(pattern, replacement);
    if (edited === text) throw new LabError(`the cluster file has nothing like ${pattern}`);
    return edited;
  };
}
