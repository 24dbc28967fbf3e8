/**
 * Starts what a node's root folder is for: the daemons that the image's entry point would start under containerlab.
 * Each function returns when the daemon answers, and throws a LabError with the end of the node's log when it does not.
 */
import { closeSync, existsSync, openSync } from 'node:fs';
import { chown, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { ROOTS, type RootName } from '../roots/specs.ts';
import type { NetnsNode } from './netns-node.ts';
import { shellWords } from './shell-words.ts';
import { until } from './wait.ts';

const READY_WITHIN = 15_000;

/** Starts the daemons of the node's root folder; `root` is that folder. */
export async function startDaemons(node: NetnsNode, name: RootName, root: string): Promise<void> {
  const { daemon, users } = ROOTS[name];
  if (daemon === 'frr') await startFrr(node, root, users[0]!.id);
  else if (daemon === 'bird') await startBird(node, users[0]!.id);
  else if (daemon === 'nginx') await startNginx(node);
}

async function startFrr(node: NetnsNode, root: string, user: number): Promise<void> {
  const run = join(node.folder, 'run/frr');
  await ownedFolder(run, user);
  const settings = await frrSettings(node);
  for (const daemon of frrDaemons(settings, root)) {
    const options = shellWords(settings.get(`${daemon}_options`) ?? '');
    for (const instance of (settings.get(`${daemon}_instances`) ?? '').split(',')) {
      const numbered = instance === '' ? [] : ['-n', instance];
      const alive = daemonize(node, [`/usr/lib/frr/${daemon}`, ...options, ...numbered, '--log', 'stdout']);
      const socket = join(run, `${[daemon, ...numbered.slice(1)].join('-')}.vty`);
      await answered(node, daemon, () => alive() && existsSync(socket));
    }
  }
  const { code, stdout, stderr } = await node.exec(['vtysh', '-b']);
  if (code !== 0) throw new LabError(`${node.name}: FRR refused its configuration: ${stdout}${stderr}`);
}

/** Names and values of the bound `/etc/frr/daemons`, e.g. `ospfd` -> `yes`. */
async function frrSettings(node: NetnsNode): Promise<ReadonlyMap<string, string>> {
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

async function startBird(node: NetnsNode, user: number): Promise<void> {
  await ownedFolder(join(node.folder, 'run/bird'), user);
  const alive = daemonize(node, ['/usr/sbin/bird', '-f', '-c', '/etc/bird/bird.conf']);
  await answered(node, 'bird', async () => alive() && (await node.exec(['birdc', 'show', 'status'])).code === 0);
}

async function startNginx(node: NetnsNode): Promise<void> {
  const alive = daemonize(node, ['/usr/sbin/nginx', '-g', 'daemon off;']);
  // Written after the sockets listen.
  await answered(node, 'nginx', () => alive() && existsSync(join(node.folder, 'run/nginx.pid')));
}

/** Starts a program that outlives this process, its output appended to the node's log. Returns whether it still runs. */
function daemonize(node: NetnsNode, argv: readonly string[]): () => boolean {
  const log = openSync(logFile(node), 'a');
  const child = node.start(argv, { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  child.unref();
  let failure: Error | undefined;
  child.on('error', (cause) => {
    failure = cause;
  });
  return () => {
    if (failure !== undefined) throw new LabError(`cannot start ${argv[0]}: ${failure.message}`, { cause: failure });
    if (child.exitCode !== null || child.signalCode !== null) throw new LabError(`${argv[0]} ended at once`);
    return true;
  };
}

async function answered(node: NetnsNode, daemon: string, probe: () => Promise<boolean> | boolean): Promise<void> {
  try {
    await until(`${daemon} on ${node.name} to answer`, READY_WITHIN, probe);
  } catch (cause) {
    throw new LabError(`${node.name}: ${(cause as Error).message}\n${await logTail(node)}`, { cause });
  }
}

export function logFile(node: NetnsNode): string {
  return `${node.folder}.log`;
}

/** The last ten lines of a node's log. */
export async function logTail(node: NetnsNode): Promise<string> {
  const text = await readFile(logFile(node), 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-10).join('\n');
}

async function ownedFolder(path: string, user: number): Promise<void> {
  await mkdir(path, { recursive: true });
  await chown(path, user, user);
}
