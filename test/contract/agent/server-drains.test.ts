/** Real servers that leave, are drained and die, with real packets through the built agent. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ControlClient } from '../../../src/api/client.ts';
import { ADDRESS_OF, Network, type Peer, SERVERS } from '../dataplane/netns.ts';
import { CLIENT, freshPorts, tally, VIP } from '../dataplane/suite.ts';
import { AgentRun } from './namespace.ts';

const SLUICE = resolve('dist/src/bin/sluice.js');
const COUNT = 150;
const TIMEOUT = 5000;
const SOON = { timeout: 20_000 };
const network = new Network(`sd${process.pid}`);
const dir = mkdtempSync(join(tmpdir(), 'sluice-drains-'));
const config = join(dir, 'cluster.yml');
const control = new ControlClient(join(dir, 'd1.sock'));
let client: Peer;
let agent: AgentRun;
let startAgent: () => AgentRun;

function writeFile(names: readonly (typeof SERVERS)[number][]): void {
  const servers = names.map((name) => `${name}: ${ADDRESS_OF[name]}`).join(', ');
  writeFileSync(
    config,
    `cluster: test
directors: { d1: { routerId: 10.255.0.1, interfaces: { up0: front } } }
routing: { instances: { outside: { area: 0, interfaces: { up0: {} } } } }
services:
  web:
    vip: ${VIP}
    ports: 80
    servers: { ${servers} }
    health: { interval: 200ms, timeout: 150ms, rise: 1, fall: 2 }
`,
  );
}

beforeAll(async () => {
  await network.up();
  await network.routeVip(VIP, 'd1');
  client = network.start('cl', 'client-main');
  const servers = SERVERS.map((name) => network.start(name, 'server-main', name, '80'));
  await Promise.all(servers.map((server) => server.call('ready')));
  writeFile(SERVERS);
  const words = ['agent', '--config', config, '--name', 'd1', '--run-dir', dir, '--state-dir', dir];
  startAgent = () =>
    new AgentRun(spawn('ip', ['netns', 'exec', network.netns('d1'), process.execPath, SLUICE, ...words]));
  agent = startAgent();
});

afterAll(async () => {
  await agent?.stop('SIGKILL');
  await network.down();
  rmSync(dir, { recursive: true, force: true });
});

const rows = () => control.get('/v1/servers').catch(() => []);

/** Those that take new connections, once the data plane says so. */
async function upServers(): Promise<string[]> {
  const [service] = await control.get('/v1/services').catch(() => []);
  if (service?.programmed !== true) return [];
  return (await rows()).flatMap(({ server, state, phase }) => (state === 'up' && phase === 'serving' ? [server] : []));
}

const keys = (first: number) => Array.from({ length: COUNT }, (_, i) => String(first + i));

function connect(first: number): Promise<string[]> {
  return client.call('open', { source: CLIENT, sport: first, vip: VIP, port: 80, timeout: TIMEOUT, keys: keys(first) });
}

/** Who answers now; `reset` where the connection was ended, which a client that was just writing is told as EPIPE. */
async function ask(first: number): Promise<string[]> {
  const answers = await client.call<string[]>('ask', { keys: keys(first), timeout: TIMEOUT });
  return answers.map((answer) => (answer === 'ECONNRESET' || answer === 'EPIPE' ? 'reset' : answer));
}

/** The agent decides before the kernel knows: connections that go elsewhere say that it does. */
async function untilOnlyTo(names: readonly string[]): Promise<void> {
  await expect.poll(upServers, SOON).toEqual(names);
  const newcomers = async () => {
    const first = freshPorts(COUNT);
    const answers = await connect(first);
    await close(first, answers);
    return Object.keys(tally(answers)).sort();
  };
  await expect.poll(newcomers, SOON).toEqual(names);
}

/** The active connections of each server, as the agent counts them. */
async function active(): Promise<Record<string, number | null>> {
  return Object.fromEntries((await rows()).map((row) => [row.server, row.active]));
}

async function close(first: number, answers: readonly string[], server?: string): Promise<void> {
  const own = keys(first).filter((_, i) => server === undefined || answers[i] === server);
  await client.call('close', { keys: own });
}

test('removal from the file drains first, and what is active is what is open', async () => {
  await expect.poll(upServers, SOON).toEqual(['s1', 's2', 's3']);
  const sport = freshPorts(COUNT);
  const before = await connect(sport);
  await expect.poll(active, SOON).toEqual(tally(before));
  writeFile(['s1', 's3']);
  await control.post('/v1/reload');
  await untilOnlyTo(['s1', 's3']);
  expect(await ask(sport)).toEqual(before);
  expect((await rows()).find(({ server }) => server === 's2')).toMatchObject({ weight: 0, phase: 'draining' });
  const later = freshPorts(COUNT);
  const fresh = await connect(later);
  expect(Object.keys(tally(fresh)).sort()).toEqual(['s1', 's3']);
  await close(later, fresh);
  await close(sport, before, 's2');
  await expect.poll(async () => (await rows()).map(({ server }) => server), SOON).toEqual(['s1', 's3']);
  const rest = keys(sport).filter((_, i) => before[i] !== 's2');
  expect(await client.call('ask', { keys: rest, timeout: TIMEOUT })).toEqual(before.filter((name) => name !== 's2'));
  await client.call('close', { keys: rest });
  await expect.poll(active, SOON).toEqual({ s1: 0, s3: 0 });
  writeFile(SERVERS);
  await control.post('/v1/reload');
  await expect.poll(upServers, SOON).toEqual(['s1', 's2', 's3']);
});

test('a drain by command: nothing breaks before the deadline; then the rest hear RST, and others nothing', async () => {
  const sport = freshPorts(COUNT);
  const before = await connect(sport);
  await control.post('/v1/drain-server', { service: 'web', server: 's3', deadline: 1500 });
  await expect.poll(upServers, SOON).toEqual(['s1', 's2']);
  expect(await ask(sport)).toEqual(before);
  await expect.poll(async () => (await rows())[2]?.phase, SOON).toBe('ending');
  // The data plane is told in the same turn, and takes some milliseconds.
  await expect.poll(() => ask(sport), SOON).toEqual(before.map((name) => (name === 's3' ? 'reset' : name)));
  await expect.poll(async () => (await rows())[2]?.phase, SOON).toBe('drained');
  await control.post('/v1/undrain-server', { service: 'web', server: 's3' });
  await expect.poll(upServers, SOON).toEqual(['s1', 's2', 's3']);
  await close(sport, before);
});

test('an agent that is killed: the next one counts what is there, and goes on with a drain', async () => {
  const sport = freshPorts(COUNT);
  const before = await connect(sport);
  await control.post('/v1/drain-server', { service: 'web', server: 's1' });
  await expect.poll(upServers, SOON).toEqual(['s2', 's3']);
  await agent.stop('SIGKILL');
  expect(await ask(sport)).toEqual(before);
  agent = startAgent();
  await expect.poll(upServers, SOON).toEqual(['s2', 's3']);
  await expect.poll(active, SOON).toEqual(tally(before));
  expect(await ask(sport)).toEqual(before);
  const fresh = freshPorts(COUNT);
  const answers = await connect(fresh);
  expect(Object.keys(tally(answers)).sort()).toEqual(['s2', 's3']);
  await control.post('/v1/undrain-server', { service: 'web', server: 's1' });
  await expect.poll(upServers, SOON).toEqual(['s1', 's2', 's3']);
  await close(sport, before);
  await close(fresh, answers);
});

test('a server that dies: its connections hear RST at once, others nothing', async () => {
  const sport = freshPorts(COUNT);
  const before = await connect(sport);
  await network.in('s2', ['ip', 'link', 'set', 'back', 'down']);
  await expect.poll(upServers, SOON).toEqual(['s1', 's3']);
  await expect.poll(() => ask(sport), SOON).toEqual(before.map((name) => (name === 's2' ? 'reset' : name)));
  const fresh = await connect(freshPorts(COUNT));
  expect(Object.keys(tally(fresh)).sort()).toEqual(['s1', 's3']);
});
