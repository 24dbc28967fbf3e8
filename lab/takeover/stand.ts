/** The clusters in which connections are taken over: three directors that tell each other of them, and a fourth that may join. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import type { Lab, LabNode, RuntimeName } from '../runtimes/lab.ts';
import { until } from '../runtimes/wait.ts';
import { untilAnnounced, untilNextHopsOf } from '../scenarios/observe.ts';

export const DIRECTORS: readonly string[] = ['d1', 'd2', 'd3'];
export const JOINER = 'd4';
export const ALL: readonly string[] = [...DIRECTORS, JOINER];

/** Three emulated machines take a minute where others want the processors, too. */
const ANNOUNCED_WITHIN = 180_000;
/** Without a change of the data plane. */
const QUIET = 6000;

export interface Stand {
  readonly name: 'nat' | 'fullnat' | 'fullnat-ipvs';
  /** Below `lab/topologies`. */
  readonly topology: string;
  readonly cluster: string;
  /** Those that carry traffic, where they are not all three. */
  readonly directors?: readonly string[];
  /** What directors are, where the host's kernel need not have their plane. */
  readonly runtime?: RuntimeName;
  /** Milliseconds between two questions, where directors need more than others. */
  readonly pace?: number;
  /** What is done to the routers before any agent starts. */
  readonly prepare?: (lab: Lab) => Promise<void>;
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
  ready: (lab) => untilLocal(lab, [1, 2, 3]),
};

export const STANDS: readonly Stand[] = [nat, fullnat];

/**
 * Directors are guests: IPVS translates the destination, nftables the source. Two of them: a third costs as much as each of them, and
 * the processors of this machine are two.
 */
export const FULLNAT_ON_IPVS: Stand = {
  ...fullnat,
  name: 'fullnat-ipvs',
  cluster: 'fullnat-4/ipvs.yml',
  directors: ['d1', 'd2'],
  runtime: 'qemu',
  pace: 40,
  prepare: waitLonger,
  async ready(lab) {
    await untilLocal(lab, [1, 2]);
    await untilSettled(lab, ['d1', 'd2']);
  },
};

/** The router inside leads each local address to its owner. */
async function untilLocal(lab: Lab, directors: readonly number[]): Promise<void> {
  for (const index of directors) await untilNextHopsOf(lab.node('ri'), `10.8.0.${index}`, [`10.2.${index}.2`], 60_000);
}

/** All of them know each other, and have shared out the port blocks for good: what begins before cannot be computed afterwards. */
async function untilSettled(lab: Lab, directors: readonly string[]): Promise<void> {
  const isSettled = async (name: string) => {
    const [{ members }, { uptime }, events] = await Promise.all([
      lab.api(name).get('/v1/sync'),
      lab.api(name).get('/v1/status'),
      lab.api(name).get('/v1/events'),
    ]);
    const last = events.findLast(({ event }) => event === 'dataplane-programmed' || event === 'server-state')?.t ?? 0;
    return members?.living.length === directors.length && uptime - last > QUIET;
  };
  await until(`${directors.join(' and ')} to settle`, ANNOUNCED_WITHIN, async () => {
    return (await Promise.all(directors.map(isSettled))).every((settled) => settled);
  });
}

/** An emulated director may say nothing for some seconds. One that dies takes its links' carrier along, which routers see at once. */
async function waitLonger(lab: Lab): Promise<void> {
  const links = ALL.map((_, index) => [
    '-c',
    `interface eth${index + 2}`,
    '-c',
    'ip ospf hello-interval 2',
    '-c',
    'ip ospf dead-interval 20',
  ]);
  const conf = await readFile(join(projectRoot, 'lab/topologies/fullnat-4/ri.conf'), 'utf8');
  const slow = conf.replaceAll('hello 1;', 'hello 2;').replaceAll('dead 4;', 'dead 20;');
  // In BIRD's root folder there is a shell and little else.
  const bird = `while IFS= read -r line; do echo "$line"; done >/run/slow.conf && birdc configure '"/run/slow.conf"'`;
  await must(lab.node('r1'), ['vtysh', '-c', 'configure terminal', ...links.flat()]);
  await must(lab.node('ri'), ['sh', '-c', bird], slow);
}

async function must(node: LabNode, argv: readonly string[], input = ''): Promise<void> {
  const { code, stdout, stderr } = await node.exec(argv, { input });
  if (code !== 0) throw new LabError(`${node.name}: ${argv.join(' ')}: ${stdout}${stderr}`.trim());
}

/** What a mode that is played on it needs. */
export function standOf({ topology, cluster, runtime }: Stand) {
  const folder = join(projectRoot, 'lab/topologies');
  const files = { topology: join(folder, topology), cluster: join(folder, cluster) };
  return { ...files, directors: [], ...(runtime === undefined ? {} : { runtime }) };
}

/** A change of the cluster file as text. */
export type Edit = (text: string) => string;

/** Writes the cluster file of all directors, the one that joins later among them. */
export async function configureAll(lab: Lab, { cluster }: Stand, edit: Edit = (text) => text): Promise<void> {
  const text = edit(await readFile(join(projectRoot, 'lab/topologies', cluster), 'utf8'));
  for (const name of ALL) await lab.configure(name, text);
}

/** The directors that carry traffic. */
export function directorsOf({ directors = DIRECTORS }: Stand): readonly string[] {
  return directors;
}

/** Starts the directors with the stand's cluster file; resolves once they announce all that they have. */
export async function startAll(lab: Lab, stand: Stand, edit?: Edit): Promise<void> {
  await stand.prepare?.(lab);
  await configureAll(lab, stand, edit);
  const directors = directorsOf(stand);
  await Promise.all(directors.map((name) => lab.startDirector(name)));
  for (const name of directors) await untilAnnounced(lab, name, ANNOUNCED_WITHIN);
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
