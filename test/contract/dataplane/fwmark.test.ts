import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureRoots, rootPath } from '../../../lab/roots/build.ts';
import { fakeBench } from './fake-bench.ts';
import { fwmarkContract, marked } from './fwmark-suite.ts';
import { FRONT_OF, Network } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { CLIENT, freshPorts, only, VIP } from './suite.ts';

fwmarkContract('fake', fakeBench());
fwmarkContract('nftables', netnsBench(new Network(`fm${process.pid}`)));

describe('services by fwmark: guard', () => {
  const network = new Network(`fg${process.pid}`);
  const bench = netnsBench(network);
  const untranslated = async () => (await bench.counters()).guard.serverUntranslated;

  beforeAll(async () => {
    await bench.up();
    await network.in('cl', ['ip', 'route', 'add', '10.2.0.0/24', 'via', FRONT_OF.d1]);
    await bench.markPackets(7);
    await bench.apply(only(marked(7)));
  });
  afterAll(() => bench.down());

  test('a server’s answer that belongs to no connection here is dropped, and the connection lives on', async () => {
    const second = await bench.secondDriver();
    await second.call('apply', { desired: only(marked(7)) });
    const sport = freshPorts(10);
    const keys = Array.from({ length: 10 }, (_, i) => String(sport + i));
    const before = await bench.connect(sport, 10);
    await bench.client().call('ask', { keys, later: true });
    await network.routeAnswers('d2');
    await Promise.all(bench.servers().map((server) => server.call('push')));
    const none = await bench.client().call('hear', { keys, timeout: 700 });
    expect(none).toEqual(before.map(() => 'timeout'));
    expect(
      (await second.call<{ guard: { serverUntranslated: number } }>('counters')).guard.serverUntranslated,
    ).toBeGreaterThan(9);
    await network.routeAnswers('d1');
    expect(await bench.client().call('hear', { keys, timeout: 8000 })).toEqual(before);
  });

  test('a server’s own connections pass', async () => {
    const listener = network.start('cl', 'server-main', 'cl', '7777');
    await listener.call('ready');
    const server = network.start('s1', 'client-main');
    const before = await untranslated();
    const target = { source: '10.2.0.21', vip: CLIENT, port: 7777, timeout: 2000 };
    expect(await server.call('open', { ...target, sport: freshPorts(1), keys: ['own'] })).toEqual(['cl']);
    expect(await server.call('udp', { ...target, sport: freshPorts(1), count: 1 })).toEqual(['cl']);
    expect(await untranslated()).toBe(before);
  });

  test('what has no ports is not the service’s, whatever its mark: an echo is answered by the director', async () => {
    const ping = `table ip ping {\n chain c { type filter hook prerouting priority mangle;\n icmp type echo-request meta mark set 7\n }\n}\n`;
    await network.in('d1', ['nft', '-f', '-'], ping);
    await ensureRoots(['tools'], () => undefined);
    const before = (await bench.counters()).services[0]!.newConnections;
    await network.in('cl', ['chroot', await rootPath('tools'), 'ping', '-c', '1', '-W', '2', VIP]);
    expect((await bench.counters()).services[0]!.newConnections).toBe(before);
  });
});
