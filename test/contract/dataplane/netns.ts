/**
 * Namespaces for the contract suite: a client and two directors (or three) on one segment, the directors and three real
 * servers on another. Names begin with `sl-` and a number of this run; everything is removed by `down`, or
 * when this process ends.
 *
 *   client 10.1.0.2 ── front ── d1 10.1.0.11 / 10.2.0.11 ── back ── s1 10.2.0.21, s2 .22, s3 .23
 *                            ├─ d2 10.1.0.12 / 10.2.0.12 ──┤
 *                            └─ d3 10.1.0.13 / 10.2.0.13 ──┘
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../../lab/project.ts';
import { throwaway } from '../../../lab/runtimes/teardown.ts';
import type { Ipv4 } from '../../../src/core/base/ipv4.ts';
import { commandLines } from '../../../src/core/realserver/audit.ts';
import { NO_FACTS } from '../../../src/core/realserver/facts.ts';
import { reversePathNeed, vipNeeds } from '../../../src/core/realserver/vips.ts';
import { type ExecResult, exec } from '../../../src/io/exec.ts';

export type DirectorNode = 'd1' | 'd2' | 'd3';
export type Node = 'cl' | DirectorNode | 's1' | 's2' | 's3';

/** Those of a network that does not ask for more. */
export const DIRECTORS = ['d1', 'd2'] as const;
/** `hand` is for those who plug into it: directors that hand over to each other. */
const BRIDGES = ['front', 'back', 'hand'] as const;
export type Bridge = (typeof BRIDGES)[number];
export const SERVERS = ['s1', 's2', 's3'] as const;
export const ADDRESS_OF = { s1: '10.2.0.21', s2: '10.2.0.22', s3: '10.2.0.23' } as const;
export const INSIDE_OF = { d1: '10.2.0.11', d2: '10.2.0.12', d3: '10.2.0.13' } as const;
export const HAND_OF = { d1: '10.4.0.11', d2: '10.4.0.12', d3: '10.4.0.13' } as const;
export const FRONT_OF = { cl: '10.1.0.2', d1: '10.1.0.11', d2: '10.1.0.12', d3: '10.1.0.13' } as const;

/** Of the servers that answer past the directors. */
export const BESIDE_CLIENT = { s1: '10.1.0.21', s2: '10.1.0.22', s3: '10.1.0.23' } as const;

const DIST = join(projectRoot, 'dist/test/contract/dataplane/');

async function must(argv: readonly [string, ...string[]], input?: string): Promise<ExecResult> {
  const result = await exec(argv, { deadline: 20_000, ...(input === undefined ? {} : { input }) });
  if (result.code !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr.trim()}`);
  return result;
}

/** A program of ours in a namespace that answers each JSON line on its input by one on its output. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #next = 1;

  constructor(netns: string, program: string, args: readonly string[], wrapper: readonly string[] = []) {
    const file = `${DIST}${program}.js`;
    if (!existsSync(file)) throw new Error(`${file} is missing: run "npm run build" first`);
    const argv = ['netns', 'exec', netns, ...wrapper, process.execPath, file, ...args];
    this.#child = spawn('ip', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#answer(line));
    this.#child.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${program} in ${netns} has ended`));
    });
  }

  /** Sends a request and waits for its answer; an error that the program reports is thrown. */
  call<T>(method: string, values: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const id = this.#next++;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.stdin!.write(`${JSON.stringify({ id, method, ...values })}\n`);
    });
  }

  #answer(line: string): void {
    const { id, result, error } = JSON.parse(line) as { id: number; result?: unknown; error?: string };
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }

  /** SIGKILL, as a crash would. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await closed;
  }
}

export class Network {
  readonly #run: string;
  readonly #directors: readonly DirectorNode[];
  readonly #peers: Peer[] = [];
  #remove = () => {};

  constructor(run: string, directors: readonly DirectorNode[] = DIRECTORS) {
    this.#run = run;
    this.#directors = directors;
  }

  netns(node: Node | 'sw'): string {
    return `sl-${this.#run}-${node}`;
  }

  start(node: Node, program: string, ...args: readonly string[]): Peer {
    return this.startUnder([], node, program, ...args);
  }

  /** As `start`, by way of another program such as `setpriv`, which ends by executing ours. */
  startUnder(wrapper: readonly string[], node: Node, program: string, ...args: readonly string[]): Peer {
    const peer = new Peer(this.netns(node), program, args, wrapper);
    this.#peers.push(peer);
    return peer;
  }

  /** Runs a program inside a node; throws when it fails. */
  async in(node: Node | 'sw', argv: readonly string[], input?: string): Promise<string> {
    return (await must(['ip', 'netns', 'exec', this.netns(node), ...argv], input)).stdout;
  }

  async up(): Promise<void> {
    const nodes = ['sw', 'cl', ...this.#directors, ...SERVERS] as const;
    this.#remove = throwaway(nodes.map((node) => this.netns(node)));
    for (const node of nodes) {
      await must(['ip', 'netns', 'add', this.netns(node)]);
      await must(['ip', '-n', this.netns(node), 'link', 'set', 'lo', 'up']);
    }
    await must(['ip', '-n', this.netns('sw'), '-batch', '-'], this.#bridges());
    for (const node of ['cl', ...this.#directors] as const) await this.plug(node, 'front', FRONT_OF[node]);
    for (const node of this.#directors) await this.plug(node, 'back', INSIDE_OF[node]);
    for (const node of SERVERS) {
      await this.plug(node, 'back', ADDRESS_OF[node]);
      await this.in(node, ['ip', 'route', 'add', 'default', 'via', INSIDE_OF.d1]);
    }
  }

  #bridges(): string {
    return BRIDGES.map((name) => `link add ${name} type bridge\nlink set ${name} addrgenmode none up\n`).join('');
  }

  /** Gives a node a link to a bridge, of the bridge's name. */
  async plug(node: Node, bridge: Bridge, address: string): Promise<void> {
    const [inside, port] = [this.netns(node), `${node}-${bridge}`];
    await must([
      'ip',
      '-n',
      this.netns('sw'),
      'link',
      'add',
      port,
      'type',
      'veth',
      'peer',
      'name',
      bridge,
      'netns',
      inside,
    ]);
    await must(['ip', '-n', this.netns('sw'), '-batch', '-'], `link set ${port} master ${bridge} up\n`);
    await must(['ip', '-n', inside, '-batch', '-'], `addr add ${address}/24 dev ${bridge}\nlink set ${bridge} up\n`);
  }

  /** Lets the client speak from any address of a prefix. */
  async addClients(prefix: string): Promise<void> {
    await this.in('cl', ['ip', 'route', 'add', 'local', prefix, 'dev', 'lo']);
    for (const node of DIRECTORS) await this.in(node, ['ip', 'route', 'add', prefix, 'via', FRONT_OF.cl]);
  }

  /** The bridge forgets where a node is, and learns it no more: what is for the node reaches everyone on the wire. */
  async flood(node: Node, bridge: 'front' | 'back'): Promise<void> {
    const port = ['link', 'set', `${node}-${bridge}`, 'type', 'bridge_slave'];
    await must(['ip', '-n', this.netns('sw'), ...port, 'learning', 'off', 'fdb_flush']);
  }

  /** Sends the client's packets for a VIP to a director. */
  async routeVip(vip: string, director: DirectorNode): Promise<void> {
    await this.in('cl', ['ip', 'route', 'replace', vip, 'via', FRONT_OF[director]]);
  }

  /** Sends the answers of all real servers to a director, whichever the question came from. */
  async routeAnswers(director: DirectorNode): Promise<void> {
    for (const node of SERVERS) await this.in(node, ['ip', 'route', 'replace', 'default', 'via', INSIDE_OF[director]]);
  }

  /**
   * Makes real servers of direct routing: the VIPs on lo, unseen by ARP, and a link of their own to the client, by which they
   * answer, past the directors.
   */
  async answerDirectly(vips: readonly Ipv4[]): Promise<void> {
    const needs = [...vipNeeds(vips), reversePathNeed('back')];
    const lines = needs.flatMap((need) => need.mend(NO_FACTS)).flatMap(commandLines);
    for (const node of SERVERS) {
      await this.in(node, ['sh', '-c', lines.join('\n')]);
      await this.plug(node, 'front', BESIDE_CLIENT[node]);
      await this.in(node, ['ip', 'route', 'del', 'default']);
    }
  }

  async macOf(node: Node, bridge: Bridge): Promise<string> {
    return (await this.in(node, ['cat', `/sys/class/net/${bridge}/address`])).trim();
  }

  async down(): Promise<void> {
    for (const peer of this.#peers) await peer.kill();
    this.#remove();
  }
}
