/** What the guard table is for, by real packets: nobody hears from a director about what it does not know. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureRoots, rootPath } from '../../../lab/roots/build.ts';
import { FRONT_OF, Network, type Peer } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { EVEN, freshPorts, only, servers, VIP, WEB, web } from './suite.ts';

const network = new Network(`gd${process.pid}`);
const bench = netnsBench(network);
const service = web(servers(EVEN));
/** Serves the VIP, but another port: packets of port 80 belong to nothing there. */
const elsewhere = { ...service, ports: [443] };
let second: Peer;

const asKeys = (sport: number, count: number) => Array.from({ length: count }, (_, i) => String(sport + i));

describe('guard rules', () => {
  beforeAll(async () => {
    await bench.up();
    await bench.apply(only(service));
    second = await bench.secondDriver();
    // The client reaches the servers' own addresses, so that its RST to a stranger would arrive.
    await network.in('cl', ['ip', 'route', 'add', '10.2.0.0/24', 'via', FRONT_OF.d1]);
  });
  afterAll(() => bench.down());

  test('a port without a service is silent: no RST, no ICMP', async () => {
    const target = { source: '10.1.0.2', vip: VIP, port: 81, timeout: 1500 };
    const tcp = await bench.client().call('open', { ...target, sport: freshPorts(1), keys: ['silent'] });
    expect(tcp).toEqual(['timeout']);
    await bench.client().call('close', { keys: ['silent'] });
    expect(await bench.client().call('udp', { ...target, sport: freshPorts(1), count: 1 })).toEqual(['timeout']);
  });

  /** Connections that go by the other director for a while, which knows nothing of them, live on afterwards. */
  async function expectSilence(): Promise<void> {
    const sport = freshPorts(20);
    const before = await bench.connect(sport, 20);
    await network.routeVip(VIP, 'd2');
    const lost = await bench.client().call('ask', { keys: asKeys(sport, 20), timeout: 700 });
    expect(lost).toEqual(before.map(() => 'timeout'));
    await network.routeVip(VIP, 'd1');
    const heard = await bench.client().call('hear', { keys: asKeys(sport, 20), timeout: 5000 });
    expect(heard).toEqual(before);
  }

  test('an echo request to a VIP is answered', async () => {
    await ensureRoots(['tools'], () => undefined);
    await network.in('cl', ['chroot', await rootPath('tools'), 'ping', '-c', '1', '-W', '2', VIP]);
  });

  test('packets in mid-life that a director knows nothing of are not answered by RST', async () => {
    await second.call('apply', { desired: only(elsewhere) });
    await expectSilence();
  });

  test('an answer through a director that cannot translate it is dropped, and the connection lives on', async () => {
    await second.call('apply', { desired: only(service) });
    const sport = freshPorts(20);
    const before = await bench.connect(sport, 20);
    await bench.client().call('ask', { keys: asKeys(sport, 20), later: true });
    await network.routeAnswers('d2');
    await Promise.all(bench.servers().map((server) => server.call('push')));
    const none = await bench.client().call('hear', { keys: asKeys(sport, 20), timeout: 700 });
    expect(none).toEqual(before.map(() => 'timeout'));
    await network.routeAnswers('d1');
    const heard = await bench.client().call('hear', { keys: asKeys(sport, 20), timeout: 8000 });
    expect(heard).toEqual(before);
  });

  test('the guard alone, before anything else is programmed, already keeps a director silent', async () => {
    await second.call('remove');
    await second.call('guard', { desired: only(service) });
    await expectSilence();
  });

  test('the same without the guard table kills every connection', async () => {
    await second.call('remove');
    // Went back to what it was, with the tables.
    await network.in('d2', ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1']);
    const sport = freshPorts(20);
    await bench.connect(sport, 20);
    await bench.client().call('ask', { keys: asKeys(sport, 20), later: true });
    await network.routeAnswers('d2');
    await Promise.all(bench.servers().map((server) => server.call('push')));
    await network.routeAnswers('d1');
    await bench.client().call('ask', { keys: asKeys(sport, 20), later: true });
    const heard = await bench.client().call('hear', { keys: asKeys(sport, 20), timeout: 5000 });
    expect(heard).toEqual(asKeys(sport, 20).map(() => 'ECONNRESET'));
  });

  /** Connections that speak and connections that wait while `tables` are gone, until the next turn has repaired them. */
  async function withoutTables(
    tables: readonly string[],
  ): Promise<{ spoke: string[]; waited: string[]; expected: string[] }> {
    const [speaks, waits] = [freshPorts(10), freshPorts(10)];
    const before = [...(await bench.connect(speaks, 10)), ...(await bench.connect(waits, 10))];
    await network.in('d1', ['nft', '-f', '-'], tables.map((table) => `delete table ip ${table}\n`).join(''));
    const spoken = bench.client().call<string[]>('ask', { keys: asKeys(speaks, 10), timeout: 8000 });
    await bench
      .client()
      .call('udp', { source: '10.1.0.2', vip: VIP, port: 81, timeout: 300, sport: freshPorts(1), count: 1 });
    await bench.apply(only(service));
    return { spoke: await spoken, waited: [...(await bench.ask(waits, 10))], expected: before };
  }

  test('somebody deletes the data table: until it is repaired the guard holds, and all connections live on', async () => {
    const { spoke, waited, expected } = await withoutTables(['sluice_v1']);
    expect([...spoke, ...waited]).toEqual(expected);
  });

  test('somebody deletes all tables: connections that wait live on; those that speak before the repair are reset', async () => {
    const { spoke, waited, expected } = await withoutTables(['sluice_v1', 'sluice_guard_v1']);
    expect(waited).toEqual(expected.slice(10));
    expect(spoke).toEqual(spoke.map(() => 'ECONNRESET'));
  });

  test('when every server is drained new connections are dropped silently and counted', async () => {
    const drained = web(servers(EVEN, { s1: 'drained', s2: 'drained', s3: 'drained' }));
    await bench.apply(only(drained));
    const target = { source: '10.1.0.2', vip: WEB.vip, port: WEB.port, timeout: 600 };
    const answers = await bench.client().call('open', { ...target, sport: freshPorts(3), keys: ['a', 'b', 'c'] });
    expect(answers).toEqual(['timeout', 'timeout', 'timeout']);
    const { services } = await bench.counters();
    expect(services[0]?.misses).toBeGreaterThanOrEqual(3);
  });
});
