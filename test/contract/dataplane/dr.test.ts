/** Direct routing, by real packets: the servers answer the client past the directors. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureRoots, rootPath } from '../../../lab/roots/build.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DataplaneCounters, DesiredService } from '../../../src/core/model/dataplane.ts';
import { direct, directContract, directNames, sticky } from './direct-suite.ts';
import { fakeBench } from './fake-bench.ts';
import { ADDRESS_OF, BESIDE_CLIENT, FRONT_OF, INSIDE_OF, Network, type Peer, SERVERS } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { CLIENT, EVEN, freshPorts, OTHER_VIP, only, predicted, servers, VIP } from './suite.ts';

const ALL = Object.keys(EVEN);
const ECHO_PORT = 8080;

function drBench(network: Network) {
  return netnsBench(network, {
    ports: [`${VIP}:80`, `${VIP}:53`],
    prepare: () => network.answerDirectly([ipv4(VIP), ipv4(OTHER_VIP)]),
  });
}

directContract('fake', fakeBench());
directContract('nftables', drBench(new Network(`dr${process.pid}`)));

describe('direct routing by real packets', () => {
  const network = new Network(`dx${process.pid}`);
  const bench = drBench(network);
  let second: Peer;
  let bulk: Peer;

  const asKeys = (sport: number, count: number) => Array.from({ length: count }, (_, i) => String(sport + i));

  async function applyBoth(...services: readonly DesiredService[]): Promise<void> {
    await bench.apply(only(...services));
    await second.call('apply', { desired: only(...services) });
  }

  function echo(list = servers(EVEN)): DesiredService {
    return { ...direct(list), name: 'echo', ports: [ECHO_PORT] };
  }

  function exchange(bytes: number, timeout: number): Promise<string> {
    return bulk.call('exchange', { source: CLIENT, vip: VIP, port: ECHO_PORT, bytes, timeout });
  }

  beforeAll(async () => {
    await bench.up();
    second = await bench.secondDriver();
    const echoes = SERVERS.map((node) => network.start(node, 'echo-main', 'serve', VIP, String(ECHO_PORT)));
    await Promise.all(echoes.map((peer) => peer.call('ready')));
    bulk = network.start('cl', 'echo-main');
  });
  afterAll(() => bench.down());

  test('500 connections over two directors, one of which dies: the other takes them all, with no word between them', async () => {
    await applyBoth(direct(servers(EVEN)));
    const sport = freshPorts(500);
    const before = [...(await bench.connect(sport, 250))];
    await network.routeVip(VIP, 'd2');
    before.push(...(await bench.connect(sport + 250, 250)));
    await network.in('d1', ['ip', 'link', 'set', 'front', 'down']);
    expect(await bench.ask(sport, 500)).toEqual(before);
    expect([...new Set(before)].sort()).toEqual(ALL);
    await network.in('d1', ['ip', 'link', 'set', 'front', 'up']);
    await network.routeVip(VIP, 'd1');
    expect(await bench.ask(sport, 500)).toEqual(before);
  });

  test('bulk data, both ways', async () => {
    await applyBoth(echo());
    expect(await exchange(20_000_000, 5000)).toBe('same');
  });

  test('a VIP answers an echo request; a port without a service is silent', async () => {
    await applyBoth(direct(servers(EVEN)));
    await ensureRoots(['tools'], () => undefined);
    await network.in('cl', ['chroot', await rootPath('tools'), 'ping', '-c', '1', '-W', '2', VIP]);
    const target = { source: CLIENT, vip: VIP, port: 81, timeout: 800 };
    const tcp = await bench.client().call('open', { ...target, sport: freshPorts(1), keys: ['silent'] });
    expect(tcp).toEqual(['timeout']);
    await bench.client().call('close', { keys: ['silent'] });
  });

  test('packets for another director that the switch floods are left alone', async () => {
    await applyBoth(direct(servers(EVEN)));
    await network.flood('d1', 'front');
    const seen = async () => (await second.call<DataplaneCounters>('counters')).services[0]!.packetsIn;
    const before = await seen();
    const sport = freshPorts(40);
    expect(await bench.connect(sport, 40)).toEqual(predicted(direct(servers(EVEN)), sport, 40));
    expect(await seen()).toBe(before);
  });

  test('without sticky, the flows of a drained server end at once by RST of another server, the rest live', async () => {
    await bench.apply(only(direct(servers(EVEN))));
    const sport = freshPorts(120);
    const before = await bench.connect(sport, 120);
    await bench.apply(only(direct(servers(EVEN, { s3: 'drained' }))));
    const after = await bench.ask(sport, 120);
    expect(after).toEqual(before.map((server) => (server === 's3' ? 'ECONNRESET' : server)));
    expect(before).toContain('s3');
  });

  test('sticky flows of a server that is down are not held to it', async () => {
    await bench.apply(only(sticky(servers(EVEN))));
    const sport = freshPorts(60);
    const before = await bench.connect(sport, 60);
    await bench.apply(only(sticky(servers(EVEN, { s3: 'down' }))));
    expect(await bench.ask(sport, 60)).toEqual(before.map((server) => (server === 's3' ? 'ECONNRESET' : server)));
  });

  test('a drain ends: sticky flows that are left meet another server, and end by its RST', async () => {
    await bench.apply(only(sticky(servers(EVEN))));
    const sport = freshPorts(60);
    const before = await bench.connect(sport, 60);
    const list = servers(EVEN, { s3: 'drained' });
    await bench.apply(only(sticky(list)));
    expect(await bench.ask(sport, 60)).toEqual(before);
    await bench.apply(only(sticky(list.map((server) => ({ ...server, ended: server.name === 's3' })))));
    expect(await bench.ask(sport, 60)).toEqual(before.map((server) => (server === 's3' ? 'ECONNRESET' : server)));
  });

  test('while no server is up the sorry server has everything', async () => {
    const list = servers({ s1: 1, s2: 1 }, { s1: 'down', s2: 'down' });
    await bench.apply(only({ ...direct(list), sorry: ipv4(ADDRESS_OF.s3) }));
    const sport = freshPorts(10);
    expect([...new Set(await bench.connect(sport, 10))]).toEqual(['s3']);
  });

  test('one arm: servers on the wire that the packets come in by', async () => {
    const list = servers(EVEN).map((server) => {
      return { ...server, address: ipv4(BESIDE_CLIENT[server.name as keyof typeof BESIDE_CLIENT]) };
    });
    const service = direct(list, { device: 'front' });
    await bench.apply(only(service));
    const sport = freshPorts(60);
    expect(await bench.connect(sport, 60)).toEqual(predicted(service, sport, 60));
  });

  test('a source port that is used again begins a new flow, whatever the old one stuck to', async () => {
    await bench.apply(only(sticky(servers(EVEN))));
    const sport = freshPorts(60);
    expect(await bench.connect(sport, 60)).toContain('s3');
    await bench.client().call('close', { keys: asKeys(sport, 60) });
    const drained = sticky(servers(EVEN, { s3: 'drained' }));
    await bench.apply(only(drained));
    expect(await bench.connect(sport, 60)).toEqual(predicted(drained, sport, 60));
  });

  test('by the client’s address alone, when the source port is not hashed', async () => {
    const scheduler = { name: 'mh', slots: 4099, sourcePort: false } as const;
    for (const service of [direct(servers(EVEN)), sticky(servers(EVEN))]) {
      const byAddress = { ...service, scheduler };
      await bench.apply(only(byAddress));
      const sport = freshPorts(20);
      expect(await bench.connect(sport, 20)).toEqual(predicted(byAddress, sport, 20));
    }
  });

  test('fragments after the first have no ports and are not passed on', async () => {
    await bench.apply(only(directNames()));
    const target = { source: CLIENT, vip: VIP, port: 53, timeout: 500, count: 1 };
    const udp = (bytes: number) =>
      bench.client().call('udp', { ...target, sport: freshPorts(1), word: '?'.repeat(bytes) });
    expect(await udp(1400)).not.toEqual(['timeout']);
    expect(await udp(3000)).toEqual(['timeout']);
  });

  test('an interface that goes takes its services along, and brings them back with it', async () => {
    const desired = only(direct(servers(EVEN)), { ...echo(), direct: undefined });
    await bench.apply(desired);
    await network.in('d1', ['ip', 'link', 'del', 'back']);
    expect((await bench.apply(desired)).programmed).toEqual(['echo']);
    expect((await bench.apply(desired)).operations).toEqual([]);
    await network.plug('d1', 'back', INSIDE_OF.d1);
    expect((await bench.apply(desired)).programmed).toEqual(['web', 'echo']);
    await network.in('d1', ['ip', 'link', 'del', 'front']);
    await bench.apply(desired);
    await network.plug('d1', 'front', FRONT_OF.d1);
    // It has another MAC address, and frames for the old one are nobody's.
    await network.in('cl', ['ip', 'neigh', 'flush', 'dev', 'front']);
    await bench.apply(desired);
    expect(await bench.apply(desired)).toMatchObject({ operations: [], drift: false });
    const sport = freshPorts(40);
    expect(await bench.connect(sport, 40)).toEqual(predicted(direct(servers(EVEN)), sport, 40));
  });

  test('path MTU discovery: what a router says to the VIP is told to the server that it is about', async () => {
    // s3 is a router here, between the other two and the client, and has a narrow way to the client.
    const list = servers({ s1: 1, s2: 1 });
    await bench.apply(only(echo(list)));
    await network.in('s3', ['ip', 'address', 'del', `${VIP}/32`, 'dev', 'lo']);
    await network.in('s3', ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.send_redirects=0']);
    await network.in('s3', ['sysctl', '-q', '-w', 'net.ipv4.conf.front.send_redirects=0']);
    await network.in('s3', ['ip', 'route', 'add', `${CLIENT}/32`, 'dev', 'front', 'mtu', '1200']);
    await network.in('s3', ['ip', 'route', 'add', `${VIP}/32`, 'via', FRONT_OF.d1]);
    // As above, if this test is not alone.
    await network.in('s3', ['ip', 'neigh', 'flush', 'dev', 'front']);
    const viaS3 = ['ip', 'route', 'replace', `${CLIENT}/32`, 'via', BESIDE_CLIENT.s3];
    for (const node of ['s1', 's2'] as const) await network.in(node, viaS3);
    await network.in('d1', ['nft', 'flush', 'map', 'netdev', 'sluice_dr_v1', 'errors']);
    expect(await exchange(1_000_000, 700)).toBe('timeout');
    await bench.apply(only(echo(list)));
    expect(await exchange(1_000_000, 5000)).toBe('same');
  });
});
