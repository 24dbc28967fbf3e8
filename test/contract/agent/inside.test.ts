/**
 * Servers whose route back leads by the inside address of one director, with real packets through built agents: when that
 * director is dead, another one answers for the address, and the servers are not told of anything.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DirectorNode, INSIDE_OF, SERVERS } from '../dataplane/netns.ts';
import { VIP } from '../dataplane/suite.ts';
import { Asked, ClusterRun, THREE_SERVERS } from './cluster-run.ts';

const DIRECTORS = ['d1', 'd2', 'd3'] as const;
const COUNT = 60;
const SOON = { timeout: 20_000, interval: 20 };
/** Of d1, as the servers' routes name it. */
const INSIDE = '10.2.0.101';

const run = new ClusterRun('in', DIRECTORS);
const { network } = run;
const old = new Asked(run, COUNT);

async function known(name: DirectorNode): Promise<number> {
  return (await run.control(name).get(`/v1/connections?vip=${VIP}`)).connections.length;
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
  await run.up();
  run.configure(
    (name, place) => `sync: ${INSIDE_OF[name]}, inside: 10.2.0.10${place}`,
    `lifecycle: { holdUp: 0s, drain: 1s, syncTimeout: 10s }
routing: { instances: { outside: { area: 0, announce: [vip], interfaces: { up0: {} } } } }
services:
  web:
    vip: ${VIP}
    ports: 80
${THREE_SERVERS}`,
  );
  await network.routeVip(VIP, 'd1');
  for (const server of SERVERS) await network.in(server, ['ip', 'route', 'replace', 'default', 'via', INSIDE]);
  for (const name of DIRECTORS) run.start(name);
});

afterAll(() => run.down());

test('its owner holds the address, and answers come by it', async () => {
  for (const name of DIRECTORS) {
    const others = DIRECTORS.filter((one) => one !== name).map((one) => `${one} up`);
    await expect.poll(() => run.peers(name), SOON).toEqual(others);
  }
  await expect.poll(holders, SOON).toEqual(['d1']);
  expect(new Set(await old.open())).toEqual(new Set(SERVERS));
  for (const name of ['d2', 'd3'] as const) await expect.poll(() => known(name), SOON).toBe(COUNT);
});

test.each(['d2', 'd3'] as const)(
  'its owner is dead: one other holds it, and connections that go by %s are answered, every one',
  async (carrier) => {
    const started = performance.now();
    if (carrier === 'd2') {
      await run.crash('d1');
      await expect.poll(async () => (await holders()).filter((name) => name !== 'd1').length, SOON).toBe(1);
    }
    const holder = (await holders()).find((name) => name !== 'd1')!;
    const mac = await network.macOf(holder, 'back');
    for (const server of SERVERS) await expect.poll(() => asSeenBy(server), SOON).toBe(mac);
    if (carrier === 'd2')
      console.log(`the servers know it ${(performance.now() - started).toFixed(0)} ms after the death`);
    await network.routeVip(VIP, carrier);
    expect(await old.ask()).toEqual(old.answers);
  },
);

/** `inside-left` of the directors that are not d1. */
async function left(): Promise<string[]> {
  const lists = await Promise.all(
    (['d2', 'd3'] as const).map(async (name) => {
      const events = await run.control(name).get('/v1/events');
      return events.filter(({ event }) => event === 'inside-left').map(({ values }) => String(values['addresses']));
    }),
  );
  return lists.flat();
}

const QUESTIONS = `table arp sl_questions {
  counter asked { }
  chain c { type filter hook input priority 0; arp operation request arp daddr ip ${INSIDE} counter name asked; }
}
`;

/** ARP requests for d1's inside address that have come to d1: the successor's, when servers know where it is. */
async function questions(): Promise<number> {
  const text = await network.in('d1', ['nft', 'list', 'counter', 'arp', 'sl_questions', 'asked']);
  return Number(/packets (\d+)/.exec(text)![1]);
}

test('its owner is back and holds it, the other one gives it back; every connection is answered', async () => {
  await run.links('d1', 'up');
  run.start('d1');
  await expect.poll(() => run.peers('d1'), SOON).toEqual(['d2 up', 'd3 up']);
  await expect.poll(holders, SOON).toEqual(['d1']);
  expect(await old.ask()).toEqual(old.answers);
  const mac = await network.macOf('d1', 'back');
  for (const server of SERVERS) await expect.poll(() => asSeenBy(server), SOON).toBe(mac);
});

test('only the agent of its owner is dead: it stays with the kernel that answers, told once, and goes when that is silent', async () => {
  await network.routeVip(VIP, 'd1');
  expect(await old.ask()).toEqual(old.answers);
  await network.in('d1', ['nft', '-f', '-'], QUESTIONS);
  await run.agent('d1').stop('SIGKILL');
  await expect.poll(left, SOON).toEqual([`inside address ${INSIDE} left to d1: its kernel answers`]);
  const asked = await questions();
  await expect.poll(async () => (await questions()) - asked, SOON).toBeGreaterThan(10);
  expect(await holders()).toEqual(['d1']);
  expect((await left()).length).toBe(1);
  expect(await old.ask()).toEqual(old.answers);
  // Its kernel forwards: what begins through it now is answered through it.
  expect(new Set(await new Asked(run, COUNT).open())).toEqual(new Set(SERVERS));
  const cut = performance.now();
  await run.links('d1', 'down');
  await expect.poll(async () => (await holders()).filter((name) => name !== 'd1').length, SOON).toBe(1);
  const holder = (await holders()).find((name) => name !== 'd1')!;
  const mac = await network.macOf(holder, 'back');
  for (const server of SERVERS) await expect.poll(() => asSeenBy(server), SOON).toBe(mac);
  console.log(`the servers know it ${(performance.now() - cut).toFixed(0)} ms after the links are cut`);
  await network.routeVip(VIP, holder);
  expect(await old.ask()).toEqual(old.answers);
});
