/** A network namespace of its own with one veth pair inside, agents started in it, and everything gone afterwards. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { throwaway } from '../../../lab/runtimes/teardown.ts';
import { ControlClient } from '../../../src/api/client.ts';
import type { EventDocument, EventName } from '../../../src/api/documents.ts';

const SLUICE = resolve('dist/src/bin/sluice.js');
const PATIENCE = 20_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class AgentRun {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';

  /** What it has complained about so far. */
  get stderr(): string {
    return this.#stderr;
  }

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.ended = new Promise((done) => {
      child.on('close', (code) => done({ code, stdout: this.#stdout, stderr: this.#stderr }));
    });
  }

  async stop(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }
}

export class Namespace {
  readonly name = `sl-agent-${process.pid}-${Math.floor(Math.random() * 0xffff).toString(16)}`;
  readonly dir = mkdtempSync(join(tmpdir(), 'sluice-agent-'));
  readonly #runs: AgentRun[] = [];
  readonly #removeNamespace = throwaway([this.name]);

  constructor() {
    execFileSync('ip', ['netns', 'add', this.name]);
    this.ip('link', 'set', 'lo', 'up');
  }

  ip(...args: string[]): void {
    execFileSync('ip', ['-n', this.name, ...args]);
  }

  /** What a program prints when it runs in the namespace. */
  output(...argv: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, ...argv], { encoding: 'utf8' });
  }

  /** A veth pair, both ends in the namespace and up; the first with this address. */
  addLink(first: string, address: string): void {
    this.ip('link', 'add', first, 'type', 'veth', 'peer', 'name', `${first}-peer`);
    this.ip('address', 'add', address, 'dev', first);
    this.ip('link', 'set', `${first}-peer`, 'up');
    this.ip('link', 'set', first, 'up');
  }

  /** Something that accepts connections on every address of the namespace, as a real server would. */
  listen(port: number): void {
    this.#node('-e', `require('net').createServer((peer) => peer.on('error', () => {}).resume()).listen(${port})`);
  }

  sluice(...args: string[]): AgentRun {
    return this.#node(SLUICE, ...args);
  }

  #node(...args: string[]): AgentRun {
    return this.#run([process.execPath, ...args]);
  }

  /** Each program replaces itself by the next, so that signals reach the last of them. */
  #run(argv: readonly string[]): AgentRun {
    const run = new AgentRun(spawn('ip', ['netns', 'exec', this.name, ...argv]));
    this.#runs.push(run);
    return run;
  }

  agent(config: string, name = 'd1'): AgentRun {
    return this.sluice(...this.#agentWords(config, name));
  }

  /** As `agent`, by way of another program such as `setpriv`, which ends by executing ours. */
  agentUnder(wrapper: readonly string[], config: string, name = 'd1'): AgentRun {
    return this.#run([...wrapper, process.execPath, SLUICE, ...this.#agentWords(config, name)]);
  }

  #agentWords(config: string, name: string): string[] {
    return ['agent', '--config', config, '--name', name, '--run-dir', this.dir, '--state-dir', this.dir];
  }

  client(name = 'd1'): ControlClient {
    return new ControlClient(join(this.dir, `${name}.sock`));
  }

  /** Waits for an event that satisfies the condition; throws with the events that there were. */
  async event(
    name: EventName,
    condition: (event: EventDocument) => boolean = () => true,
    client = this.client(),
  ): Promise<EventDocument> {
    const end = Date.now() + PATIENCE;
    let seen: readonly EventDocument[] = [];
    while (Date.now() < end) {
      seen = await client.get(`/v1/events?since=0`).catch(() => []);
      const found = seen.find((event) => event.event === name && condition(event));
      if (found !== undefined) return found;
      await client.get(`/v1/events?since=${seen.at(-1)?.seq ?? 0}&wait=500`).catch(() => pause(100));
    }
    const complaints = this.#runs.map(({ stderr }) => stderr).join('');
    throw new Error(
      `no ${name} within ${PATIENCE} ms; there were:\n${seen.map((one) => JSON.stringify(one)).join('\n')}\n${complaints}`,
    );
  }

  async remove(): Promise<void> {
    for (const run of this.#runs) await run.stop('SIGKILL');
    this.#removeNamespace();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
