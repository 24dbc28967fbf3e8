/**
 * The netns runtime: a lab of network namespaces, veth pairs and bridges on this machine, without a container engine.
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
import { startCapture } from './capture.ts';
import { startDaemons } from './daemons.ts';
import { takeDownAtExit } from './exit.ts';
import type { AgentOptions, Capture, FrrRelease, Lab, StopSignal, UpOptions } from './lab.ts';
import { ipCommand, NetnsNode } from './netns-node.ts';
import { applySourceMacReturn } from './return-path.ts';
import { isLeftover, type RunState, readStates, runFolder, thisProcess, writeState } from './run-state.ts';
import { shellWords } from './shell-words.ts';
import { FrrSpeakers, speakerRoots, withRouters } from './speaker.ts';
import { removeLeftovers, takeDown } from './teardown.ts';
import { type LabRole, parseTopology, type Topology, type TopologyNode } from './topology.ts';

type Progress = (text: string) => void;

const CONFIG_IN_NODE = '/etc/sluice/cluster.yml';
/** Where cluster files say that the keys of connection sync are; every run has keys of its own. */
const KEYS_IN_NODE = '/etc/sluice/cluster.keys';
const KEY_BYTES = 32;

export async function upNetns(topologyName: string, options: UpOptions): Promise<Lab> {
  const progress = options.progress ?? (() => {});
  const topology = withRouters(await readTopology(topologyName), options.router);
  requireRoot();
  await removeLeftovers(progress);
  const release = options.speaker === 'frr' ? (options.frr ?? '10.3') : undefined;
  await ensureRoots([...neededRoots(topology), ...speakerRoots(release)], progress);
  const lab = await NetnsLab.create(topology, release);
  try {
    await lab.build(progress, options.cluster);
    for (const name of options.directors ?? lab.labelledDirectors()) {
      progress(`starting director ${name}`);
      await lab.startDirector(name);
    }
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

class NetnsLab implements Lab {
  readonly runId: string;
  readonly dir: string;
  readonly nodes: ReadonlyMap<string, NetnsNode>;
  readonly #topology: Topology;
  readonly #speakers: FrrSpeakers | undefined;
  #state: RunState;
  #noted: Promise<unknown> = Promise.resolve();
  #forgetExit = () => {};

  private constructor(topology: Topology, state: RunState, nodes: readonly NetnsNode[], speakers?: FrrSpeakers) {
    this.runId = state.runId;
    this.dir = runFolder(state.runId);
    this.nodes = new Map(nodes.map((node) => [node.name, node]));
    this.#topology = topology;
    this.#speakers = speakers;
    this.#state = state;
  }

  static async create(written: Topology, release: FrrRelease | undefined): Promise<NetnsLab> {
    const runId = randomBytes(3).toString('hex');
    const speakers = release && new FrrSpeakers(runId, runFolder(runId), release);
    await speakers?.prepare();
    const topology = (await speakers?.suit(written)) ?? written;
    const nodes = await makeNodes(topology, runId);
    const namespaces = nodes.map((node) => node.netns);
    const state = { runId, topology: topology.file, owner: thisProcess(), namespaces, directors: {} };
    const lab = new NetnsLab(topology, state, nodes, speakers);
    // Noted and guarded before the first namespace is made.
    lab.#forgetExit = takeDownAtExit(() => takeDown(lab.#state));
    await writeState(state);
    return lab;
  }

  static async attach(topology: Topology, state: RunState): Promise<NetnsLab> {
    return new NetnsLab(topology, state, await makeNodes(topology, state.runId));
  }

  async build(progress: Progress, cluster: string | undefined): Promise<void> {
    const { nodes, links } = this.#topology;
    progress(`building ${nodes.length} nodes and ${links.length} links as ${this.runId}`);
    for (const node of this.nodes.values()) await node.prepare();
    await writeFile(this.#keyFile, `lab ${randomBytes(KEY_BYTES).toString('hex')}\n`, { mode: 0o600 });
    for (const director of this.byRole('director')) await this.#copyConfig(director, cluster);
    await ipCommand(['-batch', '-'], wiring(this.#topology, this.runId));
    await Promise.all(nodes.map((node) => this.#configure(node)));
    progress('starting routers and real servers');
    await Promise.all(nodes.map((node) => this.#startNode(node)));
  }

  labelledDirectors(): readonly string[] {
    const started = this.byRole('director').filter((node) => node.labels['sluice.start'] !== 'false');
    return started.map((node) => node.name);
  }

  node(name: string): NetnsNode {
    const node = this.nodes.get(name);
    if (node === undefined)
      throw new LabError(`no node ${name} in this lab; there are: ${[...this.nodes.keys()].join(', ')}`);
    return node;
  }

  byRole(role: LabRole): readonly NetnsNode[] {
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
    const described = this.#topology.nodes.find((node) => node.name === name);
    if (described !== undefined) await this.#speakers?.start(described, this.configFile(name));
    const pid = await startAgent(this.#director(name), this.configFile(name), this.api(name), options);
    await this.#note({ directors: { ...this.#state.directors, [name]: pid } });
  }

  async stopDirector(name: string, signal: StopSignal): Promise<void> {
    const pid = this.#state.directors[this.#director(name).name];
    if (pid === undefined) throw new LabError(`director ${name} is not running`);
    await stopAgent(name, pid, signal);
    const { [name]: _, ...directors } = this.#state.directors;
    await this.#note({ directors });
  }

  directorPid(name: string): number | undefined {
    return this.#state.directors[name];
  }

  api(director: string): ControlClient {
    return new ControlClient(join(this.#director(director).folder, 'run', `${director}.sock`));
  }

  async capture(node: string, iface: string, file: string, filter = ''): Promise<Capture> {
    return startCapture(this.node(node), iface, file, await rootPath('tools'), filter);
  }

  async keep(): Promise<void> {
    await this.#note({ owner: null });
    this.#forgetExit();
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

  #director(name: string): NetnsNode {
    const node = this.node(name);
    if (node.role !== 'director') throw new LabError(`${name} is a ${node.role}, not a director`);
    return node;
  }

  /** One write after the other: directors may be started side by side. */
  #note(change: Partial<RunState>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    const written = this.#noted.then(() => writeState(this.#state));
    this.#noted = written.catch(() => undefined);
    return written;
  }

  async #copyConfig(node: NetnsNode, cluster: string | undefined): Promise<void> {
    const bind = node.binds.find(({ destination }) => destination === CONFIG_IN_NODE);
    if (bind === undefined) throw new LabError(`director ${node.name} needs a bind for ${CONFIG_IN_NODE}`);
    await this.configure(node.name, await readFile(cluster ?? bind.source, 'utf8'));
  }

  /** Sysctls, links up, and the file's `ip …` lines in one batch; other lines of `exec` wait for the daemons' turn. */
  async #configure(node: TopologyNode): Promise<void> {
    await setSysctls(this.node(node.name), node.sysctls);
    const commands = node.exec.filter((line) => line.startsWith('ip ')).map((line) => line.slice(3));
    const batch = [...linksUp(this.#topology, node), ...commands].join('\n');
    await ipCommand(['-n', this.node(node.name).netns, '-batch', '-'], batch).catch((cause: Error) => {
      throw new LabError(`node ${node.name}: ${cause.message}`, { cause });
    });
  }

  async #startNode(described: TopologyNode): Promise<void> {
    const node = this.node(described.name);
    for (const line of described.exec.filter((one) => !one.startsWith('ip '))) {
      const { code, stderr } = await node.exec(shellWords(line));
      if (code !== 0) throw new LabError(`node ${node.name}: ${line}: ${stderr.trim()}`);
    }
    if (node.labels['sluice.return'] !== undefined) {
      await applySourceMacReturn(node, this.byRole('director'), await this.#hasInside());
    }
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
function neededRoots(topology: Topology): readonly RootName[] {
  const named = topology.nodes.map(rootOf).filter((name) => name !== undefined);
  return [...new Set([...named, 'tools' as const])];
}

async function makeNodes(topology: Topology, runId: string): Promise<readonly NetnsNode[]> {
  return Promise.all(
    topology.nodes.map(async (node) => {
      const root = rootOf(node);
      return new NetnsNode(node, runId, runFolder(runId), root && (await rootPath(root)));
    }),
  );
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

/** `ip -n` batch lines that bring a node's links up; in a bridge's namespace they become its ports. */
function linksUp(topology: Topology, node: TopologyNode): readonly string[] {
  const ends = topology.links.flat().filter((end) => end.node === node.name);
  const up = ['lo', ...ends.map((end) => end.interface)].map((name) => `link set ${name} up`);
  if (node.kind !== 'bridge') return up;
  const bridge = ['link add bridge0 type bridge', 'link set bridge0 up'];
  return [...bridge, ...ends.map((end) => `link set ${end.interface} master bridge0`), ...up];
}

/** Writes sysctls inside the namespace. Throws a LabError naming those that this kernel does not have. */
async function setSysctls(node: NetnsNode, sysctls: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(sysctls).map(([name, value]) => {
    const path = `/proc/sys/${name.replaceAll('.', '/')}`;
    return `test -e ${path} && echo '${value}' > ${path} || { echo ${name}=${value} >&2; bad=1; }`;
  });
  if (lines.length === 0) return;
  const script = ['bad=0', ...lines, 'exit $bad'].join('\n');
  const { code, stderr } = await node.execOnHost(['sh', '-c', script]);
  if (code !== 0) throw new LabError(`node ${node.name}: this kernel refuses the sysctls ${stderr.trim()}`);
}
