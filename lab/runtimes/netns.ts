/**
 * A lab of network namespaces, veth pairs and bridges on this machine, without a container engine; with the runtime `qemu`,
 * directors are guests (guest-node.ts), each behind a namespace of its own.
 *
 * In:  a topology file (topology.ts) and root folders (../roots).
 * Out: a running lab. Namespaces are called `sl-RUN-NODE`; nothing else of the machine's network is touched.
 * Not: it changes no file of the tree, starts nothing outside its namespaces, and leaves nothing behind: `down`, the end
 * of this process, or at the latest the next `up` takes everything away.
 */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ControlClient } from '../../src/api/client.ts';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import { ensureRoots, rootPath } from '../roots/build.ts';
import { ROOTS, type RootName } from '../roots/specs.ts';
import { startAgent, stopAgent } from './agent.ts';
import type { BuiltNode } from './built-node.ts';
import { startDaemons } from './daemons.ts';
import { takeDownAtExit } from './exit.ts';
import { guestRoots } from './guest.ts';
import { GuestNode } from './guest-node.ts';
import { inParallel } from './in-parallel.ts';
import type {
  AgentOptions,
  Capture,
  DirectorFrr,
  FrrRelease,
  KernelVersion,
  Lab,
  RuntimeName,
  StopSignal,
  UpOptions,
} from './lab.ts';
import { ipCommand, NetnsNode } from './netns-node.ts';
import { linkEnds } from './node-setup.ts';
import { applyRealServer } from './real-server.ts';
import { applySourceMacReturn } from './return-path.ts';
import {
  isLeftover,
  type ProcessIdentity,
  type RunState,
  readStates,
  runFolder,
  thisProcess,
  writeState,
} from './run-state.ts';
import { FrrSpeakers, speakerRoots, withRouters } from './speaker.ts';
import { removeLeftovers, takeDown } from './teardown.ts';
import { type LabRole, parseTopology, type Topology, type TopologyNode } from './topology.ts';

type Progress = (text: string) => void;

const CONFIG_IN_NODE = '/etc/sluice/cluster.yml';
/** Where cluster files say that the keys of connection sync are; every run has keys of its own. */
const KEYS_IN_NODE = '/etc/sluice/cluster.keys';
const KEY_BYTES = 32;
/** Agents start while others do; more at a time would only take each other's processors. */
const STARTED_AT_A_TIME = 3;

export async function upNetns(topologyName: string, options: UpOptions): Promise<Lab> {
  const progress = options.progress ?? (() => {});
  const topology = withRouters(await readTopology(topologyName), options.router);
  requireRoot();
  await removeLeftovers(progress);
  const kernel = options.runtime === 'qemu' ? (options.kernel ?? '6.1') : undefined;
  const release = options.speaker === 'frr' ? (options.frr ?? '10.3') : undefined;
  if (kernel !== undefined && release !== undefined) throw new LabError('directors that are guests have no FRR');
  await ensureRoots([...neededRoots(topology, kernel), ...speakerRoots(release)], progress);
  const directors = options.directors ?? startedByLabel(topology);
  const lab = await NetnsLab.create(topology, { kernel, memory: options.memory, release, booting: directors });
  try {
    await lab.build(progress, options.cluster);
    progress(`starting ${directors.length > 0 ? `directors ${directors.join(', ')}` : 'no director'}`);
    await inParallel(STARTED_AT_A_TIME, directors, (name) => lab.startDirector(name));
    return lab;
  } catch (cause) {
    await lab.down();
    throw cause;
  }
}

/** Without an id only kept labs are looked at: a lab of a running test or demo is its owner's affair. */
export async function attachNetns(runId: string | undefined): Promise<Lab> {
  const states = (await readStates()).filter((state) => !isLeftover(state));
  const chosen = states.filter((state) => (runId === undefined ? state.owner === null : state.runId === runId));
  const [state] = chosen;
  if (chosen.length > 1) {
    throw new LabError(`several labs are up, name one: ${chosen.map((one) => one.runId).join(', ')}`);
  }
  if (state === undefined) {
    throw new LabError(`no lab${runId === undefined ? '' : ` ${runId}`} is up; see: npm run lab -- list`);
  }
  return NetnsLab.attach(await readTopology(state.topology), state);
}

export async function runningNetns(): Promise<readonly { readonly runId: string; readonly topology: string }[]> {
  return (await readStates()).filter((state) => !isLeftover(state));
}

/** What `up` was told of the directors. */
interface Wishes {
  /** Of directors that are guests. */
  readonly kernel: KernelVersion | undefined;
  /** Of the same, MiB. */
  readonly memory: number | undefined;
  /** Of the FRR beside their agents. */
  readonly release: FrrRelease | undefined;
  /** Guests that come up with the lab; the others do when they are needed. */
  readonly booting: readonly string[];
}

interface Plan {
  readonly topology: Topology;
  readonly state: RunState;
  /** By node, the root folder. */
  readonly roots: ReadonlyMap<string, string>;
  readonly booting: readonly string[];
  readonly speakers: FrrSpeakers | undefined;
}

class NetnsLab implements Lab {
  readonly runId: string;
  readonly dir: string;
  readonly nodes: ReadonlyMap<string, BuiltNode>;
  readonly #topology: Topology;
  readonly #speakers: FrrSpeakers | undefined;
  #state: RunState;
  #noted: Promise<unknown> = Promise.resolve();
  #forgetExit = () => {};
  /** Directors whose power was cut. */
  readonly #cut = new Set<string>();

  private constructor({ topology, state, roots, booting, speakers }: Plan) {
    this.runId = state.runId;
    this.dir = runFolder(state.runId);
    this.nodes = new Map(
      topology.nodes.map((node) => [node.name, this.#makeNode(topology, node, state, roots.get(node.name), booting)]),
    );
    this.#topology = topology;
    this.#speakers = speakers;
    this.#state = state;
  }

  static async create(written: Topology, { kernel, memory, release, booting }: Wishes): Promise<NetnsLab> {
    const runId = randomBytes(3).toString('hex');
    const speakers = release && new FrrSpeakers(runId, runFolder(runId), release);
    await speakers?.prepare();
    const topology = (await speakers?.suit(written)) ?? written;
    const namespaces = topology.nodes.map(({ name }) => `sl-${runId}-${name}`);
    const common = { runId, topology: topology.file, owner: thisProcess(), namespaces, directors: {} };
    const guests = { ...(kernel === undefined ? {} : { kernel }), ...(memory === undefined ? {} : { memory }) };
    const state = { ...common, ...guests };
    const lab = new NetnsLab({ topology, state, roots: await rootPaths(topology), booting, speakers });
    // Noted and guarded before the first namespace is made.
    lab.#forgetExit = takeDownAtExit(() => takeDown(lab.#state));
    await writeState(state);
    return lab;
  }

  static async attach(topology: Topology, state: RunState): Promise<NetnsLab> {
    return new NetnsLab({ topology, state, roots: await rootPaths(topology), booting: [], speakers: undefined });
  }

  get runtime(): RuntimeName {
    return this.#state.kernel === undefined ? 'netns' : 'qemu';
  }

  async build(progress: Progress, cluster: string | undefined): Promise<void> {
    const { nodes, links } = this.#topology;
    progress(`building ${nodes.length} nodes and ${links.length} links as ${this.runId}`);
    for (const node of this.nodes.values()) await node.prepare();
    await writeFile(this.#keyFile, `lab ${randomBytes(KEY_BYTES).toString('hex')}\n`, { mode: 0o600 });
    for (const director of this.byRole('director')) await this.#copyConfig(director, cluster);
    await ipCommand(['-batch', '-'], wiring(this.#topology, this.runId));
    await Promise.all([...this.nodes.values()].map((node) => node.configure()));
    progress('starting routers and real servers');
    await Promise.all(nodes.map((node) => this.#startNode(node)));
  }

  node(name: string): BuiltNode {
    const node = this.nodes.get(name);
    if (node === undefined)
      throw new LabError(`no node ${name} in this lab; there are: ${[...this.nodes.keys()].join(', ')}`);
    return node;
  }

  byRole(role: LabRole): readonly BuiltNode[] {
    return [...this.nodes.values()].filter((node) => node.role === role);
  }

  configFile(director: string): string {
    return join(this.node(director).folder, 'cluster.yml');
  }

  async configure(director: string, text: string): Promise<void> {
    // One path for all: directors compare their files.
    const keyed = text.replaceAll(KEYS_IN_NODE, this.#keyFile);
    await writeFile(this.configFile(director), this.#speakers?.clusterFile(keyed) ?? keyed);
  }

  async startDirector(name: string, options: AgentOptions = {}): Promise<void> {
    const node = this.#director(name);
    if (this.#cut.delete(name)) await this.#setLinks(node, 'up');
    await node.powerOn();
    const described = this.#topology.nodes.find((one) => one.name === name);
    if (described !== undefined) await this.#speakers?.start(described, this.configFile(name));
    const pid = await startAgent(node, this.configFile(name), this.api(name), options);
    await this.#note({ directors: { ...this.#state.directors, [name]: pid } });
  }

  async stopDirector(name: string, signal: StopSignal): Promise<void> {
    const pid = this.#state.directors[this.#director(name).name];
    if (pid === undefined) throw new LabError(`director ${name} is not running`);
    await stopAgent(this.node(name), pid, signal);
    const { [name]: _, ...directors } = this.#state.directors;
    await this.#note({ directors });
  }

  async crash(name: string): Promise<void> {
    const node = this.#director(name);
    if (node instanceof GuestNode) {
      await node.powerOff();
      const { [name]: _, ...directors } = this.#state.directors;
      await this.#note({ directors });
    } else if (this.directorPid(name) !== undefined) await this.stopDirector(name, 'SIGKILL');
    this.#cut.add(name);
    await this.#setLinks(node, 'down');
    await this.frr(name)?.kill();
  }

  async freeze(name: string): Promise<void> {
    await this.#guest(name).freeze();
  }

  async thaw(name: string): Promise<void> {
    await this.#guest(name).thaw();
  }

  directorPid(name: string): number | undefined {
    return this.#state.directors[name];
  }

  api(director: string): ControlClient {
    return new ControlClient(join(this.#director(director).folder, 'run', `${director}.sock`));
  }

  frr(director: string): DirectorFrr | undefined {
    return this.#speakers?.frr(this.#director(director).name);
  }

  async capture(node: string, iface: string, file: string, filter = ''): Promise<Capture> {
    return this.node(node).capture(iface, file, await rootPath('tools'), filter);
  }

  async keep(): Promise<void> {
    await this.#note({ owner: null });
    this.#forgetExit();
    for (const node of this.nodes.values()) if (node instanceof GuestNode) await node.release();
  }

  async down(): Promise<void> {
    this.#forgetExit();
    takeDown(this.#state);
  }

  /** Do directors have addresses for the servers' answers, beside those of their interfaces? */
  async #hasInside(): Promise<boolean> {
    const [director] = this.byRole('director');
    return director !== undefined && /\binside: \d/.test(await readFile(this.configFile(director.name), 'utf8'));
  }

  get #keyFile(): string {
    return join(this.dir, 'cluster.keys');
  }

  #director(name: string): BuiltNode {
    const node = this.node(name);
    if (node.role !== 'director') throw new LabError(`${name} is a ${node.role}, not a director`);
    return node;
  }

  async #setLinks(node: BuiltNode, state: 'up' | 'down'): Promise<void> {
    for (const end of linkEnds(this.#topology, node.name)) await node.link(end.interface, state);
  }

  #guest(name: string): GuestNode {
    const node = this.#director(name);
    if (node instanceof GuestNode) return node;
    throw new LabError(`${name} is no guest: only the runtime qemu can stop a whole machine`);
  }

  #makeNode(
    topology: Topology,
    node: TopologyNode,
    { runId, kernel, memory, guests }: RunState,
    root: string | undefined,
    booting: readonly string[],
  ): BuiltNode {
    const dir = runFolder(runId);
    if (kernel === undefined || !isGuest(node)) return new NetnsNode(node, topology, runId, dir, root);
    const booted = (name: string, emulator: ProcessIdentity) =>
      this.#note((state) => ({ guests: { ...state.guests, [name]: emulator } }));
    const eager = node.role !== 'director' || booting.includes(node.name);
    const emulator = guests?.[node.name];
    return new GuestNode(node, topology, { runId, dir, kernel, memory, eager, emulator, booted }, root);
  }

  /** One write after the other: directors may be started side by side. */
  #note(change: Partial<RunState> | ((state: RunState) => Partial<RunState>)): Promise<void> {
    this.#state = { ...this.#state, ...(typeof change === 'function' ? change(this.#state) : change) };
    const written = this.#noted.then(() => writeState(this.#state));
    this.#noted = written.catch(() => undefined);
    return written;
  }

  async #copyConfig(node: BuiltNode, cluster: string | undefined): Promise<void> {
    const bind = node.binds.find(({ destination }) => destination === CONFIG_IN_NODE);
    if (bind === undefined) throw new LabError(`director ${node.name} needs a bind for ${CONFIG_IN_NODE}`);
    await this.configure(node.name, await readFile(cluster ?? bind.source, 'utf8'));
  }

  async #startNode(described: TopologyNode): Promise<void> {
    const node = this.node(described.name);
    await node.runCommands();
    if (node.labels['sluice.return'] !== undefined) {
      await applySourceMacReturn(node, this.byRole('director'), await this.#hasInside());
    }
    if (node.labels['sluice.realserver'] !== undefined) await applyRealServer(node, CONFIG_IN_NODE);
    const root = rootOf(described);
    if (root !== undefined) await startDaemons(node, root, await rootPath(root));
  }
}

/** `ecmp-3` is one of the tree's own topologies; anything with a slash or a dot is a file. */
async function readTopology(topology: string): Promise<Topology> {
  const own = join(projectRoot, 'lab/topologies', `${topology}.clab.yml`);
  const file = /[/.]/.test(topology) ? resolve(topology) : own;
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new LabError(`cannot read the topology: ${cause.message}`, { cause });
  });
  return parseTopology(text, file);
}

function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new LabError('the netns runtime makes network namespaces: run it as root');
}

function rootOf(node: TopologyNode): RootName | undefined {
  const name = node.labels['sluice.root'];
  if (name === undefined) return undefined;
  if (!(name in ROOTS))
    throw new LabError(`node ${node.name}: no root folder "${name}"; there are: ${Object.keys(ROOTS)}`);
  return name as RootName;
}

/** Those the file names, and the one with tcpdump for captures. */
function neededRoots(topology: Topology, kernel: KernelVersion | undefined): readonly RootName[] {
  const named = topology.nodes.map(rootOf).filter((name) => name !== undefined);
  return [...new Set([...named, 'tools' as const, ...(kernel === undefined ? [] : guestRoots(kernel))])];
}

/** Directors, and what says of itself that it needs a kernel of its own: a real server that unpacks tunnels. */
function isGuest(node: TopologyNode): boolean {
  return node.role === 'director' || node.labels['sluice.guest'] === 'true';
}

/** Folders by node, of those that have a root folder. */
async function rootPaths(topology: Topology): Promise<ReadonlyMap<string, string>> {
  const rooted = topology.nodes.flatMap((node) => {
    const root = rootOf(node);
    return root === undefined ? [] : [{ name: node.name, root }];
  });
  return new Map(await Promise.all(rooted.map(async ({ name, root }) => [name, await rootPath(root)] as const)));
}

function startedByLabel({ nodes }: Topology): readonly string[] {
  const started = nodes.filter(({ role, labels }) => role === 'director' && labels['sluice.start'] !== 'false');
  return started.map(({ name }) => name);
}

/** One `ip` batch: every namespace, then every link, each end made inside its namespace. */
function wiring(topology: Topology, runId: string): string {
  const ns = (node: string) => `sl-${runId}-${node}`;
  const lines = topology.nodes.map(({ name }) => `netns add ${ns(name)}`);
  for (const [a, b] of topology.links) {
    const peer = `peer name ${b.interface} netns ${ns(b.node)}`;
    lines.push(`link add name ${a.interface} netns ${ns(a.node)} type veth ${peer}`);
  }
  return `${lines.join('\n')}\n`;
}
