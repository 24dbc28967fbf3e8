/**
 * Servers whose route back leads by the inside address of one director, with real packets through built agents: when that
 * director is dead, another one answers for the address, and the servers are not told of anything.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ControlClient } from '../../../src/api/client.ts';
import { ADDRESS_OF, type DirectorNode, INSIDE_OF, Network, type Peer, SERVERS } from '../dataplane/netns.ts';
import { CLIENT, freshPorts, VIP } from '../dataplane/suite.ts';
import { AgentRun } from './namespace.ts';

const SLUICE = resolve('dist/bundle/bin/sluice.js');
const DIRECTORS = ['d1', 'd2', 'd3'] as const;
const COUNT = 60;
const TIMEOUT = 5000;
const SOON = { timeout: 20_000, interval: 20 };
/** Of d1, as the servers' routes name it. */
const INSIDE = '10.2.0.101';

const network = new Network(`in${process.pid}`, DIRECTORS);
const dir = mkdtempSync(join(tmpdir(), 'sluice-inside-'));
const config = join(dir, 'cluster.yml');
const agents = new Map<DirectorNode, AgentRun>();
const control = (name: DirectorNode) => new ControlClient(join(dir, `${name}.sock`));
let client: Peer;
let sport = 0;
let answers: readonly string[] = [];

const keys = () => Array.from({ length: COUNT }, (_, i) => String(sport + i));
const ask = () => client.call<string[]>('ask', { keys: keys(), timeout: TIMEOUT });

function start(name: DirectorNode): void {
  const words = ['agent', '--config', config, '--name', name, '--run-dir', dir, '--state-dir', dir];
  const argv = ['netns', 'exec', network.netns(name), process.execPath, SLUICE, ...words];
  agents.set(name, new AgentRun(spawn('ip', argv)));
}

async function links(name: DirectorNode, to: 'up' | 'down'): Promise<void> {
  for (const link of ['front', 'back']) await network.in(name, ['ip', 'link', 'set', link, to]);
}

async function peers(name: DirectorNode): Promise<string[]> {
  const sync = await control(name)
    .get('/v1/sync')
    .catch(() => undefined);
  return sync?.peers.map((peer) => `${peer.name} ${peer.state}`).sort() ?? [];
}

async function known(name: DirectorNode): Promise<number> {
  return (await control(name).get(`/v1/connections?vip=${VIP}`)).connections.length;
}

/** Which directors have d1's inside address. */
async function holders(): Promise<DirectorNode[]> {
  const texts = await Promise.all(
    DIRECTORS.map((name) => network.in(name, ['ip', '-4', 'addr', 'show', 'dev', 'back'])),
  );
  return DIRECTORS.filter((_, at) => texts[at]!.includes(`${INSIDE}/32`));
}

/** Where a server sends what goes by d1's inside address. */
async function asSeenBy(server: (typeof SERVERS)[number]): Promise<string> {
  const text = await network.in(server, ['ip', 'neigh', 'show', INSIDE]);
  return /lladdr (\S+)/.exec(text)?.[1] ?? '';
}

beforeAll(async () => {
  await network.up();
  client = network.start('cl', 'client-main');
  const servers = SERVERS.map((name) => network.start(name, 'server-main', name, '80'));
  await Promise.all(servers.map((server) => server.call('ready')));
  const directors = DIRECTORS.map((name, i) => {
    const own = `sync: ${INSIDE_OF[name]}, inside: 10.2.0.10${i + 1}`;
    return `  ${name}: { routerId: 10.255.0.${i + 1}, interfaces: { up0: front }, ${own} }\n`;
  });
  writeFileSync(join(dir, 'cluster.keys'), `1 ${'5a'.repeat(32)}\n`, { mode: 0o600 });
  writeFileSync(
    config,
    `cluster: test
keys: { file: cluster.keys }
directors:
${directors.join('')}lifecycle: { holdUp: 0s, drain: 1s, syncTimeout: 10s }
routing: { instances: { outside: { area: 0, announce: [vip], interfaces: { up0: {} } } } }
services:
  web:
    vip: ${VIP}
    ports: 80
    servers: { ${SERVERS.map((name) => `${name}: ${ADDRESS_OF[name]}`).join(', ')} }
    health: { interval: 200ms, timeout: 150ms, rise: 1, fall: 2 }
`,
  );
  await network.routeVip(VIP, 'd1');
  for (const server of SERVERS) await network.in(server, ['ip', 'route', 'replace', 'default', 'via', INSIDE]);
  for (const name of DIRECTORS) start(name);
});

afterAll(async () => {
  for (const agent of agents.values()) await agent.stop('SIGKILL');
  await network.down();
  rmSync(dir, { recursive: true, force: true });
});

test('its owner holds the address, and answers come by it', async () => {
  for (const name of DIRECTORS) {
    const others = DIRECTORS.filter((one) => one !== name).map((one) => `${one} up`);
    await expect.poll(() => peers(name), SOON).toEqual(others);
  }
  await expect.poll(holders, SOON).toEqual(['d1']);
  sport = freshPorts(COUNT);
  answers = await client.call('open', { source: CLIENT, sport, vip: VIP, port: 80, timeout: TIMEOUT, keys: keys() });
  expect(new Set(answers)).toEqual(new Set(SERVERS));
  for (const name of ['d2', 'd3'] as const) await expect.poll(() => known(name), SOON).toBe(COUNT);
});

test.each(['d2', 'd3'] as const)(
  'its owner is dead: one other holds it, and connections that go by %s are answered, every one',
  async (carrier) => {
    const started = performance.now();
    if (carrier === 'd2') {
      await agents.get('d1')!.stop('SIGKILL');
      await links('d1', 'down');
      await expect.poll(async () => (await holders()).filter((name) => name !== 'd1').length, SOON).toBe(1);
    }
    const holder = (await holders()).find((name) => name !== 'd1')!;
    const mac = await network.macOf(holder, 'back');
    for (const server of SERVERS) await expect.poll(() => asSeenBy(server), SOON).toBe(mac);
    if (carrier === 'd2')
      console.log(`the servers know it ${(performance.now() - started).toFixed(0)} ms after the death`);
    await network.routeVip(VIP, carrier);
    expect(await ask()).toEqual(answers);
  },
);

/** `inside-left` of the directors that are not d1. */
async function left(): Promise<string[]> {
  const lists = await Promise.all(
    (['d2', 'd3'] as const).map(async (name) => {
      const events = await control(name).get('/v1/events');
      return events.filter(({ event }) => event === 'inside-left').map(({ values }) => String(values['addresses']));
    }),
  );
  return lists.flat();
}

test('its owner is back and holds it, the other one gives it back; every connection is answered', async () => {
  await links('d1', 'up');
  start('d1');
  await expect.poll(() => peers('d1'), SOON).toEqual(['d2 up', 'd3 up']);
  await expect.poll(holders, SOON).toEqual(['d1']);
  expect(await ask()).toEqual(answers);
  const mac = await network.macOf('d1', 'back');
  for (const server of SERVERS) await expect.poll(() => asSeenBy(server), SOON).toBe(mac);
});

test('only the agent of its owner is dead: it stays with the kernel that answers, told once, and goes when that is silent', async () => {
  await network.routeVip(VIP, 'd1');
  expect(await ask()).toEqual(answers);
  await agents.get('d1')!.stop('SIGKILL');
  await expect.poll(left, SOON).toEqual([`inside address ${INSIDE} left to d1: its kernel answers`]);
  // Ten questions of the successor later.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(await holders()).toEqual(['d1']);
  expect((await left()).length).toBe(1);
  expect(await ask()).toEqual(answers);
  // Its kernel forwards: what begins through it now is answered through it.
  const begun = Array.from({ length: COUNT }, (_, i) => `new ${i}`);
  const values = { source: CLIENT, sport: freshPorts(COUNT), vip: VIP, port: 80, timeout: TIMEOUT, keys: begun };
  expect(new Set(await client.call<string[]>('open', values))).toEqual(new Set(SERVERS));
  const cut = performance.now();
  await links('d1', 'down');
  await expect.poll(async () => (await holders()).filter((name) => name !== 'd1').length, SOON).toBe(1);
  const holder = (await holders()).find((name) => name !== 'd1')!;
  const mac = await network.macOf(holder, 'back');
  for (const server of SERVERS) await expect.poll(() => asSeenBy(server), SOON).toBe(mac);
  console.log(`the servers know it ${(performance.now() - cut).toFixed(0)} ms after the links are cut`);
  await network.routeVip(VIP, holder);
  expect(await ask()).toEqual(answers);
});
