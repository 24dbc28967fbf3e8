/**
 * A director is no way to anywhere, by real packets. Both of d1's interfaces count as upstream here: whatever passes does so
 * because it is a flow of ours.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { DesiredService } from '../../../src/core/model/dataplane.ts';
import { ADDRESS_OF, FRONT_OF, Network, type Peer } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { CLIENT, EVEN, freshPorts, predicted, servers, VIP, web } from './suite.ts';

const network = new Network(`tr${process.pid}`);
const bench = netnsBench(network);
const service = web(servers(EVEN));
/** Nobody listens on this port of the real servers: they answer by an ICMP error. */
const closed: DesiredService = { ...service, name: 'closed', protocol: 'udp', ports: [5353] };
const desired = { services: [service, closed], upstream: ['back', 'front'] };

/** The client's second link, on the servers' wire: there d1 has one arm. */
const BESIDE = { client: '10.4.0.2', director: '10.4.0.1' } as const;

async function transitDropped(): Promise<number> {
  return (await bench.counters()).guard.transit;
}

/** One datagram to a server's own address, past all services; the answer or `timeout`. */
async function passThrough(port: number, client: Peer = bench.client()): Promise<string> {
  const target = { source: CLIENT, vip: ADDRESS_OF.s1, port, timeout: 400 };
  const [answer] = await client.call<string[]>('udp', { ...target, sport: freshPorts(1), count: 1 });
  return answer ?? 'none';
}

describe('transit', () => {
  beforeAll(async () => {
    await bench.up();
    await network.in('cl', ['ip', 'route', 'add', '10.2.0.0/24', 'via', FRONT_OF.d1]);
    await network.plug('cl', 'back', BESIDE.client);
    await network.in('d1', ['ip', 'address', 'add', `${BESIDE.director}/24`, 'dev', 'back']);
    await bench.apply(desired);
  });
  afterAll(() => bench.down());

  test('what is neither for a VIP nor translated is dropped between upstream interfaces, and counted', async () => {
    const before = await transitDropped();
    expect(await passThrough(53)).toBe('timeout');
    expect(await transitDropped()).toBe(before + 1);
  });

  test('an interface that is not upstream lets the same packet pass; a change takes effect at once', async () => {
    const report = await bench.apply({ ...desired, upstream: ['front'] });
    expect(report.operations).toEqual([
      'sluice_guard_v1 upstream: remove 1 elements ("back")',
      'sluice_guard_v1 one_arm: remove 1 elements ("back" . "back")',
    ]);
    expect(await passThrough(53)).toBe('s1');
    await bench.apply(desired);
    expect(await passThrough(53)).toBe('timeout');
  });

  test('what conntrack does not look at is dropped, too', async () => {
    const untrack = 'chain c { type filter hook prerouting priority -300; policy accept;\n udp dport 443 notrack\n}';
    await network.in('d1', ['nft', '-f', '-'], `table ip untracked {\n${untrack}\n}\n`);
    const before = await transitDropped();
    expect(await passThrough(443)).toBe('timeout');
    expect(await transitDropped()).toBe(before + 1);
    await network.in('d1', ['nft', 'delete', 'table', 'ip', 'untracked']);
  });

  test('connections to a VIP pass in both directions, and nothing of them is counted', async () => {
    const before = await transitDropped();
    const sport = freshPorts(40);
    expect(await bench.connect(sport, 40)).toEqual(predicted(service, sport, 40));
    expect(await transitDropped()).toBe(before);
  });

  test('ICMP errors of our flows pass', async () => {
    const before = await transitDropped();
    const target = { source: CLIENT, vip: VIP, port: 5353, timeout: 2000 };
    expect(await bench.client().call('udp', { ...target, sport: freshPorts(1), count: 1 })).toEqual(['ECONNREFUSED']);
    expect(await transitDropped()).toBe(before);
  });

  test('somebody else’s source NAT counts as translated, from the first packet on', async () => {
    const masquerade =
      'chain c { type nat hook postrouting priority 100; policy accept;\n ip daddr 10.2.0.21 udp dport 80 masquerade\n}';
    await network.in('d1', ['nft', '-f', '-'], `table ip mine {\n${masquerade}\n}\n`);
    expect(await passThrough(80)).toBe('s1');
    await network.in('d1', ['nft', 'delete', 'table', 'ip', 'mine']);
  });

  test('what the director says of its own multicast groups is no transit', async () => {
    const chain =
      'chain c { type filter hook output priority 0; policy accept;\n ip protocol igmp counter name sent\n}';
    await network.in('d1', ['nft', '-f', '-'], `table ip watch {\n counter sent {\n }\n ${chain}\n}\n`);
    const sent = async () => !(await network.in('d1', ['nft', 'list', 'counters'])).includes('sent {\n\t\tpackets 0');
    const before = await transitDropped();
    await network.in('d1', ['ip', 'address', 'add', '239.1.1.1/32', 'dev', 'front', 'autojoin']);
    await vi.waitUntil(sent, { timeout: 4000, interval: 50 });
    expect(await transitDropped()).toBe(before);
    await network.in('d1', ['nft', 'delete', 'table', 'ip', 'watch']);
    await network.in('d1', ['ip', 'address', 'del', '239.1.1.1/32', 'dev', 'front']);
  });

  test('one arm: connections to a VIP come in and leave by the same interface', async () => {
    await network.in('cl', ['ip', 'route', 'replace', VIP, 'via', BESIDE.director]);
    const before = await transitDropped();
    const target = { source: BESIDE.client, vip: VIP, port: 80, timeout: 5000 };
    const keys = Array.from({ length: 20 }, (_, i) => `arm${i}`);
    const answers = await bench.client().call<string[]>('open', { ...target, sport: freshPorts(20), keys });
    expect(answers.filter((answer) => !/^s[123]$/.test(answer))).toEqual([]);
    expect(await transitDropped()).toBe(before);
    await network.routeVip(VIP, 'd1');
  });

  test('one arm: a real server reaches others by way of the director, a stranger does not', async () => {
    const listener = network.start('cl', 'server-main', 'cl', '7777');
    await listener.call('ready');
    const stranger = '10.2.0.99';
    await network.in('s1', ['ip', 'address', 'add', `${stranger}/24`, 'dev', 'back']);
    const server = network.start('s1', 'client-main');
    const ask = async (source: string) => {
      const target = { source, vip: BESIDE.client, port: 7777, timeout: 400 };
      return server.call<string[]>('udp', { ...target, sport: freshPorts(1), count: 1 });
    };
    await network.in('cl', ['ip', 'route', 'replace', '10.2.0.0/24', 'via', BESIDE.director]);
    const before = await transitDropped();
    expect(await ask(ADDRESS_OF.s1)).toEqual(['cl']);
    expect(await transitDropped()).toBe(before);
    expect(await ask(stranger)).toEqual(['timeout']);
    expect(await transitDropped()).toBe(before + 1);
  });
});
