/** Commands as an operator types them, against an agent that the test scripts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { EventDocument, EventName, ExplanationDocument } from '../../../src/api/documents.ts';
import type { ConnectionDocument } from '../../../src/api/sync-documents.ts';
import { scriptedAgent, serverRow } from './scripted-agent.ts';

const agent = scriptedAgent();

function event(seq: number, name: EventName, values: EventDocument['values'] = {}): EventDocument {
  return { seq, t: seq, at: '2026-01-01T12:00:00.000Z', event: name, values };
}

test('a view as text and as JSON', async () => {
  expect(await agent.sluice('neighbors', ...agent.here())).toEqual({
    code: 0,
    out: 'no neighbors heard\n',
    complaints: '',
  });
  expect(await agent.sluice('neighbors', '--json', '--socket', agent.server.path)).toEqual({
    code: 0,
    out: '[]\n',
    complaints: '',
  });
});

test('events: those that there are, or only those after a number', async () => {
  agent.events = [event(1, 'hello-sent', { interface: 'eth1' }), event(2, 'agent-stopped')];
  expect((await agent.sluice('events', ...agent.here())).out).toBe(
    '12:00:00.000  hello-sent           interface=eth1\n12:00:00.000  agent-stopped\n',
  );
  expect((await agent.sluice('events', '--json', '--since', '1', ...agent.here())).out).toBe(
    `${JSON.stringify(agent.events[1])}\n`,
  );
});

test('drain shows its steps until the director is drained', async () => {
  agent.events = [event(1, 'agent-started')];
  agent.states = ['draining', 'drained'];
  agent.drainEvents = [event(2, 'drain-step', { step: 'metric-raised' }), event(3, 'server-state')];
  const { code, out } = await agent.sluice('drain', '--deadline', '5s', ...agent.here());
  expect(code).toBe(0);
  expect(out).toBe('draining, at most 5.0 s more\n12:00:00.000  drain-step           step=metric-raised\n');
  expect(agent.asked).toEqual([{ deadline: 5000 }]);
});

test('a drain that somebody else takes back is not met', async () => {
  agent.states = ['draining', 'active'];
  const { code, complaints } = await agent.sluice('drain', ...agent.here());
  expect(code).toBe(1);
  expect(complaints).toBe('the drain was given up: the director is active\n');
});

test('drain --no-wait returns at once', async () => {
  agent.states = ['draining'];
  expect(await agent.sluice('drain', '--no-wait', ...agent.here())).toMatchObject({
    code: 0,
    out: 'draining, at most 5.0 s more\n',
  });
});

test('what the agent refuses is exit code 1, with its reason', async () => {
  expect(await agent.sluice('undrain', ...agent.here())).toEqual({
    code: 1,
    out: '',
    complaints: 'sluice: refused: the agent was told to stop\n',
  });
});

test('reload: the changes, or every fault', async () => {
  agent.reloaded = { path: '/etc/c.yml', applied: true, changes: ['service web: port 443 added'], faults: [] };
  expect(await agent.sluice('reload', ...agent.here())).toMatchObject({
    code: 0,
    out: '  service web: port 443 added\n',
  });
  const faults = [
    { line: 3, column: 5, path: 'directors.d1', message: 'missing' },
    { line: 9, column: 1, path: 'colour', message: 'unknown', hint: 'remove it' },
  ];
  agent.reloaded = { path: '/etc/c.yml', applied: false, changes: [], faults };
  expect(await agent.sluice('reload', ...agent.here())).toMatchObject({
    code: 1,
    out: '/etc/c.yml:3:5: directors.d1: missing\n/etc/c.yml:9:1: colour: unknown; remove it\n2 faults\nrefused; nothing has changed\n',
  });
});

test('check needs no agent: all faults at once, exit code 1', async () => {
  const path = join(agent.dir, 'cluster.yml');
  writeFileSync(path, 'cluster: [\n');
  const { code, out } = await agent.sluice('check', path);
  expect(code).toBe(1);
  expect(out).toMatch(/cluster\.yml:\d+:\d+: /);
  expect((await agent.sluice('check', join(agent.dir, 'none.yml'))).code).toBe(2);
});

test('nobody there: exit code 3 and the socket that was tried', async () => {
  const { code, complaints } = await agent.sluice('status', '--socket', join(agent.dir, 'none.sock'));
  expect(code).toBe(3);
  expect(complaints).toContain(`no agent answers on ${agent.dir}/none.sock (ENOENT`);
});

test.each([
  ['an unknown command', ['colour']],
  ['an unknown option', ['status', '--colour']],
  ['a duration without a unit', ['drain', '--deadline', '5']],
  ['a file that is missing on the line', ['check']],
  ['an agent without a file', ['agent']],
])('usage: %s is exit code 2', async (_, args) => {
  const { code, out, complaints } = await agent.sluice(...args);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(complaints).not.toBe('');
});

test('help and version are not errors, and every command has help', async () => {
  expect(await agent.sluice('--version')).toMatchObject({ code: 0, out: '1.2.3\n' });
  const { code, out } = await agent.sluice('--help');
  expect(code).toBe(0);
  expect(out).toContain('Exit codes:');
  for (const command of ['agent', 'status', 'events', 'drain', 'undrain', 'reload', 'check', 'lsdb']) {
    expect(await agent.sluice(command, '--help')).toMatchObject({ code: 0, complaints: '' });
  }
});

test('the agent gets its options, with their defaults', async () => {
  await agent.sluice('agent', '--config', 'c.yml');
  expect(agent.asked).toEqual([
    { config: 'c.yml', name: undefined, runDir: '/run/sluice', stateDir: '/var/lib/sluice' },
  ]);
});

test('lsdb asks the agent for what is to be shown, and says which types there are', async () => {
  await agent.sluice('lsdb', ...agent.here(), '--type', 'router,opaque', '--router', '10.255.0.1', '--own');
  await agent.sluice('lsdb', ...agent.here(), '--json');
  expect(agent.asked).toEqual(['type=1%2C9%2C10%2C11&router=10.255.0.1&own=1', 'detail=1']);
  expect(await agent.sluice('lsdb', ...agent.here(), '--type', 'routers')).toMatchObject({
    code: 2,
    complaints: expect.stringContaining('use router, network, summary'),
  });
});

test('restart is done when another agent has taken over', async () => {
  agent.pids = [4711, 4711, 4712];
  const { code, out } = await agent.sluice('restart', '--reason', 'upgrade', ...agent.here());
  expect(code).toBe(0);
  expect(out).toBe('agent 4711 ends; the next one has 1.0 s to take over\nagent 4712 has taken over\n');
  expect(agent.asked).toEqual([{ reason: 'upgrade' }]);
});

test('restart --no-wait leaves the rest to whoever starts the next agent', async () => {
  const { code, out } = await agent.sluice('restart', '--no-wait', '--json', ...agent.here());
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual({ pid: 4711, grace: 1000 });
});

test('doctor: a table, what to do, and an exit code; without an agent', async () => {
  const why = 'a director forwards';
  const met = { area: 'sysctl', name: 'a', value: '1', wanted: '1', verdict: 'met', why, todo: null } as const;
  agent.host = {
    met: true,
    kernel: '6.12',
    findings: [met, { ...met, name: 'b', verdict: 'warning', todo: 'mend b' }],
  };
  expect(await agent.sluice('doctor', '--state-dir', '/s')).toEqual({
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
  expect(agent.asked.at(-1)).toBe('/s');
  agent.host = { met: false, kernel: '6.12', findings: [{ ...met, verdict: 'missing', todo: 'mend it' }] };
  const ran = await agent.sluice('doctor', '--json');
  expect(ran.code).toBe(1);
  expect(JSON.parse(ran.out)).toEqual(agent.host);
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
  agent.explained = EXPLAINED;
  const flow = ['198.51.100.7:40123', '203.0.113.10:80'];
  const { code, out } = await agent.sluice('explain', ...flow, '--protocol', 'tcp', '--mark', '7', ...agent.here());
  expect([code, agent.asked]).toEqual([
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
  expect(JSON.parse((await agent.sluice('explain', ...flow, '--json', ...agent.here())).out)).toEqual(EXPLAINED);
});

test('explain without a server is exit code 1, what is no flow is 2', async () => {
  const nobody = { slot: null, owner: null, server: null, persistence: null, source: null, scheduler: null };
  agent.explained = { ...EXPLAINED, ...nobody, service: null, protocol: null, reason: 'no-service', why: 'no service' };
  expect(await agent.sluice('explain', '198.51.100.7:1', '203.0.113.10:80', ...agent.here())).toMatchObject({
    code: 1,
    out: 'flow     198.51.100.7:40123 -> 203.0.113.10:80 on d1\nservice  none\nwhy      no service\n',
  });
  expect((await agent.sluice('explain', '198.51.100.7', '203.0.113.10:80', ...agent.here())).code).toBe(2);
  expect((await agent.sluice('explain', '198.51.100.7:1', ...agent.here())).code).toBe(2);
  expect(
    (await agent.sluice('explain', '198.51.100.7:1', '203.0.113.10:80', '--protocol', 'sctp', ...agent.here())).code,
  ).toBe(2);
});

test('drain-server shows what is left until the server is drained', async () => {
  agent.serverRows = [
    serverRow('draining', 2),
    serverRow('draining', 1),
    serverRow('ending', 1),
    serverRow('drained', 0),
  ];
  expect(await agent.sluice('drain-server', 'web', 'r2', '--deadline', '5m', ...agent.here())).toEqual({
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
  expect(agent.asked).toEqual([{ service: 'web', server: 'r2', deadline: 300_000 }]);
});

test('drain-server: a server that is taken back meanwhile is told of, and nobody need wait', async () => {
  agent.serverRows = [serverRow('serving', 2)];
  const given = await agent.sluice('drain-server', 'web', 'r2', ...agent.here());
  expect([given.code, given.complaints]).toEqual([1, 'the drain was given up: the server is taken back\n']);
  const left = await agent.sluice('drain-server', 'web', 'r2', '--no-wait', ...agent.here());
  expect(left).toMatchObject({ code: 0, out: 'web r2: draining, 2 connections, at most 42.0 s more\n' });
});

test('undrain-server takes it back', async () => {
  expect((await agent.sluice('undrain-server', 'web', 'r2', ...agent.here())).out).toBe(
    'web r2: serving, 2 connections\n',
  );
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
  agent.pages = some();
  const shown = await agent.sluice(
    'connections',
    '--vip',
    '203.0.113.10',
    '--local',
    '10.3.0.1:4711',
    '--limit',
    '2',
    ...agent.here(),
  );
  expect([shown.code, agent.asked]).toEqual([
    0,
    [0, 512, 1024].map((cursor) => `vip=203.0.113.10&local=10.3.0.1%3A4711&cursor=${cursor}`),
  ]);
  expect(shown.out.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  '))).toEqual([
    'PROTO  CLIENT  VIP  SERVER  LOCAL  SERVICE  OWNER  STATE  EXPIRES',
    'tcp  198.51.100.7:40123  203.0.113.10:80  10.2.0.21:80  10.3.0.1:4711  web  d2  established  1m30s',
    'tcp  198.51.100.8:1  203.0.113.10:80  10.2.0.21:80  -  web  d2  close?  1m30s',
    '',
  ]);
  agent.pages = some();
  const { out } = await agent.sluice('connections', '--json', ...agent.here());
  expect(
    out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([one, two, one]);
  agent.pages = [{ connections: [], cursor: null }];
  expect(await agent.sluice('connections', ...agent.here())).toMatchObject({ code: 1, out: '' });
});
