import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { fakeBench } from './fake-bench.ts';
import { Network } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { persistenceContract, sticky } from './persistence-suite.ts';
import { EVEN, freshPorts, only, servers, VIP } from './suite.ts';

persistenceContract('fake', fakeBench());
persistenceContract('nftables', netnsBench(new Network(`pe${process.pid}`)));

const until = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('persistence: what only the kernel can show', () => {
  const network = new Network(`pk${process.pid}`);
  const bench = netnsBench(network);
  const nft = (text: string) => network.in('d1', ['nft', '-f', '-'], text);
  const target = { vip: VIP, port: 80, protocol: 'tcp' } as const;

  /** Milliseconds that the kernel gives a client's entry yet; `undefined` without one. */
  async function left(client: string): Promise<number | undefined> {
    const listing = await network.in('d1', ['nft', 'list', 'map', 'ip', 'sluice_v1', 'clients_web']);
    const words = listing.split(`${client} timeout `)[1]?.split(' ');
    if (words === undefined) return undefined;
    const parts = [...(words[2] ?? '').matchAll(/(\d+)(ms|m|s)/g)];
    return parts.reduce((sum, [, number, unit]) => sum + Number(number) * { ms: 1, s: 1000, m: 60_000 }[unit!]!, 0);
  }

  beforeAll(() => bench.up());
  afterAll(() => bench.down());

  test('a client that is silent for the whole time is forgotten; one that sends anything is not', async () => {
    await bench.apply(only(sticky(servers(EVEN), 2000)));
    const [silent, talking] = [freshPorts(1), freshPorts(1)];
    await bench.connect(silent, 1, { ...target, sources: ['10.9.2.1'] });
    const [server] = await bench.connect(talking, 1, { ...target, sources: ['10.9.2.2'] });
    for (let i = 0; i < 3; i++) {
      await until(900);
      expect(await bench.ask(talking, 1)).toEqual([server]);
    }
    expect(await left('10.9.2.1')).toBeUndefined();
    expect(await left('10.9.2.2')).toBeGreaterThan(1000);
  });

  test('whoever has only sent a SYN is remembered for seconds; who goes on, for the whole time', async () => {
    const web = sticky();
    const refusing = { ...web, ports: [...web.ports, 81] };
    await bench.apply(only(refusing));
    const from = (client: string, port: number) => ({ ...target, port, sources: [client] });
    // Nobody listens there: the answer is RST, and nothing follows it.
    expect(await bench.connect(freshPorts(1), 1, from('10.9.2.9', 81))).toEqual(['ECONNREFUSED']);
    expect(await left('10.9.2.9')).toBeGreaterThan(5000);
    expect(await left('10.9.2.9')).toBeLessThanOrEqual(10_000);
    const [server] = await bench.connect(freshPorts(1), 1, from('10.9.2.9', 80));
    expect(await left('10.9.2.9')).toBeGreaterThan(500_000);
    await bench.connect(freshPorts(1), 1, from('10.9.2.9', 81));
    expect(await left('10.9.2.9')).toBeGreaterThan(500_000);
    expect(await bench.connect(freshPorts(1), 1, from('10.9.2.9', 80))).toEqual([server]);
  });

  test('a client of another director is forgotten in the time that was said, unless it sends something', async () => {
    await bench.apply(only(sticky(servers(EVEN), 2000)));
    const server = servers(EVEN)[0]!.address;
    const clients = ['10.9.2.21', '10.9.2.22'].map((client) => ({ client: ipv4(client), server, expiresIn: 1000 }));
    await bench.remember('web', clients);
    await bench.connect(freshPorts(1), 1, { ...target, sources: ['10.9.2.22'] });
    await until(1200);
    expect(await left('10.9.2.21')).toBeUndefined();
    expect(await left('10.9.2.22')).toBeGreaterThan(300);
  });

  test('60,000 clients of another director are remembered, and can be read', { timeout: 60_000 }, async () => {
    await bench.apply(only(sticky()));
    const server = servers(EVEN)[0]!.address;
    const clients = Array.from({ length: 60_000 }, (_, n) => ({ client: 0x0b000000 + n, server, expiresIn: 600_000 }));
    await bench.remember('web', clients);
    const found = await bench.clients('web');
    expect(found.filter(({ client }) => client >>> 24 === 11)).toHaveLength(60_000);
    const again = performance.now();
    await bench.remember(
      'web',
      clients.map((one) => ({ ...one, expiresIn: 1000 })),
    );
    expect(performance.now() - again).toBeLessThan(20_000);
    await nft('flush map ip sluice_v1 clients_web\n');
  });

  test('a UDP client is remembered for the whole time from its first packet on', async () => {
    await bench.apply(only({ ...sticky(), protocol: 'udp', ports: [53] }));
    await bench.connect(freshPorts(1), 1, { vip: VIP, port: 53, protocol: 'udp', sources: ['10.9.2.8'] });
    expect(await left('10.9.2.8')).toBeGreaterThan(500_000);
  });

  test('a connection that was taken over brings its client along', async () => {
    await bench.apply(only(sticky()));
    const sport = freshPorts(1);
    const [server] = await bench.connect(sport, 1, { ...target, sources: ['10.9.2.3'] });
    await nft('flush map ip sluice_v1 clients_web\n');
    expect(await left('10.9.2.3')).toBeUndefined();
    await bench.ask(sport, 1);
    expect(await left('10.9.2.3')).toBeGreaterThan(500_000);
    expect(await bench.connect(freshPorts(3), 3, { ...target, sources: ['10.9.2.3'] })).toEqual([
      server,
      server,
      server,
    ]);
  });

  /** Until the kernel says that there is no room for one more. */
  async function fill(): Promise<void> {
    const strangers = Array.from({ length: 70_000 }, (_, i) => `172.${16 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`);
    for (let [from, size] = [0, 32_768]; size >= 1; ) {
      const elements = strangers.slice(from, from + size).map((client) => `${client} timeout 60s : 1`);
      const text = `add element ip sluice_v1 clients_web { ${elements.join(', ')} }\n`;
      const refused = await nft(text).then(
        () => false,
        () => true,
      );
      if (refused) size >>= 1;
      else from += size;
    }
  }

  test('a map that is full: new clients are served by turns, and counted; those in it keep their server', async () => {
    await bench.remove();
    await bench.apply(only(sticky()));
    const [kept] = await bench.connect(freshPorts(1), 1);
    await fill();
    const before = (await bench.counters()).services[0]!;
    const clients = ['10.9.3.1', '10.9.3.2', '10.9.3.3'];
    const answers = await bench.connect(freshPorts(9), 9, { ...target, sources: clients });
    expect(answers.filter((answer) => /^s\d$/.test(answer))).toHaveLength(9);
    const after = (await bench.counters()).services[0]!;
    expect(after.persistenceFull).toBe(before.persistenceFull + 9);
    expect(after.misses).toBe(before.misses);
    expect(await bench.connect(freshPorts(3), 3)).toEqual([kept, kept, kept]);

    // Sixty-five thousand entries that packets wrote are nothing that a turn reads.
    const begin = performance.now();
    expect(await bench.apply(only(sticky()))).toEqual({ programmed: ['web'], operations: [], drift: false });
    await nft('add table ip somebody\ndelete table ip somebody\n');
    expect((await bench.apply(only(sticky()))).operations).toEqual([]);
    expect(performance.now() - begin).toBeLessThan(500);
  });
});
