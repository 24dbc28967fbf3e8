/** Commands as an operator types them, against a control socket with a backend that the test scripts. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type {
  DoctorDocument,
  EventDocument,
  EventName,
  ExplanationDocument,
  LifecycleState,
  ReloadDocument,
  ServerDocument,
  StatusDocument,
  UpstreamDirectorDocument,
  UpstreamRouterDocument,
} from '../../../src/api/documents.ts';
import { type ControlBackend, type ControlServer, RequestError, serveControl } from '../../../src/api/server.ts';
import type { ConnectionDocument, ConnectionsDocument } from '../../../src/api/sync-documents.ts';
import type { AgentOptions } from '../../../src/cli/context.ts';
import { runCli } from '../../../src/cli/main.ts';
import { SYNC_OFF } from '../api/sync-off.ts';
import { NO_HOST } from './server-hosts.ts';

let dir = '';
let server: ControlServer;
/** States that `status` goes through, the last one again and again. */
let states: LifecycleState[] = [];
/** Who answers, likewise. */
let pids: number[] = [];
let events: EventDocument[] = [];
let reloaded: ReloadDocument;
let asked: unknown[] = [];
let upstream: UpstreamRouterDocument[] = [];
let host: DoctorDocument = { met: true, kernel: '6.12', findings: [] };
/** What becomes of the server, the last one again and again. */
let serverRows: ServerDocument[] = [];
/** What a drain brings about. */
let drainEvents: EventDocument[] = [];
let explained = {} as ExplanationDocument;
let pages: ConnectionsDocument[] = [];

function serverRow(phase: ServerDocument['phase'], active: number): ServerDocument {
  const phaseEnds = phase === 'draining' ? 42_000 : null;
  return { service: 'web', server: 'r2', phase, phaseEnds, active } as unknown as ServerDocument;
}

const backend: ControlBackend = {
  views: {
    '/v1/status': () =>
      ({
        state: states.length > 1 ? states.shift() : states[0],
        pid: pids.length > 1 ? pids.shift() : pids[0],
        restarts: [],
        sync: null,
      }) as unknown as StatusDocument,
    '/v1/neighbors': () => [],
    '/v1/interfaces': () => [],
    '/v1/lsdb': (query) => {
      asked.push(query.toString());
      return [];
    },
    '/v1/routes': () => [],
    '/v1/upstream-view': (query) => {
      asked.push(query.toString());
      return upstream;
    },
    '/v1/counters': () => [],
    '/v1/services': () => [],
    '/v1/connections': (query) => {
      asked.push(query.toString());
      return pages.shift()!;
    },
    '/v1/sync': () => SYNC_OFF,
    '/v1/servers': () => [serverRows.length > 1 ? serverRows.shift()! : serverRows[0]!],
    '/v1/explain': (query) => {
      asked.push(query.toString());
      return explained;
    },
  },
  commands: {
    '/v1/drain': async (body) => {
      asked.push(body);
      events.push(...drainEvents);
      return { state: 'draining', deadline: 5000 };
    },
    '/v1/restart': async (body) => {
      asked.push(body);
      return { pid: 4711, grace: 1000 };
    },
    '/v1/undrain': async () => {
      throw new RequestError(409, 'refused', 'the agent was told to stop');
    },
    '/v1/drain-server': async (body) => {
      asked.push(body);
      return serverRow('draining', 2);
    },
    '/v1/undrain-server': async (body) => {
      asked.push(body);
      return serverRow('serving', 2);
    },
    '/v1/reload': async () => reloaded,
    '/v1/check': async () => reloaded,
    '/v1/event-loop/restart': async () => ({ p50: 0, p99: 0, p999: 0, max: 0, count: 0 }),
  },
  events: async (since) => events.filter(({ seq }) => seq > since),
  metrics: async () => '',
};

beforeEach(async () => {
  asked = [];
  upstream = [];
  states = ['active'];
  pids = [4711];
  events = [];
  drainEvents = [];
  dir = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  server = await serveControl(join(dir, 'd1.sock'), backend);
});

afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly complaints: string;
}

async function sluice(...args: string[]): Promise<Ran> {
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
      asked.push(options);
      return 0;
    },
    examineHost: async (stateDir) => {
      asked.push(stateDir);
      return host;
    },
    serverHost: () => NO_HOST,
  });
  return { code, out, complaints };
}

function event(seq: number, name: EventName, values: EventDocument['values'] = {}): EventDocument {
  return { seq, t: seq, at: '2026-01-01T12:00:00.000Z', event: name, values };
}

const here = () => ['--run-dir', dir, '--name', 'd1'];

test('a view as text and as JSON', async () => {
  expect(await sluice('neighbors', ...here())).toEqual({ code: 0, out: 'no neighbors heard\n', complaints: '' });
  expect(await sluice('neighbors', '--json', '--socket', server.path)).toEqual({
    code: 0,
    out: '[]\n',
    complaints: '',
  });
});

test('events: those that there are, or only those after a number', async () => {
  events = [event(1, 'hello-sent', { interface: 'eth1' }), event(2, 'agent-stopped')];
  expect((await sluice('events', ...here())).out).toBe(
    '12:00:00.000  hello-sent           interface=eth1\n12:00:00.000  agent-stopped\n',
  );
  expect((await sluice('events', '--json', '--since', '1', ...here())).out).toBe(`${JSON.stringify(events[1])}\n`);
});

test('drain shows its steps until the director is drained', async () => {
  events = [event(1, 'agent-started')];
  states = ['draining', 'drained'];
  drainEvents = [event(2, 'drain-step', { step: 'metric-raised' }), event(3, 'server-state')];
  const { code, out } = await sluice('drain', '--deadline', '5s', ...here());
  expect(code).toBe(0);
  expect(out).toBe('draining, at most 5.0 s more\n12:00:00.000  drain-step           step=metric-raised\n');
  expect(asked).toEqual([{ deadline: 5000 }]);
});

test('a drain that somebody else takes back is not met', async () => {
  states = ['draining', 'active'];
  const { code, complaints } = await sluice('drain', ...here());
  expect(code).toBe(1);
  expect(complaints).toBe('the drain was given up: the director is active\n');
});

test('drain --no-wait returns at once', async () => {
  states = ['draining'];
  expect(await sluice('drain', '--no-wait', ...here())).toMatchObject({
    code: 0,
    out: 'draining, at most 5.0 s more\n',
  });
});

test('what the agent refuses is exit code 1, with its reason', async () => {
  expect(await sluice('undrain', ...here())).toEqual({
    code: 1,
    out: '',
    complaints: 'sluice: refused: the agent was told to stop\n',
  });
});

test('reload: the changes, or every fault', async () => {
  reloaded = { path: '/etc/c.yml', applied: true, changes: ['service web: port 443 added'], faults: [] };
  expect(await sluice('reload', ...here())).toMatchObject({ code: 0, out: '  service web: port 443 added\n' });
  const faults = [
    { line: 3, column: 5, path: 'directors.d1', message: 'missing' },
    { line: 9, column: 1, path: 'colour', message: 'unknown', hint: 'remove it' },
  ];
  reloaded = { path: '/etc/c.yml', applied: false, changes: [], faults };
  expect(await sluice('reload', ...here())).toMatchObject({
    code: 1,
    out: '/etc/c.yml:3:5: directors.d1: missing\n/etc/c.yml:9:1: colour: unknown; remove it\n2 faults\nrefused; nothing has changed\n',
  });
});

test('check needs no agent: all faults at once, exit code 1', async () => {
  const path = join(dir, 'cluster.yml');
  writeFileSync(path, 'cluster: [\n');
  const { code, out } = await sluice('check', path);
  expect(code).toBe(1);
  expect(out).toMatch(/cluster\.yml:\d+:\d+: /);
  expect((await sluice('check', join(dir, 'none.yml'))).code).toBe(2);
});

test('nobody there: exit code 3 and the socket that was tried', async () => {
  const { code, complaints } = await sluice('status', '--socket', join(dir, 'none.sock'));
  expect(code).toBe(3);
  expect(complaints).toContain(`no agent answers on ${dir}/none.sock (ENOENT`);
});

test.each([
  ['an unknown command', ['colour']],
  ['an unknown option', ['status', '--colour']],
  ['a duration without a unit', ['drain', '--deadline', '5']],
  ['a file that is missing on the line', ['check']],
  ['an agent without a file', ['agent']],
])('usage: %s is exit code 2', async (_, args) => {
  const { code, out, complaints } = await sluice(...args);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(complaints).not.toBe('');
});

test('help and version are not errors, and every command has help', async () => {
  expect(await sluice('--version')).toMatchObject({ code: 0, out: '1.2.3\n' });
  const { code, out } = await sluice('--help');
  expect(code).toBe(0);
  expect(out).toContain('Exit codes:');
  for (const command of ['agent', 'status', 'events', 'drain', 'undrain', 'reload', 'check', 'lsdb']) {
    expect(await sluice(command, '--help')).toMatchObject({ code: 0, complaints: '' });
  }
});

test('the agent gets its options, with their defaults', async () => {
  await sluice('agent', '--config', 'c.yml');
  expect(asked).toEqual([{ config: 'c.yml', name: undefined, runDir: '/run/sluice', stateDir: '/var/lib/sluice' }]);
});

test('lsdb asks the agent for what is to be shown, and says which types there are', async () => {
  await sluice('lsdb', ...here(), '--type', 'router,opaque', '--router', '10.255.0.1', '--own');
  await sluice('lsdb', ...here(), '--json');
  expect(asked).toEqual(['type=1%2C9%2C10%2C11&router=10.255.0.1&own=1', 'detail=1']);
  expect(await sluice('lsdb', ...here(), '--type', 'routers')).toMatchObject({
    code: 2,
    complaints: expect.stringContaining('use router, network, summary'),
  });
});

const member: UpstreamDirectorDocument = {
  director: 'd1',
  routerId: '10.255.0.1',
  inSet: 'yes',
  cost: 20,
  expected: true,
  reason: null,
  why: null,
};

function seenBy(router: string, directors: UpstreamDirectorDocument[], reachable = true): UpstreamRouterDocument {
  const nextHops = directors
    .filter(({ inSet }) => inSet !== 'no')
    .map((_, at) => ({ interface: '10.1.1.1', gateway: `10.1.1.${at + 2}` }));
  const vip = { vip: '203.0.113.10', pathType: 'intraArea', cost: 20, nextHops, directors, warnings: [] };
  return { instance: 'outside', router, reachable, vips: [vip] };
}

test('upstream-view: exit code 0 while every set is complete; a director that drains is not missed', async () => {
  const why = 'announced as a last resort (metric 60010)';
  const drained: UpstreamDirectorDocument = {
    ...member,
    director: 'd2',
    inSet: 'no',
    cost: 60020,
    expected: false,
    reason: 'lastResort',
    why,
  };
  upstream = [seenBy('10.255.0.101', [member, drained])];
  const ran = await sluice('upstream-view', ...here());
  expect(ran.code).toBe(0);
  expect(ran.out).toMatchInlineSnapshot(`
    "router 10.255.0.101, instance outside
    VIP           DIRECTOR  IN SET   COST  BEST  PATHS  WHY NOT
    203.0.113.10  d1        yes        20    20      1
    203.0.113.10  d2        no      60020    20      1  announced as a last resort (metric 60010)

    every director that should be in a set is in it
    "
  `);
});

test('upstream-view: exit code 1 when a director is missing, with the reason; the router may be chosen', async () => {
  const absent: UpstreamDirectorDocument = {
    ...member,
    director: 'd2',
    inSet: 'no',
    cost: 30,
    reason: 'higherCost',
    why: 'cost 30, the best is 20: 10 to reach it, 20 announced',
  };
  upstream = [seenBy('10.255.0.101', [member, absent]), seenBy('10.255.0.102', [member], false)];
  const ran = await sluice('upstream-view', ...here(), '10.255.0.101', '--max-paths', '4');
  expect(ran.code).toBe(1);
  expect(asked).toEqual(['router=10.255.0.101&maxPaths=4']);
  expect(ran.out).toMatchInlineSnapshot(`
    "router 10.255.0.101, instance outside
    VIP           DIRECTOR  IN SET  COST  BEST  PATHS  WHY NOT
    203.0.113.10  d1        yes       20    20      1
    203.0.113.10  d2        NO        30    20      1  cost 30, the best is 20: 10 to reach it, 20 announced

    router 10.255.0.102, instance outside (no path leads there: what follows may be old)
    VIP           DIRECTOR  IN SET  COST  BEST  PATHS  WHY NOT
    203.0.113.10  d1        yes       20    20      1

    1 director missing in a set: see WHY NOT
    "
  `);
});

test('upstream-view: a database without an upstream router is not well', async () => {
  expect(await sluice('upstream-view', ...here())).toMatchObject({
    code: 1,
    out: expect.stringContaining('no upstream router'),
  });
});

test('restart is done when another agent has taken over', async () => {
  pids = [4711, 4711, 4712];
  const { code, out } = await sluice('restart', '--reason', 'upgrade', ...here());
  expect(code).toBe(0);
  expect(out).toBe('agent 4711 ends; the next one has 1.0 s to take over\nagent 4712 has taken over\n');
  expect(asked).toEqual([{ reason: 'upgrade' }]);
});

test('restart --no-wait leaves the rest to whoever starts the next agent', async () => {
  const { code, out } = await sluice('restart', '--no-wait', '--json', ...here());
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual({ pid: 4711, grace: 1000 });
});

test('doctor: a table, what to do, and an exit code; without an agent', async () => {
  const why = 'a director forwards';
  const met = { area: 'sysctl', name: 'a', value: '1', wanted: '1', verdict: 'met', why, todo: null } as const;
  host = { met: true, kernel: '6.12', findings: [met, { ...met, name: 'b', verdict: 'warning', todo: 'mend b' }] };
  expect(await sluice('doctor', '--state-dir', '/s')).toEqual({
    code: 0,
    out: `Linux 6.12

      WHAT  IS  SHOULD BE  WHY
ok    a     1   1          a director forwards
WARN  b     1   1          a director forwards

What to do:
  b: mend b

nothing is missing, 1 warning
`,
    complaints: '',
  });
  expect(asked.at(-1)).toBe('/s');
  host = { met: false, kernel: '6.12', findings: [{ ...met, verdict: 'missing', todo: 'mend it' }] };
  const ran = await sluice('doctor', '--json');
  expect(ran.code).toBe(1);
  expect(JSON.parse(ran.out)).toEqual(host);
});

const EXPLAINED: ExplanationDocument = {
  director: 'd1',
  client: '198.51.100.7:40123',
  destination: '203.0.113.10:80',
  service: 'web',
  protocol: 'tcp',
  fwmark: null,
  scheduler: 'mh',
  programmed: true,
  reason: 'fallback',
  why: "the hash finds slot 7, which is r1's; r1 is down, and r2 stands in for it there",
  slot: { number: 7, of: 4099 },
  owner: 'r1',
  server: { name: 'r2', address: '10.2.0.22', port: 80 },
  persistence: { server: 'r1', address: '10.2.0.21', expiresIn: 61_000 },
  source: { address: '10.3.0.1', port: 2222 },
};

test('explain: one fact per line, or the document', async () => {
  explained = EXPLAINED;
  const flow = ['198.51.100.7:40123', '203.0.113.10:80'];
  const { code, out } = await sluice('explain', ...flow, '--protocol', 'tcp', '--mark', '7', ...here());
  expect([code, asked]).toEqual([
    0,
    ['client=198.51.100.7&clientPort=40123&vip=203.0.113.10&port=80&protocol=tcp&mark=7'],
  ]);
  expect(out).toBe(
    [
      'flow         198.51.100.7:40123 -> 203.0.113.10:80 on d1',
      'service      web (tcp)',
      'scheduler    mh',
      'slot         7 of 4099 (r1)',
      'persistence  r1, for 1m01s more',
      'server       r2 (10.2.0.22:80)',
      'seen as      10.3.0.1:2222, unless another flow to this server has it: then the next one that is free',
      "why          the hash finds slot 7, which is r1's; r1 is down, and r2 stands in for it there",
      '',
    ].join('\n'),
  );
  expect(JSON.parse((await sluice('explain', ...flow, '--json', ...here())).out)).toEqual(EXPLAINED);
});

test('explain without a server is exit code 1, what is no flow is 2', async () => {
  const nobody = { slot: null, owner: null, server: null, persistence: null, source: null, scheduler: null };
  explained = { ...EXPLAINED, ...nobody, service: null, protocol: null, reason: 'no-service', why: 'no service' };
  expect(await sluice('explain', '198.51.100.7:1', '203.0.113.10:80', ...here())).toMatchObject({
    code: 1,
    out: 'flow     198.51.100.7:40123 -> 203.0.113.10:80 on d1\nservice  none\nwhy      no service\n',
  });
  expect((await sluice('explain', '198.51.100.7', '203.0.113.10:80', ...here())).code).toBe(2);
  expect((await sluice('explain', '198.51.100.7:1', ...here())).code).toBe(2);
  expect((await sluice('explain', '198.51.100.7:1', '203.0.113.10:80', '--protocol', 'sctp', ...here())).code).toBe(2);
});

test('drain-server shows what is left until the server is drained', async () => {
  serverRows = [serverRow('draining', 2), serverRow('draining', 1), serverRow('ending', 1), serverRow('drained', 0)];
  expect(await sluice('drain-server', 'web', 'r2', '--deadline', '5m', ...here())).toEqual({
    code: 0,
    out: [
      'web r2: draining, 2 connections, at most 42.0 s more',
      'web r2: draining, 1 connection, at most 42.0 s more',
      'web r2: ending, 1 connection',
      'web r2: drained, 0 connections',
      '',
    ].join('\n'),
    complaints: '',
  });
  expect(asked).toEqual([{ service: 'web', server: 'r2', deadline: 300_000 }]);
});

test('drain-server: a server that is taken back meanwhile is told of, and nobody need wait', async () => {
  serverRows = [serverRow('serving', 2)];
  const given = await sluice('drain-server', 'web', 'r2', ...here());
  expect([given.code, given.complaints]).toEqual([1, 'the drain was given up: the server is taken back\n']);
  const left = await sluice('drain-server', 'web', 'r2', '--no-wait', ...here());
  expect(left).toMatchObject({ code: 0, out: 'web r2: draining, 2 connections, at most 42.0 s more\n' });
});

test('undrain-server takes it back', async () => {
  expect((await sluice('undrain-server', 'web', 'r2', ...here())).out).toBe('web r2: serving, 2 connections\n');
});

test('connections: page by page until the limit, one per line', async () => {
  const one: ConnectionDocument = {
    ...{ protocol: 'tcp', client: '198.51.100.7:40123', vip: '203.0.113.10:80', server: '10.2.0.21:80' },
    ...{ local: '10.3.0.1:4711', service: 'web', owner: 'd2', epoch: 1, state: 'established', predicted: false },
    expiresIn: 90_000,
  };
  const two = { ...one, client: '198.51.100.8:1', local: '198.51.100.8:1', state: 'close', predicted: true };
  const some = () => [
    { connections: [one], cursor: 512 },
    { connections: [], cursor: 1024 },
    { connections: [two, one], cursor: null },
  ];
  pages = some();
  const shown = await sluice(
    'connections',
    '--vip',
    '203.0.113.10',
    '--local',
    '10.3.0.1:4711',
    '--limit',
    '2',
    ...here(),
  );
  expect([shown.code, asked]).toEqual([
    0,
    [0, 512, 1024].map((cursor) => `vip=203.0.113.10&local=10.3.0.1%3A4711&cursor=${cursor}`),
  ]);
  expect(shown.out.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  '))).toEqual([
    'PROTO  CLIENT  VIP  SERVER  LOCAL  SERVICE  OWNER  STATE  EXPIRES',
    'tcp  198.51.100.7:40123  203.0.113.10:80  10.2.0.21:80  10.3.0.1:4711  web  d2  established  1m30s',
    'tcp  198.51.100.8:1  203.0.113.10:80  10.2.0.21:80  -  web  d2  close?  1m30s',
    '',
  ]);
  pages = some();
  const { out } = await sluice('connections', '--json', ...here());
  expect(
    out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([one, two, one]);
  pages = [{ connections: [], cursor: null }];
  expect(await sluice('connections', ...here())).toMatchObject({ code: 1, out: '' });
});
