/** Connections that every director can carry, with real packets through built agents: d1 and d2 from the start, d3 comes later. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ControlClient } from '../../../src/api/client.ts';
import type { EventName } from '../../../src/api/documents.ts';
import type { ConnectionDocument } from '../../../src/api/sync-documents.ts';
import { ADDRESS_OF, type DirectorNode, INSIDE_OF, Network, type Peer, SERVERS } from '../dataplane/netns.ts';
import { CLIENT, freshPorts, VIP } from '../dataplane/suite.ts';
import { AgentRun } from './namespace.ts';

const SLUICE = resolve('dist/bundle/bin/sluice.js');
const DIRECTORS = ['d1', 'd2', 'd3'] as const;
const COUNT = 60;
const TIMEOUT = 5000;
const SOON = { timeout: 20_000, interval: 50 };

const CHOICES = [
  ['nat', 'established'],
  ['fullnat', 'established'],
  ['nat', 'off'],
  ['fullnat', 'off'],
] as const;

/** What a mode has not is no test of it. */
function testIf(applies: boolean, name: string, body: () => Promise<void>): void {
  if (applies) test(name, body);
}

describe.each(CHOICES)('forward: %s, sync: %s', (forward, sync) => {
  const isLogged = forward === 'fullnat' && sync !== 'off';
  const network = new Network(`sy${forward[0]}${sync[0]}${process.pid}`, DIRECTORS);
  const dir = mkdtempSync(join(tmpdir(), 'sluice-sync-'));
  const config = join(dir, 'cluster.yml');
  const log = join(dir, 'mapping.log');
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

  /** What the client and the servers send goes to this director now. */
  async function moveTo(name: DirectorNode): Promise<void> {
    await network.routeVip(VIP, name);
    if (forward === 'nat') await network.routeAnswers(name);
    else
      for (const server of SERVERS) await network.in(server, ['ip', 'route', 'replace', LIPS, 'via', INSIDE_OF[name]]);
  }

  async function state(name: DirectorNode): Promise<string> {
    return (
      (
        await control(name)
          .get('/v1/status')
          .catch(() => undefined)
      )?.state ?? 'none'
    );
  }

  async function peers(name: DirectorNode): Promise<string[]> {
    const sync = await control(name)
      .get('/v1/sync')
      .catch(() => undefined);
    return sync?.peers.map((peer) => `${peer.name} ${peer.state}`) ?? [];
  }

  async function connections(name: DirectorNode, query = ''): Promise<readonly ConnectionDocument[]> {
    return (await control(name).get(`/v1/connections?vip=${VIP}${query}`)).connections;
  }

  async function events(name: DirectorNode, event: EventName) {
    return (await control(name).get('/v1/events')).filter((one) => one.event === event);
  }

  async function open(): Promise<void> {
    sport = freshPorts(COUNT);
    answers = await client.call('open', { source: CLIENT, sport, vip: VIP, port: 80, timeout: TIMEOUT, keys: keys() });
    expect(new Set(answers)).toEqual(new Set(SERVERS));
  }

  /** As if its power were cut. */
  async function kill(name: DirectorNode): Promise<void> {
    await agents.get(name)!.stop('SIGKILL');
    for (const link of ['front', 'back']) await network.in(name, ['ip', 'link', 'set', link, 'down']);
  }

  async function gone(name: DirectorNode): Promise<string[]> {
    const { members } = await control(name).get('/v1/sync');
    return members?.dead.map((one) => one.name) ?? [];
  }

  /** How often the mapping log says so of the connections that are open; it is one file of all directors here. */
  function logged(verb: string, file = log): number {
    const lines = readFileSync(file, 'utf8').split('\n');
    const form = new RegExp(`^2\\S+Z ${verb} tcp ${CLIENT}:(\\d+) ${VIP}:80 10\\.3\\.0\\.1:\\d+ \\S+:80 web$`);
    const ports = lines.flatMap((line) => form.exec(line)?.[1] ?? []);
    return ports.filter((port) => keys().includes(port)).length;
  }

  async function counted(name: DirectorNode, what: string): Promise<number | undefined> {
    return (await control(name).get('/v1/sync')).counters[`second-chance.${what}`];
  }

  beforeAll(async () => {
    await network.up();
    client = network.start('cl', 'client-main');
    const servers = SERVERS.map((name) => network.start(name, 'server-main', name, '80'));
    await Promise.all(servers.map((server) => server.call('ready')));
    const directors = DIRECTORS.map(
      (name, i) =>
        `  ${name}: { routerId: 10.255.0.${i + 1}, interfaces: { up0: front }, local: 10.3.0.${i + 1}, sync: ${INSIDE_OF[name]} }\n`,
    );
    writeFileSync(join(dir, 'cluster.keys'), `1 ${'5a'.repeat(32)}\n`, { mode: 0o600 });
    writeFileSync(
      config,
      `cluster: test
keys: { file: cluster.keys }
${isLogged ? `mappingLog: { file: ${log} }` : ''}
directors:
${directors.join('')}lifecycle: { holdUp: 0s, drain: 5s, syncTimeout: 10s }
routing: { instances: { outside: { area: 0, announce: [vip, local], interfaces: { up0: {} } } } }
services:
  web:
    vip: ${VIP}
    ports: 80
    forward: ${forward}
    sync: ${sync}
    servers: { ${SERVERS.map((name) => `${name}: ${ADDRESS_OF[name]}`).join(', ')} }
    health: { interval: 200ms, timeout: 150ms, rise: 1, fall: 2 }
`,
    );
    await moveTo('d1');
    start('d1');
    start('d2');
  });

  afterAll(async () => {
    for (const agent of agents.values()) await agent.stop('SIGKILL');
    await network.down();
    rmSync(dir, { recursive: true, force: true });
  });

  test('two that begin at once do not wait in a circle, and know each other', async () => {
    await expect.poll(() => state('d1'), SOON).toBe('active');
    await expect.poll(() => state('d2'), SOON).toBe('active');
    await expect.poll(() => peers('d1'), SOON).toContain('d2 up');
    await expect.poll(() => peers('d2'), SOON).toContain('d1 up');
  });

  testIf(sync !== 'off', 'what one carries the other knows within a moment', async () => {
    await open();
    await expect.poll(async () => (await connections('d2')).length, SOON).toBe(COUNT);
    const [one] = await connections('d2');
    expect(one).toMatchObject({ protocol: 'tcp', service: 'web', owner: 'd1', state: 'established' });
  });

  testIf(
    sync !== 'off',
    'an agent that is killed and started again was not gone, nor are its connections',
    async () => {
      await agents.get('d1')!.stop('SIGKILL');
      start('d1');
      await expect.poll(() => peers('d1'), SOON).toContain('d2 up');
      await expect.poll(() => peers('d2'), SOON).toContain('d1 up');
      expect((await events('d2', 'sync-members')).flatMap(({ values }) => values['dead'])).not.toContain('d1');
      await expect.poll(async () => (await connections('d1', '&owner=d1')).length, SOON).toBe(COUNT);
      expect(await connections('d2', '&owner=d1')).toHaveLength(COUNT);
      expect(await ask()).toEqual(answers);
    },
  );

  testIf(
    sync !== 'off',
    'whoever carries them is killed: the other one goes on with every one of them, and owns them',
    async () => {
      await kill('d1');
      await moveTo('d2');
      expect(await ask()).toEqual(answers);
      await expect.poll(async () => (await connections('d2', '&owner=d2')).length, SOON).toBe(COUNT);
    },
  );

  testIf(isLogged, 'who is behind an address of ours is written down, by whoever carries the connection', async () => {
    await expect.poll(() => [logged('opened'), logged('moved')], SOON).toEqual([COUNT, COUNT]);
    renameSync(log, `${log}.1`);
    agents.get('d2')!.child.kill('SIGHUP');
    await expect.poll(() => existsSync(log), SOON).toBe(true);
    expect(logged('moved', `${log}.1`)).toBe(COUNT);
  });

  testIf(sync !== 'off', 'a director that comes empty holds them all before it serves', async () => {
    start('d3');
    await expect.poll(() => state('d3'), SOON).toBe('active');
    expect(await events('d3', 'sync-complete')).toMatchObject([{ values: { reason: 'equal', waiting: [] } }]);
    expect(await connections('d3')).toHaveLength(COUNT);
    await moveTo('d3');
    expect(await ask()).toEqual(answers);
  });

  testIf(sync !== 'off', 'a drain has the others confirm first', async () => {
    await control('d3').post('/v1/drain', {});
    await expect
      .poll(async () => (await events('d3', 'drain-step')).map(({ values }) => values['step']), SOON)
      .toContain('flushed');
    await moveTo('d2');
    expect(await ask()).toEqual(answers);
  });

  testIf(sync === 'off', 'what nobody was told of is asked for when it moves, and asked back', async () => {
    for (const name of ['d1', 'd2'] as const) {
      await expect.poll(async () => (await control(name).get('/v1/sync')).secondChance, SOON).toBe(true);
    }
    await open();
    expect(await connections('d2')).toEqual([]);
    await moveTo('d2');
    expect(await ask()).toEqual(answers);
    await expect.poll(() => counted('d2', 'known'), SOON).toBe(COUNT);
    await expect.poll(() => counted('d2', 'packets.refused'), SOON).toBe(0);
    await moveTo('d1');
    expect(await ask()).toEqual(answers);
  });

  testIf(sync === 'off' && forward === 'fullnat', 'what only the dead has known is computed', async () => {
    await open();
    await kill('d1');
    await expect.poll(() => gone('d2'), SOON).toEqual(['d1']);
    await moveTo('d2');
    expect(await ask()).toEqual(answers);
    await expect.poll(() => counted('d2', 'predictions.predicted'), SOON).toBe(COUNT);
  });
});

/** Of all directors. */
const LIPS = '10.3.0.0/24';
