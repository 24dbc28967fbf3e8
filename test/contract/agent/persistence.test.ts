/** Clients whose new connections go to the server that they had at another director: real packets through two built agents. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { INSIDE_OF, SERVERS } from '../dataplane/netns.ts';
import { CLIENT, freshPorts, MANY_CLIENTS, VIP } from '../dataplane/suite.ts';
import { ClusterRun, THREE_SERVERS } from './cluster-run.ts';

const DIRECTORS = ['d1', 'd2'] as const;
type Name = (typeof DIRECTORS)[number];

const CLIENTS = Array.from({ length: 30 }, (_, n) => `10.9.7.${n + 1}`);
const TIMEOUT = 5000;
const SOON = { timeout: 20_000, interval: 100 };

describe('two directors of a service with persistence whose connections are not synced', () => {
  const run = new ClusterRun('pc', DIRECTORS);
  const { network } = run;
  let answers: readonly string[] = [];

  async function moveTo(name: Name): Promise<void> {
    await network.routeVip(VIP, name);
    await network.routeAnswers(name);
  }

  /** A new connection of each client: who has answered it? */
  function connect(): Promise<readonly string[]> {
    const sport = freshPorts(CLIENTS.length);
    const keys = CLIENTS.map((_, n) => String(sport + n));
    return run.client.call('open', {
      source: CLIENT,
      sources: CLIENTS,
      sport,
      vip: VIP,
      port: 80,
      timeout: TIMEOUT,
      keys,
    });
  }

  /** How many clients the kernel remembers. */
  async function remembered(name: Name): Promise<number> {
    const listing = await network.in(name, ['nft', 'list', 'map', 'ip', 'sluice_v1', 'clients_web']);
    return CLIENTS.filter((address) => listing.includes(`${address} `)).length;
  }

  beforeAll(async () => {
    await run.up();
    await network.addClients(MANY_CLIENTS);
    run.configure(
      (name) => `sync: ${INSIDE_OF[name]}`,
      `lifecycle: { holdUp: 0s, drain: 5s, syncTimeout: 10s }
routing: { instances: { outside: { area: 0, announce: [vip], interfaces: { up0: {} } } } }
services:
  web:
    vip: ${VIP}
    ports: 80
    sync: off
    scheduler: rr
    persistence: 60s
${THREE_SERVERS}`,
    );
    await moveTo('d1');
    for (const name of DIRECTORS) run.start(name);
  });

  afterAll(() => run.down());

  test('what one remembers of clients the other knows within seconds', async () => {
    for (const name of DIRECTORS) await expect.poll(() => run.state(name), SOON).toBe('active');
    answers = await connect();
    expect(new Set(answers)).toEqual(new Set(SERVERS));
    await expect.poll(() => remembered('d2'), SOON).toBe(CLIENTS.length);
  });

  test('writing it is no drift of the tables', async () => {
    const events = await run.control('d2').get('/v1/events');
    expect(events.filter(({ event }) => event === 'dataplane-drift' || event === 'persistence-fault')).toEqual([]);
  });

  test('its agent killed: new connections of the same clients go to the same servers at the other', async () => {
    await run.agent('d1').stop('SIGKILL');
    await moveTo('d2');
    expect(await connect()).toEqual(answers);
  });

  test('and at the first one, when it is back with an empty kernel', async () => {
    await network.in('d1', ['nft', 'flush', 'ruleset']);
    run.start('d1');
    await expect.poll(() => run.state('d1'), SOON).toBe('active');
    await expect.poll(() => remembered('d1'), SOON).toBe(CLIENTS.length);
    await moveTo('d1');
    expect(await connect()).toEqual(answers);
  });
});
