/**
 * Starts what a node's root folder is for: the daemons that the image's entry point would start under containerlab.
 * Each function returns when the daemon answers, and throws a LabError with the end of the node's log when it does not.
 */
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { ROOTS, type RootName } from '../roots/specs.ts';
import type { BuiltNode } from './built-node.ts';
import { logTail } from './node-log.ts';
import { FRR_STATE } from './root-folder.ts';
import { shellWords } from './shell-words.ts';
import { until } from './wait.ts';

const READY_WITHIN = 15_000;

/** By name, with the number of an instance: `ospfd`, `ospfd-2`. */
export type FrrProcesses = ReadonlyMap<string, number>;

/** Starts the daemons of the node's root folder; `root` is that folder. */
export async function startDaemons(node: BuiltNode, name: RootName, root: string): Promise<void> {
  const { daemon, users } = ROOTS[name];
  if (daemon === 'frr') await startFrr(node, root, users[0]!.id);
  else if (daemon === 'bird') await startBird(node, users[0]!.id);
  else if (daemon === 'nginx') await startNginx(node);
}

/**
 * Starts the daemons of FRR that do not run yet, and gives them the configuration of the node's files. Returns the process ids of
 * all, those that ran already (`running`) among them.
 */
export async function startFrr(
  node: BuiltNode,
  root: string,
  user: number,
  running: FrrProcesses = new Map(),
): Promise<FrrProcesses> {
  const processes = new Map(running);
  const run = join(node.folder, 'run/frr');
  await ownedFolder(run, user);
  await ownedFolder(join(node.folder, FRR_STATE), user);
  const settings = await frrSettings(node);
  for (const daemon of frrDaemons(settings, root)) {
    const options = shellWords(settings.get(`${daemon}_options`) ?? '');
    for (const instance of (settings.get(`${daemon}_instances`) ?? '').split(',')) {
      const numbered = instance === '' ? [] : ['-n', instance];
      const known = [daemon, ...numbered.slice(1)].join('-');
      if (processes.has(known)) continue;
      const socket = join(run, `${known}.vty`);
      // One that was killed leaves it behind.
      await rm(socket, { force: true });
      const argv = [`/usr/lib/frr/${daemon}`, ...options, ...numbered, '--log', 'stdout'];
      const { pid, alive } = await daemonize(node, argv);
      processes.set(known, pid);
      await answered(node, daemon, async () => (await alive()) && existsSync(socket));
    }
  }
  const { code, stdout, stderr } = await node.exec(['vtysh', '-b']);
  if (code !== 0) throw new LabError(`${node.name}: FRR refused its configuration: ${stdout}${stderr}`);
  return processes;
}

/** Names and values of the bound `/etc/frr/daemons`, e.g. `ospfd` -> `yes`. */
async function frrSettings(node: BuiltNode): Promise<ReadonlyMap<string, string>> {
  const bind = node.binds.find(({ destination }) => destination === '/etc/frr/daemons');
  if (bind === undefined) throw new LabError(`${node.name}: an FRR node needs a bind for /etc/frr/daemons`);
  const text = await readFile(bind.source, 'utf8');
  return new Map([...text.matchAll(/^(\w+)="?([^"\n]*)"?$/gm)].map((match) => [match[1]!, match[2]!]));
}

/** zebra always runs; from FRR 10 on, mgmtd must run before it. */
function frrDaemons(settings: ReadonlyMap<string, string>, root: string): string[] {
  const first = existsSync(join(root, 'usr/lib/frr/mgmtd')) ? ['mgmtd', 'zebra'] : ['zebra'];
  const wanted = [...settings].filter(
    ([name, value]) => value === 'yes' && name.endsWith('d') && !first.includes(name),
  );
  return [...first, ...wanted.map(([name]) => name)];
}

async function startBird(node: BuiltNode, user: number): Promise<void> {
  await ownedFolder(join(node.folder, 'run/bird'), user);
  const { alive } = await daemonize(node, ['/usr/sbin/bird', '-f', '-c', '/etc/bird/bird.conf']);
  await answered(
    node,
    'bird',
    async () => (await alive()) && (await node.exec(['birdc', 'show', 'status'])).code === 0,
  );
}

async function startNginx(node: BuiltNode): Promise<void> {
  const { alive } = await daemonize(node, ['/usr/sbin/nginx', '-g', 'daemon off;']);
  // Written after the sockets listen.
  await answered(node, 'nginx', async () => (await alive()) && existsSync(join(node.folder, 'run/nginx.pid')));
}

interface Started {
  readonly pid: number;
  /** Whether it still runs. Throws a LabError once it has ended. */
  readonly alive: () => Promise<boolean>;
}

async function daemonize(node: BuiltNode, argv: readonly string[]): Promise<Started> {
  const pid = await node.daemon(argv);
  const alive = async () => {
    if (!(await node.running(pid))) throw new LabError(`${argv[0]} ended at once`);
    return true;
  };
  return { pid, alive };
}

async function answered(node: BuiltNode, daemon: string, probe: () => Promise<boolean> | boolean): Promise<void> {
  try {
    await until(`${daemon} on ${node.name} to answer`, READY_WITHIN, probe);
  } catch (cause) {
    throw new LabError(`${node.name}: ${(cause as Error).message}\n${await logTail(node)}`, { cause });
  }
}

async function ownedFolder(path: string, user: number): Promise<void> {
  await mkdir(path, { recursive: true });
  await chown(path, user, user);
}
