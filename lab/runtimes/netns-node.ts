/**
 * A node that is a network namespace, and where the topology names a root folder, a chroot into it (root-folder.ts). The
 * mounts live in the private mount namespace that `ip netns exec` makes for each program.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import type { BuiltNode, LinkFacts } from './built-node.ts';
import { startCapture } from './capture.ts';
import { takeDownAtExit } from './exit.ts';
import type { Capture, ExecOptions, ExecResult, SpawnOptions as NodeSpawnOptions } from './lab.ts';
import { logFile } from './node-log.ts';
import { networkBatch, otherCommands, runAll, setSysctls } from './node-setup.ts';
import { enterRoot, prepareFolders } from './root-folder.ts';
import { processStart } from './run-state.ts';
import type { Bind, LabRole, Topology, TopologyNode } from './topology.ts';
import { until } from './wait.ts';

interface IpAddressJson {
  readonly address: string;
  readonly addr_info: readonly { readonly family: string; readonly local: string }[];
}

export class NetnsNode implements BuiltNode {
  readonly name: string;
  readonly role: LabRole;
  readonly netns: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly binds: readonly Bind[];
  readonly folder: string;
  readonly runDir: string;
  readonly nodeOptions: readonly string[] = [];
  readonly alive = true;
  readonly #described: TopologyNode;
  readonly #topology: Topology;
  readonly #root: string | undefined;

  /** `dir`: the run's folder; `root`: the root folder, where the node has one. */
  constructor(node: TopologyNode, topology: Topology, runId: string, dir: string, root: string | undefined) {
    this.name = node.name;
    this.role = node.role;
    this.labels = node.labels;
    this.binds = node.binds;
    this.netns = `sl-${runId}-${node.name}`;
    this.folder = join(dir, node.name);
    this.runDir = join(this.folder, 'run');
    this.#described = node;
    this.#topology = topology;
    this.#root = root;
  }

  async prepare(): Promise<void> {
    await prepareFolders(this.folder, this.#root, this.binds);
  }

  async configure(): Promise<void> {
    await setSysctls(this.name, this.#described.sysctls, (argv) => this.execOnHost(argv));
    const batch = networkBatch(this.#topology, this.#described);
    await ipCommand(['-n', this.netns, '-batch', '-'], batch).catch((cause: Error) => {
      throw new LabError(`node ${this.name}: ${cause.message}`, { cause });
    });
  }

  async runCommands(): Promise<void> {
    await runAll(this.name, otherCommands(this.#described), (argv) => this.exec(argv));
  }

  async linkFacts(iface: string): Promise<LinkFacts> {
    const text = await ipCommand(['-n', this.netns, '-json', 'address', 'show', 'dev', iface]);
    const [facts] = JSON.parse(text) as readonly IpAddressJson[];
    const own = facts?.addr_info.find(({ family }) => family === 'inet')?.local;
    if (facts === undefined || own === undefined) throw new LabError(`${this.name}: ${iface} has no IPv4 address`);
    return { mac: facts.address, address: own };
  }

  async powerOn(): Promise<void> {}

  async powerOff(): Promise<void> {
    throw new LabError(`${this.name} is no guest: it has no power to cut`);
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

  async daemon(argv: readonly string[]): Promise<number> {
    const log = openSync(logFile(this), 'a');
    const child = this.startIn(this.#root, argv, { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    child.unref();
    child.on('error', () => {});
    if (child.pid === undefined) throw new LabError(`${this.name}: cannot start ${argv[0]}`);
    return child.pid;
  }

  async running(pid: number): Promise<boolean> {
    return processStart(pid) !== undefined;
  }

  async hasMade(pid: number, file: string, deadline: number): Promise<boolean> {
    await until(`${file} of ${this.name}`, deadline, async () => existsSync(file) || !(await this.running(pid)));
    return this.running(pid);
  }

  async signal(pid: number, signal: NodeJS.Signals): Promise<void> {
    process.kill(pid, signal);
  }

  async capture(iface: string, file: string, tools: string, filter: string): Promise<Capture> {
    return startCapture(this, iface, file, tools, filter);
  }

  /** As `spawn`, with all of Node's options and in any root folder; undefined is the host's own files. */
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
    // Binds are made for the node's own root folder; another one need not have places for them.
    return enterRoot(this, root, root === this.#root ? this.binds : [], argv);
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
