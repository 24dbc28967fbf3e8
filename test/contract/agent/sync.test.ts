/** Connections that every director can carry, with real packets through built agents: d1 and d2 from the start, d3 comes later. */
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EventName } from '../../../src/api/documents.ts';
import type { ConnectionDocument } from '../../../src/api/sync-documents.ts';
import { type DirectorNode, INSIDE_OF, SERVERS } from '../dataplane/netns.ts';
import { CLIENT, VIP } from '../dataplane/suite.ts';
import { Asked, ClusterRun, THREE_SERVERS } from './cluster-run.ts';

const DIRECTORS = ['d1', 'd2', 'd3'] as const;
const COUNT = 60;
/** So often an agent is started again until that took less than a second once. */
const RESTARTS = 4;
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
  const run = new ClusterRun(`sy${forward[0]}${sync[0]}`, DIRECTORS);
  const { network } = run;
  const log = join(run.dir, 'mapping.log');
  const asked = new Asked(run, COUNT);

  /** What the client and the servers send goes to this director now. */
  async function moveTo(name: DirectorNode): Promise<void> {
    await network.routeVip(VIP, name);
    if (forward === 'nat') await network.routeAnswers(name);
    else
      for (const server of SERVERS) await network.in(server, ['ip', 'route', 'replace', LIPS, 'via', INSIDE_OF[name]]);
  }

  async function connections(name: DirectorNode, query = ''): Promise<readonly ConnectionDocument[]> {
    return (await run.control(name).get(`/v1/connections?vip=${VIP}${query}`)).connections;
  }

  async function events(name: DirectorNode, event: EventName) {
    return (await run.control(name).get('/v1/events')).filter((one) => one.event === event);
  }

  async function open(): Promise<void> {
    expect(new Set(await asked.open())).toEqual(new Set(SERVERS));
  }

  async function gone(name: DirectorNode): Promise<string[]> {
    const { members } = await run.control(name).get('/v1/sync');
    return members?.dead.map((one) => one.name) ?? [];
  }

  /** How often the mapping log says so of the connections that are open; it is one file of all directors here. */
  function logged(verb: string, file = log): number {
    const lines = readFileSync(file, 'utf8').split('\n');
    const form = new RegExp(`^2\\S+Z ${verb} tcp ${CLIENT}:(\\d+) ${VIP}:80 10\\.3\\.0\\.1:\\d+ \\S+:80 web$`);
    const ports = lines.flatMap((line) => form.exec(line)?.[1] ?? []);
    return ports.filter((port) => asked.keys.includes(port)).length;
  }

  /** d1's agent is killed and started again. Returns whether d2 never took it for dead. */
  async function restartUnnoticed(): Promise<boolean> {
    const deaths = async () => {
      return (await events('d2', 'sync-members')).filter(({ values }) => [values['dead']].flat().includes('d1')).length;
    };
    const before = await deaths();
    await run.agent('d1').stop('SIGKILL');
    run.start('d1');
    await expect.poll(() => run.peers('d1'), SOON).toContain('d2 up');
    await expect.poll(() => run.peers('d2'), SOON).toContain('d1 up');
    const unnoticed = (await deaths()) === before;
    if (!unnoticed) {
      // Whoever dies often lives again only when it has been there for a while; the next packets give it back what it carries.
      await expect.poll(() => gone('d2'), SOON).toEqual([]);
      expect(await asked.ask()).toEqual(asked.answers);
    }
    return unnoticed;
  }

  async function counted(name: DirectorNode, what: string): Promise<number | undefined> {
    return (await run.control(name).get('/v1/sync')).counters[`second-chance.${what}`];
  }

  beforeAll(async () => {
    await run.up();
    run.configure(
      (name, place) => `local: 10.3.0.${place}, sync: ${INSIDE_OF[name]}`,
      `${isLogged ? `mappingLog: { file: ${log} }\n` : ''}lifecycle: { holdUp: 0s, drain: 5s, syncTimeout: 10s }
routing: { instances: { outside: { area: 0, announce: [vip, local], interfaces: { up0: {} } } } }
services:
  web:
    vip: ${VIP}
    ports: 80
    forward: ${forward}
    sync: ${sync}
${THREE_SERVERS}`,
    );
    await moveTo('d1');
    run.start('d1');
    run.start('d2');
  });

  afterAll(() => run.down());

  test('two that begin at once do not wait in a circle, and know each other', async () => {
    await expect.poll(() => run.state('d1'), SOON).toBe('active');
    await expect.poll(() => run.state('d2'), SOON).toBe('active');
    await expect.poll(() => run.peers('d1'), SOON).toContain('d2 up');
    await expect.poll(() => run.peers('d2'), SOON).toContain('d1 up');
  });

  testIf(sync !== 'off', 'what one carries the other knows within a moment', async () => {
    await open();
    await expect.poll(async () => (await connections('d2')).length, SOON).toBe(COUNT);
    const [one] = await connections('d2');
    expect(one).toMatchObject({ protocol: 'tcp', service: 'web', owner: 'd1', state: 'established' });
    const metrics = async () => (await run.metrics('d2')).split('\n');
    await expect.poll(metrics, SOON).toContain(`sluice_sync_connections ${COUNT}`);
    expect(await metrics()).toContain('sluice_sync_peer_up{peer="d1"} 1');
  });

  testIf(
    sync !== 'off',
    'an agent that is killed and started again was not gone, nor are its connections',
    async () => {
      // On a busy machine a start may take longer than a stream may be away: that is called a death, and rightly.
      let unnoticed = false;
      for (let tries = 0; !unnoticed && tries < RESTARTS; tries++) unnoticed = await restartUnnoticed();
      expect(unnoticed).toBe(true);
      await expect.poll(async () => (await connections('d1', '&owner=d1')).length, SOON).toBe(COUNT);
      expect(await connections('d2', '&owner=d1')).toHaveLength(COUNT);
      expect(await asked.ask()).toEqual(asked.answers);
    },
  );

  testIf(sync !== 'off', 'an agent that says to be back soon is not gone, however long its start takes', async () => {
    await expect.poll(() => run.state('d1'), SOON).toBe('active');
    const deaths = (await events('d2', 'sync-members')).length;
    await run.control('d1').post('/v1/restart', { reason: 'restart' });
    await run.agent('d1').ended;
    const without = async () => (await run.control('d2').get('/v1/sync')).peers.find(({ name }) => name === 'd1');
    // Three times what a stream may be gone without a word.
    await expect.poll(async () => (await without())?.age ?? 0, SOON).toBeGreaterThan(3000);
    expect((await without())?.state).not.toBe('up');
    run.start('d1');
    await expect.poll(() => run.peers('d2'), SOON).toContain('d1 up');
    expect(await gone('d2')).toEqual([]);
    const dead = (await events('d2', 'sync-members')).slice(deaths).flatMap(({ values }) => values['dead']);
    expect(dead).toEqual([]);
    await expect.poll(() => run.state('d1'), SOON).toBe('active');
    expect(await asked.ask()).toEqual(asked.answers);
  });

  testIf(
    sync !== 'off',
    'whoever carries them is killed: the other one goes on with every one of them, and owns them',
    async () => {
      await run.crash('d1');
      await moveTo('d2');
      expect(await asked.ask()).toEqual(asked.answers);
      await expect.poll(async () => (await connections('d2', '&owner=d2')).length, SOON).toBe(COUNT);
    },
  );

  testIf(isLogged, 'who is behind an address of ours is written down, by whoever carries the connection', async () => {
    await expect.poll(() => [logged('opened'), logged('moved')], SOON).toEqual([COUNT, COUNT]);
    renameSync(log, `${log}.1`);
    run.agent('d2').child.kill('SIGHUP');
    await expect.poll(() => existsSync(log), SOON).toBe(true);
    expect(logged('moved', `${log}.1`)).toBe(COUNT);
  });

  testIf(sync !== 'off', 'a director that comes empty holds them all before it serves', async () => {
    run.start('d3');
    await expect.poll(() => run.state('d3'), SOON).toBe('active');
    expect(await events('d3', 'sync-complete')).toMatchObject([{ values: { reason: 'equal', waiting: [] } }]);
    expect(await connections('d3')).toHaveLength(COUNT);
    await moveTo('d3');
    expect(await asked.ask()).toEqual(asked.answers);
  });

  testIf(sync !== 'off', 'a drain has the others confirm first', async () => {
    await run.control('d3').post('/v1/drain', {});
    await expect
      .poll(async () => (await events('d3', 'drain-step')).map(({ values }) => values['step']), SOON)
      .toContain('flushed');
    await moveTo('d2');
    expect(await asked.ask()).toEqual(asked.answers);
  });

  testIf(sync === 'off', 'what nobody was told of is asked for when it moves, and asked back', async () => {
    for (const name of ['d1', 'd2'] as const) {
      await expect.poll(async () => (await run.control(name).get('/v1/sync')).secondChance, SOON).toBe(true);
    }
    await open();
    expect(await connections('d2')).toEqual([]);
    await moveTo('d2');
    expect(await asked.ask()).toEqual(asked.answers);
    await expect.poll(() => counted('d2', 'known'), SOON).toBe(COUNT);
    await expect.poll(() => counted('d2', 'packets.refused'), SOON).toBe(0);
    await moveTo('d1');
    expect(await asked.ask()).toEqual(asked.answers);
  });

  testIf(sync === 'off' && forward === 'fullnat', 'what only the dead has known is computed', async () => {
    await open();
    await run.crash('d1');
    await expect.poll(() => gone('d2'), SOON).toEqual(['d1']);
    await moveTo('d2');
    expect(await asked.ask()).toEqual(asked.answers);
    await expect.poll(() => counted('d2', 'predictions.predicted'), SOON).toBe(COUNT);
  });
});

/** Of all directors. */
const LIPS = '10.3.0.0/24';
