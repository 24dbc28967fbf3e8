/** Clients whose new connections go to the server that they had at another director: real packets through two built agents. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ControlClient } from '../../../src/api/client.ts';
import { ADDRESS_OF, INSIDE_OF, Network, type Peer, SERVERS } from '../dataplane/netns.ts';
import { CLIENT, freshPorts, MANY_CLIENTS, VIP } from '../dataplane/suite.ts';
import { AgentRun } from './namespace.ts';

const SLUICE = resolve('dist/bundle/bin/sluice.js');
const DIRECTORS = ['d1', 'd2'] as const;
type Name = (typeof DIRECTORS)[number];

const CLIENTS = Array.from({ length: 30 }, (_, n) => `10.9.7.${n + 1}`);
const TIMEOUT = 5000;
const SOON = { timeout: 20_000, interval: 100 };

describe('two directors of a service with persistence whose connections are not synced', () => {
  const network = new Network(`pc${process.pid}`, DIRECTORS);
  const dir = mkdtempSync(join(tmpdir(), 'sluice-persistence-'));
  const config = join(dir, 'cluster.yml');
  const agents = new Map<Name, AgentRun>();
  const control = (name: Name) => new ControlClient(join(dir, `${name}.sock`));
  let client: Peer;
  let answers: readonly string[] = [];

  function start(name: Name): void {
    const words = ['agent', '--config', config, '--name', name, '--run-dir', dir, '--state-dir', dir];
    agents.set(
      name,
      new AgentRun(spawn('ip', ['netns', 'exec', network.netns(name), process.execPath, SLUICE, ...words])),
    );
  }

  async function state(name: Name): Promise<string> {
    const status = await control(name)
      .get('/v1/status')
      .catch(() => undefined);
    return status?.state ?? 'none';
  }

  async function moveTo(name: Name): Promise<void> {
    await network.routeVip(VIP, name);
    await network.routeAnswers(name);
  }

  /** A new connection of each client: who has answered it? */
  function connect(): Promise<readonly string[]> {
    const sport = freshPorts(CLIENTS.length);
    const keys = CLIENTS.map((_, n) => String(sport + n));
    return client.call('open', { source: CLIENT, sources: CLIENTS, sport, vip: VIP, port: 80, timeout: TIMEOUT, keys });
  }

  /** How many clients the kernel remembers. */
  async function remembered(name: Name): Promise<number> {
    const listing = await network.in(name, ['nft', 'list', 'map', 'ip', 'sluice_v1', 'clients_web']);
    return CLIENTS.filter((address) => listing.includes(`${address} `)).length;
  }

  beforeAll(async () => {
    await network.up();
    await network.addClients(MANY_CLIENTS);
    client = network.start('cl', 'client-main');
    const servers = SERVERS.map((name) => network.start(name, 'server-main', name, '80'));
    await Promise.all(servers.map((server) => server.call('ready')));
    const directors = DIRECTORS.map(
      (name, i) => `  ${name}: { routerId: 10.255.0.${i + 1}, interfaces: { up0: front }, sync: ${INSIDE_OF[name]} }\n`,
    );
    writeFileSync(join(dir, 'cluster.keys'), `1 ${'5a'.repeat(32)}\n`, { mode: 0o600 });
    writeFileSync(
      config,
      `cluster: test
keys: { file: cluster.keys }
directors:
${directors.join('')}lifecycle: { holdUp: 0s, drain: 5s, syncTimeout: 10s }
routing: { instances: { outside: { area: 0, announce: [vip], interfaces: { up0: {} } } } }
services:
  web:
    vip: ${VIP}
    ports: 80
    sync: off
    scheduler: rr
    persistence: 60s
    servers: { ${SERVERS.map((name) => `${name}: ${ADDRESS_OF[name]}`).join(', ')} }
    health: { interval: 200ms, timeout: 150ms, rise: 1, fall: 2 }
`,
    );
    await moveTo('d1');
    for (const name of DIRECTORS) start(name);
  });

  afterAll(async () => {
    for (const agent of agents.values()) await agent.stop('SIGKILL');
    await network.down();
    rmSync(dir, { recursive: true, force: true });
  });

  test('what one remembers of clients the other knows within seconds', async () => {
    for (const name of DIRECTORS) await expect.poll(() => state(name), SOON).toBe('active');
    answers = await connect();
    expect(new Set(answers)).toEqual(new Set(SERVERS));
    await expect.poll(() => remembered('d2'), SOON).toBe(CLIENTS.length);
  });

  test('writing it is no drift of the tables', async () => {
    const events = await control('d2').get('/v1/events');
    expect(events.filter(({ event }) => event === 'dataplane-drift' || event === 'persistence-fault')).toEqual([]);
  });

  test('its agent killed: new connections of the same clients go to the same servers at the other', async () => {
    await agents.get('d1')!.stop('SIGKILL');
    await moveTo('d2');
    expect(await connect()).toEqual(answers);
  });

  test('and at the first one, when it is back with an empty kernel', async () => {
    await network.in('d1', ['nft', 'flush', 'ruleset']);
    start('d1');
    await expect.poll(() => state('d1'), SOON).toBe('active');
    await expect.poll(() => remembered('d1'), SOON).toBe(CLIENTS.length);
    await moveTo('d1');
    expect(await connect()).toEqual(answers);
  });
});
