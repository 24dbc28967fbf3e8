/** Packets in mid-life that belong to no connection here, by real packets and a real listener. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { ASKED_COUNTER } from '../../../src/core/dataplane/names.ts';
import { MISS_LOG_GROUP } from '../../../src/core/dataplane/rules/miss.ts';
import { ADDRESS_OF, Network, type Peer } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { CLIENT, EVEN, freshPorts, only, predicted, servers, VIP, web } from './suite.ts';

const network = new Network(`ms${process.pid}`);
const bench = netnsBench(network);
const service = web(servers(EVEN));

const LIP = '10.8.0.1';
const LOCAL = {
  self: 'd1',
  members: ['d1'],
  local: { directors: [{ name: 'd1', local: [ipv4(LIP)] }], shared: [] },
};
/** On the servers' wire, and no real server. */
const STRANGER = '10.2.0.99';

interface Logged {
  readonly source: string;
  readonly sport: number;
  readonly length: number;
}

let stray: Peer;
let listener: Peer;

/** What an agent does every second that can ask others. */
const stayAlive = (seconds: number) => bench.takeMisses(1000 * seconds);

interface Flood {
  readonly sources?: readonly string[];
  readonly sport: number;
  readonly each: number;
  readonly payload?: number;
}

const send = ({ sources = [CLIENT], ...flood }: Flood) =>
  stray.call('send', { sources, target: VIP, port: 80, ...flood });

/** Everything that is logged until nothing has come for a while. */
async function logged(): Promise<readonly Logged[]> {
  const all: Logged[] = [];
  await vi.waitFor(
    async () => {
      const some = await listener.call<Logged[]>('take');
      all.push(...some);
      expect(some).toEqual([]);
    },
    { timeout: 5000, interval: 150 },
  );
  return all;
}

/** How many packets were handed to whoever listens. */
async function asked(): Promise<number> {
  const listing = await network.in('d1', ['nft', 'list', 'counter', 'ip', 'sluice_v1', ASKED_COUNTER]);
  return Number(/packets (\d+)/.exec(listing)?.[1]);
}

async function begun(): Promise<number> {
  return (await bench.counters()).services[0]?.newConnections ?? 0;
}

describe('second chance', () => {
  beforeAll(async () => {
    await bench.up();
    await bench.apply(only(service));
    stray = network.start('cl', 'stray-main', 'front');
    listener = network.start('d1', 'nflog-main', String(MISS_LOG_GROUP));
    await stray.call('makeTcp');
    await listener.call('open');
  });
  afterAll(() => bench.down());
  beforeEach(() => network.in('d1', ['nft', 'flush', 'set', 'ip', 'sluice_v1', 'second_chance']));

  test('while nobody can be asked, unknown packets go on to the hash, and nothing is logged', async () => {
    const before = await begun();
    await send({ sport: freshPorts(10), each: 10 });
    await vi.waitFor(async () => expect(await begun()).toBe(before + 10));
    expect(await logged()).toEqual([]);
  });

  test('while somebody can be asked they are logged, whole and once, and go nowhere', async () => {
    await stayAlive(30);
    const before = await begun();
    const sport = freshPorts(10);
    await send({ sport, each: 10, payload: 1000 });
    const packets = await logged();
    expect(packets.map((packet) => packet.sport)).toEqual(Array.from({ length: 10 }, (_, i) => sport + i));
    expect(new Set(packets.map(({ length }) => length))).toEqual(new Set([1040]));
    expect(await begun()).toBe(before);
  });

  test('of one flow a few are told of at once, then one now and then', async () => {
    await stayAlive(30);
    const sport = freshPorts(1);
    for (let i = 0; i < 40; i++) await send({ sport, each: 1 });
    const packets = await logged();
    expect(packets.length).toBeGreaterThanOrEqual(16);
    expect(packets.length).toBeLessThan(25);
    await send({ sport, each: 1 });
    expect(await logged()).toHaveLength(1);
  });

  test('connections, old and new, are not concerned', async () => {
    const old = freshPorts(20);
    const before = await bench.connect(old, 20);
    await stayAlive(30);
    expect(await bench.ask(old, 20)).toEqual(before);
    const sport = freshPorts(20);
    expect(await bench.connect(sport, 20)).toEqual(predicted(service, sport, 20));
    expect(await logged()).toEqual([]);
  });

  test('when the agent has died, its last word runs out: unknown packets go on to the hash', async () => {
    await stayAlive(1);
    await send({ sport: freshPorts(1), each: 1 });
    expect(await logged()).toHaveLength(1);
    const before = await begun();
    await vi.waitFor(
      async () => {
        await send({ sport: freshPorts(1), each: 1 });
        expect(await begun()).toBeGreaterThan(before);
      },
      { timeout: 3000, interval: 200 },
    );
    await logged();
  });

  test('answers of real servers to a local address that nobody here waits for are handed over; those of strangers are not', async () => {
    const fullnat = { ...only({ ...service, fullnat: true }), ...LOCAL };
    await bench.apply(fullnat);
    const server = network.start('s1', 'stray-main', 'back');
    await server.call('makeTcp');
    await network.in('s1', ['ip', 'address', 'add', `${STRANGER}/24`, 'dev', 'back']);
    const answer = { target: LIP, port: 2000, sport: 80, each: 1 };
    await server.call('send', { sources: [ADDRESS_OF.s1], ...answer });
    expect(await logged()).toEqual([]);
    await stayAlive(30);
    await server.call('send', { sources: [STRANGER, ADDRESS_OF.s1], ...answer });
    expect(await logged()).toEqual([{ source: ADDRESS_OF.s1, sport: 80, length: 40 }]);
    const sport = freshPorts(20);
    expect(await bench.connect(sport, 20)).toEqual(predicted(service, sport, 20));
    expect(await logged()).toEqual([]);
    await bench.apply(only(service));
  });

  test('the sets that packets fill are no drift, and what an agent put in stays', async () => {
    await stayAlive(30);
    await send({ sport: freshPorts(3), each: 3 });
    expect(await logged()).toHaveLength(3);
    expect(await bench.apply(only(service))).toMatchObject({ programmed: ['web'], operations: [], drift: false });
    await send({ sport: freshPorts(3), each: 3 });
    expect(await logged()).toHaveLength(3);
  });

  describe('floods, with nobody listening', () => {
    beforeAll(() => listener.kill());

    test('a flood of one source costs few questions', async () => {
      await stayAlive(30);
      const before = await asked();
      const started = performance.now();
      await send({ sport: 20_000, each: 5000 });
      const seconds = (performance.now() - started) / 1000;
      const count = (await asked()) - before;
      expect(count).toBeGreaterThan(300);
      expect(count).toBeLessThanOrEqual(1000 + Math.ceil(1000 * seconds));
    });

    test('a flood of many sources costs a bounded number of questions', async () => {
      const sources = Array.from({ length: 500 }, (_, i) => `10.99.${i >> 8}.${i & 0xff}`);
      const commands = sources.map((source) => `addr add ${source}/32 dev lo`).join('\n');
      await network.in('cl', ['ip', '-batch', '-'], `${commands}\n`);
      await stayAlive(30);
      const before = await asked();
      const started = performance.now();
      await send({ sources, sport: 30_000, each: 30 });
      const seconds = (performance.now() - started) / 1000;
      const count = (await asked()) - before;
      expect(count).toBeGreaterThan(500);
      expect(count).toBeLessThanOrEqual(2000 + Math.ceil(2000 * seconds));
      expect(count).toBeLessThan(500 * 30);
    });
  });
});
