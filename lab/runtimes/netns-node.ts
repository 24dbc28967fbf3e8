/**
 * A node of the netns runtime: a network namespace, and where the topology names a root folder, a chroot into it with
 * the node's own `/run`, `/tmp`, `/srv` and `/var/log` and the file's binds.
 *
 * The mounts live in the private mount namespace that `ip netns exec` makes for each program, so there is nothing to
 * unmount. Nodes share the root folder's files and never write to them.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { takeDownAtExit } from './exit.ts';
import type { ExecOptions, ExecResult, LabNode, SpawnOptions as NodeSpawnOptions } from './lab.ts';
import type { Bind, LabRole, TopologyNode } from './topology.ts';

const OWN_FOLDERS = { run: '/run', tmp: '/tmp', srv: '/srv', log: '/var/log' } as const;

/** Arguments: host name, root folder, then (option, source, destination) per bind, `--`, the program. */
const ENTER = `
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
echo "$1" > /proc/sys/kernel/hostname
root=$2
shift 2
for tree in dev proc sys; do mount --rbind "/$tree" "$root/$tree"; done
while [ "$1" != -- ]; do mount --bind -o "$1" "$2" "$root$3"; shift 3; done
shift
exec chroot "$root" "$@"
`;

export class NetnsNode implements LabNode {
  readonly name: string;
  readonly role: LabRole;
  readonly netns: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly binds: readonly Bind[];
  /** The node's own folder on the host; `run` in it is the node's `/run`. */
  readonly folder: string;
  readonly #root: string | undefined;

  constructor(node: TopologyNode, runId: string, dir: string, root: string | undefined) {
    this.name = node.name;
    this.role = node.role;
    this.labels = node.labels;
    this.binds = node.binds;
    this.netns = `sl-${runId}-${node.name}`;
    this.folder = join(dir, node.name);
    this.#root = root;
  }

  /** Makes the node's folders and, in the root folder, places to mount the binds on. */
  async prepare(): Promise<void> {
    for (const name of Object.keys(OWN_FOLDERS)) await mkdir(join(this.folder, name), { recursive: true });
    if (this.#root === undefined) return;
    for (const { source, destination } of this.binds) await makeMountPoint(source, join(this.#root, destination));
  }

  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return this.#finish(argv, options, this.#root);
  }

  /** As `exec`, with the host's own files instead of the node's root folder. */
  async execOnHost(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return this.#finish(argv, options, undefined);
  }

  spawn(argv: readonly string[], { stdio = 'inherit', onHost = false }: NodeSpawnOptions = {}): ChildProcess {
    return this.startIn(onHost ? undefined : this.#root, argv, { stdio });
  }

  async link(name: string, state: 'up' | 'down'): Promise<void> {
    await ipCommand(['-n', this.netns, 'link', 'set', 'dev', name, state]);
  }

  /** As `spawn`, with all of Node's options. */
  start(argv: readonly string[], options: SpawnOptions): ChildProcess {
    return this.startIn(this.#root, argv, options);
  }

  /** As `start`, in another root folder than the node's; undefined is the host's own files. */
  startIn(root: string | undefined, argv: readonly string[], options: SpawnOptions): ChildProcess {
    const entered = root === undefined ? [...argv] : this.#enter(argv, root);
    return spawn('unshare', ['--uts', 'ip', 'netns', 'exec', this.netns, ...entered], options);
  }

  async #finish(argv: readonly string[], options: ExecOptions, root: string | undefined): Promise<ExecResult> {
    const { input, deadline = 30_000 } = options;
    const child = this.startIn(root, argv, { stdio: ['pipe', 'pipe', 'pipe'] });
    const result = await collect(child, input, deadline);
    if (result !== undefined) return result;
    throw new LabError(`${this.name}: ${argv.join(' ')} did not end within ${deadline / 1000} s`);
  }

  #enter(argv: readonly string[], root: string): string[] {
    const own = Object.entries(OWN_FOLDERS).flatMap(([name, path]) => ['rw', join(this.folder, name), path]);
    // Binds are made for the node's own root folder; another one need not have places for them.
    const binds = root === this.#root ? this.binds : [];
    const given = binds.flatMap((bind) => [bind.readOnly ? 'ro' : 'rw', bind.source, bind.destination]);
    return ['/bin/sh', '-c', ENTER, 'enter', this.name, root, ...own, ...given, '--', ...argv];
  }
}

/** Runs `ip` on the host. Throws a LabError with its message when it fails. */
export async function ipCommand(args: readonly string[], input?: string): Promise<string> {
  const child = spawn('ip', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  // It must not go on making what is being taken down.
  const forgetExit = takeDownAtExit(() => child.kill('SIGKILL'));
  const result = await collect(child, input, 30_000).finally(forgetExit);
  if (result?.code === 0) return result.stdout;
  throw new LabError(`ip ${args.join(' ')}: ${result?.stderr.trim() ?? 'no answer'}`);
}

/** Feeds and reads a child to its end; undefined when it had to be killed at the deadline. */
function collect(child: ChildProcess, input: string | undefined, deadline: number): Promise<ExecResult | undefined> {
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, deadline);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', (cause) => reject(new LabError(`cannot start ${child.spawnfile}: ${cause.message}`, { cause })));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve(late ? undefined : { code: code ?? 128 + (signal ? constants.signals[signal] : 0), stdout, stderr });
    });
    // A program that ends without reading its input is judged by its exit code, not by the broken pipe.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}

async function makeMountPoint(source: string, place: string): Promise<void> {
  const found = await stat(source).catch(() => undefined);
  if (found === undefined) throw new LabError(`a bind of the topology names ${source}, which does not exist`);
  if (found.isDirectory()) {
    await mkdir(place, { recursive: true });
    return;
  }
  await mkdir(dirname(place), { recursive: true });
  // 'a' makes the file where it is missing and leaves it alone where it is not.
  await writeFile(place, '', { flag: 'a' });
}
