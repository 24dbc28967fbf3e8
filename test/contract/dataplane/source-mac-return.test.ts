/** Two directors, and servers prepared by the generator: an answer goes to the director that the connection last came from. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { ServerCounters } from '../../../src/core/model/dataplane.ts';
import { sourceMacReturnRules } from '../../../src/core/realserver/source-mac-return.ts';
import { ADDRESS_OF, DIRECTORS, INSIDE_OF, Network, type Peer, SERVERS } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { EVEN, freshPorts, only, predicted, servers, VIP, web } from './suite.ts';

const network = new Network(`mr${process.pid}`);
const bench = netnsBench(network);
const service = web(servers(EVEN));
let second: Peer;

/** Packets that a director has passed on from servers to clients. */
async function answersThrough(director: 'd1' | 'd2'): Promise<number> {
  const list: readonly ServerCounters[] =
    director === 'd1'
      ? (await bench.counters()).servers
      : (await second.call<{ servers: ServerCounters[] }>('counters')).servers;
  return list.reduce((sum, counters) => sum + counters.packetsOut, 0);
}

async function prepareServers(): Promise<void> {
  const directors = await Promise.all(
    DIRECTORS.map(async (name) => ({
      name,
      mac: await network.macOf(name, 'back'),
      insideAddress: ipv4(INSIDE_OF[name]),
    })),
  );
  const rules = sourceMacReturnRules({
    interface: 'back',
    directors,
    servers: SERVERS.map((server) => ipv4(ADDRESS_OF[server])),
  });
  for (const node of SERVERS) {
    await network.in(node, ['ip', 'route', 'del', 'default']);
    await network.in(node, ['nft', '-f', '-'], rules.nft);
    for (const argv of rules.commands) await network.in(node, argv);
  }
}

describe('return by source MAC', () => {
  beforeAll(async () => {
    await bench.up();
    second = await bench.secondDriver();
    await bench.apply(only(service));
    await second.call('apply', { desired: only(service) });
    await prepareServers();
  });
  afterAll(() => bench.down());

  test.each(DIRECTORS)('new connections through %s are answered through it', async (director) => {
    await network.routeVip(VIP, director);
    const other = director === 'd1' ? 'd2' : 'd1';
    const before = await answersThrough(other);
    const sport = freshPorts(60);
    expect(await bench.connect(sport, 60)).toEqual(predicted(service, sport, 60));
    expect(await answersThrough(director)).toBeGreaterThanOrEqual(120);
    expect(await answersThrough(other)).toBe(before);
  });

  test('connections that move to the other director and back take their answers with them', async () => {
    await network.routeVip(VIP, 'd1');
    const sport = freshPorts(60);
    const answers = await bench.connect(sport, 60);
    for (const director of ['d2', 'd1', 'd2'] as const) {
      const other = director === 'd1' ? 'd2' : 'd1';
      const [own, others] = [await answersThrough(director), await answersThrough(other)];
      await network.routeVip(VIP, director);
      expect(await bench.ask(sport, 60)).toEqual(answers);
      expect(await answersThrough(director)).toBeGreaterThanOrEqual(own + 60);
      expect(await answersThrough(other)).toBe(others);
    }
  });

  test('the rules may be loaded again while connections live', async () => {
    const sport = freshPorts(20);
    const answers = await bench.connect(sport, 20);
    for (const node of SERVERS) {
      const listed = await network.in(node, ['nft', 'list', 'table', 'ip', 'sluice_return_v1']);
      expect(listed).toContain(await network.macOf('d1', 'back'));
    }
    expect(await bench.ask(sport, 20)).toEqual(answers);
  });
});
