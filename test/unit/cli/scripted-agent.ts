/** An agent as the commands see it: a control socket with a backend that the test scripts, and commands as an operator types them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type {
  DoctorDocument,
  EventDocument,
  ExplanationDocument,
  LifecycleState,
  ReloadDocument,
  ServerDocument,
  StatusDocument,
  UpstreamRouterDocument,
} from '../../../src/api/documents.ts';
import { type ControlBackend, type ControlServer, RequestError, serveControl } from '../../../src/api/server.ts';
import type { ConnectionsDocument } from '../../../src/api/sync-documents.ts';
import type { AgentOptions } from '../../../src/cli/context.ts';
import { runCli } from '../../../src/cli/main.ts';
import { SYNC_OFF } from '../api/sync-off.ts';
import { NO_HOST } from './server-hosts.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly complaints: string;
}

export function serverRow(phase: ServerDocument['phase'], active: number): ServerDocument {
  const phaseEnds = phase === 'draining' ? 42_000 : null;
  return { service: 'web', server: 'r2', phase, phaseEnds, active } as unknown as ServerDocument;
}

export class ScriptedAgent {
  dir = '';
  server!: ControlServer;
  /** States that `status` goes through, the last one again and again. */
  states: LifecycleState[] = ['active'];
  /** Who answers, likewise. */
  pids: number[] = [4711];
  events: EventDocument[] = [];
  reloaded!: ReloadDocument;
  /** What it was asked, and what an agent was told that was started. */
  asked: unknown[] = [];
  upstream: UpstreamRouterDocument[] = [];
  host: DoctorDocument = { met: true, kernel: '6.12', findings: [] };
  /** What becomes of the server, the last one again and again. */
  serverRows: ServerDocument[] = [];
  /** What a drain brings about. */
  drainEvents: EventDocument[] = [];
  explained = {} as ExplanationDocument;
  pages: ConnectionsDocument[] = [];

  /** The options that lead to it. */
  here(): string[] {
    return ['--run-dir', this.dir, '--name', 'd1'];
  }

  async sluice(...args: string[]): Promise<Ran> {
    let [out, complaints] = ['', ''];
    const code = await runCli(args, '1.2.3', {
      out: (text) => {
        out += text;
      },
      complain: (line) => {
        complaints += `${line}\n`;
      },
      terminal: false,
      signal: new AbortController().signal,
      templates: new URL('../../../frr-templates/', import.meta.url),
      runAgent: async (options: AgentOptions) => {
        this.asked.push(options);
        return 0;
      },
      examineHost: async (stateDir) => {
        this.asked.push(stateDir);
        return this.host;
      },
      serverHost: () => NO_HOST,
    });
    return { code, out, complaints };
  }
}

const backendOf = (script: ScriptedAgent): ControlBackend => ({
  views: {
    '/v1/status': () =>
      ({
        state: script.states.length > 1 ? script.states.shift() : script.states[0],
        pid: script.pids.length > 1 ? script.pids.shift() : script.pids[0],
        restarts: [],
        sync: null,
      }) as unknown as StatusDocument,
    '/v1/neighbors': () => [],
    '/v1/interfaces': () => [],
    '/v1/lsdb': (query) => {
      script.asked.push(query.toString());
      return [];
    },
    '/v1/routes': () => [],
    '/v1/upstream-view': (query) => {
      script.asked.push(query.toString());
      return script.upstream;
    },
    '/v1/counters': () => [],
    '/v1/services': () => [],
    '/v1/connections': (query) => {
      script.asked.push(query.toString());
      return script.pages.shift()!;
    },
    '/v1/sync': () => SYNC_OFF,
    '/v1/servers': () => [script.serverRows.length > 1 ? script.serverRows.shift()! : script.serverRows[0]!],
    '/v1/explain': (query) => {
      script.asked.push(query.toString());
      return script.explained;
    },
  },
  commands: {
    '/v1/drain': async (body) => {
      script.asked.push(body);
      script.events.push(...script.drainEvents);
      return { state: 'draining', deadline: 5000 };
    },
    '/v1/restart': async (body) => {
      script.asked.push(body);
      return { pid: 4711, grace: 1000 };
    },
    '/v1/undrain': async () => {
      throw new RequestError(409, 'refused', 'the agent was told to stop');
    },
    '/v1/drain-server': async (body) => {
      script.asked.push(body);
      return serverRow('draining', 2);
    },
    '/v1/undrain-server': async (body) => {
      script.asked.push(body);
      return serverRow('serving', 2);
    },
    '/v1/reload': async () => script.reloaded,
    '/v1/check': async () => script.reloaded,
    '/v1/event-loop/restart': async () => ({ p50: 0, p99: 0, p999: 0, max: 0, count: 0 }),
  },
  events: async (since) => script.events.filter(({ seq }) => seq > since),
  metrics: async () => '',
});

/** One for every test of the file that calls this. */
export function scriptedAgent(): ScriptedAgent {
  const script = new ScriptedAgent();
  beforeEach(async () => {
    Object.assign(script, new ScriptedAgent());
    script.dir = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
    script.server = await serveControl(join(script.dir, 'd1.sock'), backendOf(script));
  });
  afterEach(async () => {
    await script.server.close();
    rmSync(script.dir, { recursive: true });
  });
  return script;
}
