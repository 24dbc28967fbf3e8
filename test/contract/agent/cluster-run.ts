/**
 * Built agents of several directors in a network of their own, with one cluster file: started, looked at, ended one by one; a
 * client that goes through them to three servers; and everything gone afterwards.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ControlClient } from '../../../src/api/client.ts';
import { ADDRESS_OF, type DirectorNode, Network, type Peer, SERVERS } from '../dataplane/netns.ts';
import { CLIENT, freshPorts, VIP } from '../dataplane/suite.ts';
import { AgentRun } from './namespace.ts';

const SLUICE = resolve('dist/bundle/bin/sluice.js');
const TIMEOUT = 5000;

/** Servers and health checks of a service, as the cluster file has them. */
export const THREE_SERVERS = `    servers: { ${SERVERS.map((name) => `${name}: ${ADDRESS_OF[name]}`).join(', ')} }
    health: { interval: 200ms, timeout: 150ms, rise: 1, fall: 2 }
`;

export class ClusterRun {
  readonly network: Network;
  readonly dir = mkdtempSync(join(tmpdir(), 'sluice-cluster-'));
  readonly directors: readonly DirectorNode[];
  readonly #agents = new Map<DirectorNode, AgentRun>();
  #client: Peer | undefined;

  /** @param run names the namespaces, beside the number of this process */
  constructor(run: string, directors: readonly DirectorNode[]) {
    this.network = new Network(`${run}${process.pid}`, directors);
    this.directors = directors;
  }

  get client(): Peer {
    return this.#client!;
  }

  /**
   * Nodes, servers, the client and the keys; no agent yet.
   *
   * @param ports that the servers answer on
   */
  async up(ports: readonly number[] = [80]): Promise<void> {
    await this.network.up();
    this.#client = this.network.start('cl', 'client-main');
    const servers = SERVERS.map((name) => this.network.start(name, 'server-main', name, ...ports.map(String)));
    await Promise.all(servers.map((server) => server.call('ready')));
    writeFileSync(join(this.dir, 'cluster.keys'), `1 ${'5a'.repeat(32)}\n`, { mode: 0o600 });
  }

  /**
   * Writes the cluster file of all directors.
   *
   * @param keys of each director beside `routerId` and `interfaces`, by its place from 1 on
   * @param rest what follows the directors, and other keys of the file's first level
   */
  configure(keys: (name: DirectorNode, place: number) => string, rest: string): void {
    const directors = this.directors.map(
      (name, i) => `  ${name}: { routerId: 10.255.0.${i + 1}, interfaces: { up0: front }, ${keys(name, i + 1)} }\n`,
    );
    const head = 'cluster: test\nkeys: { file: cluster.keys }\n';
    writeFileSync(join(this.dir, 'cluster.yml'), `${head}directors:\n${directors.join('')}${rest}`);
  }

  start(name: DirectorNode): void {
    const { dir } = this;
    const words = ['agent', '--config', join(dir, 'cluster.yml'), '--name', name, '--run-dir', dir, '--state-dir', dir];
    const argv = ['netns', 'exec', this.network.netns(name), process.execPath, SLUICE, ...words];
    this.#agents.set(name, new AgentRun(spawn('ip', argv)));
  }

  /** The agent that was started last under this name. */
  agent(name: DirectorNode): AgentRun {
    return this.#agents.get(name)!;
  }

  control(name: DirectorNode): ControlClient {
    return new ControlClient(join(this.dir, `${name}.sock`));
  }

  async links(name: DirectorNode, to: 'up' | 'down'): Promise<void> {
    for (const link of ['front', 'back']) await this.network.in(name, ['ip', 'link', 'set', link, to]);
  }

  /** As if its power were cut. */
  async crash(name: DirectorNode): Promise<void> {
    await this.agent(name).stop('SIGKILL');
    await this.links(name, 'down');
  }

  /** `none` when no agent answers. */
  async state(name: DirectorNode): Promise<string> {
    const status = await this.control(name)
      .get('/v1/status')
      .catch(() => undefined);
    return status?.state ?? 'none';
  }

  /** `d2 up` and the like, in order of their names. */
  async peers(name: DirectorNode): Promise<string[]> {
    const sync = await this.control(name)
      .get('/v1/sync')
      .catch(() => undefined);
    return sync?.peers.map((peer) => `${peer.name} ${peer.state}`).sort() ?? [];
  }

  /** What `GET /metrics` answers. */
  metrics(name: DirectorNode): Promise<string> {
    return new Promise((done, reject) => {
      const asking = request({ socketPath: join(this.dir, `${name}.sock`), path: '/metrics' }, (answer) => {
        answer.setEncoding('utf8');
        void answer.toArray().then((parts) => done(parts.join('')), reject);
      });
      asking.on('error', reject).end();
    });
  }

  async down(): Promise<void> {
    for (const agent of this.#agents.values()) await agent.stop('SIGKILL');
    await this.network.down();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Connections of the client to the VIP that are opened together and asked together. */
export class Asked {
  readonly #run: ClusterRun;
  readonly #port: number;
  readonly count: number;
  #sport = 0;
  /** Which server has each of them. */
  answers: readonly string[] = [];

  constructor(run: ClusterRun, count: number, port = 80) {
    this.#run = run;
    this.count = count;
    this.#port = port;
  }

  /** The client's ports, as texts. */
  get keys(): readonly string[] {
    return Array.from({ length: this.count }, (_, i) => String(this.#sport + i));
  }

  /** Opens them anew. @param sport the first of their ports; others than before unless told */
  async open(sport = freshPorts(this.count)): Promise<readonly string[]> {
    this.#sport = sport;
    const target = { source: CLIENT, sport: this.#sport, vip: VIP, port: this.#port, timeout: TIMEOUT };
    this.answers = await this.#run.client.call<string[]>('open', { ...target, keys: this.keys });
    return this.answers;
  }

  /** Each asks once; who has answered, or what has become of it. */
  ask(): Promise<string[]> {
    return this.#run.client.call<string[]>('ask', { keys: this.keys, timeout: TIMEOUT });
  }

  async close(): Promise<void> {
    await this.#run.client.call('close', { keys: this.keys });
  }
}
