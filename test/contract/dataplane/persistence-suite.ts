/** A client keeps its server: across ports and connections, not across a server that takes no new connections. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatIpv4, type Ipv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredService } from '../../../src/core/model/dataplane.ts';
import { type Bench, CLIENT, EVEN, freshPorts, only, servers, tally, web } from './suite.ts';

const TEN_MINUTES = 600_000;

/** By turns, so that only persistence can make a client meet the same server again. */
export function sticky(list = servers(EVEN), persistence = TEN_MINUTES): DesiredService {
  return { ...web(list), scheduler: { name: 'rr' }, persistence };
}

const others = (name: string | undefined) => ['s1', 's2', 's3'].filter((server) => server !== name);

const addressOf = (name: string | undefined) => servers({ [name!]: 1 })[0]!.address;

export function persistenceContract(name: string, bench: Bench): void {
  const meet = async (count: number, sources = [CLIENT]) => {
    const answers = await bench.connect(freshPorts(count), count, {
      vip: '203.0.113.10',
      port: 80,
      protocol: 'tcp',
      sources,
    });
    return [...new Set(answers)];
  };

  describe(`persistence: ${name}`, () => {
    beforeAll(() => bench.up());
    afterAll(() => bench.down());

    test('a client meets one server whatever its ports, other clients meet others', async () => {
      const first = await bench.apply(only(sticky()));
      expect(first.programmed).toEqual(['web']);
      const [server] = await meet(1);
      expect(await meet(20)).toEqual([server]);
      const clients = Array.from({ length: 30 }, (_, i) => `10.9.1.${i + 1}`);
      const answers = await bench.connect(freshPorts(90), 90, {
        vip: '203.0.113.10',
        port: 80,
        protocol: 'tcp',
        sources: clients,
      });
      clients.forEach((_, i) => {
        expect([answers[i + 30], answers[i + 60]]).toEqual([answers[i], answers[i]]);
      });
      expect(tally(answers)).toEqual({ s1: 30, s2: 30, s3: 30 });
    });

    test('what packets have written is no drift, and not written again', async () => {
      expect(await bench.apply(only(sticky()))).toEqual({ programmed: ['web'], operations: [], drift: false });
      await bench.restart();
      const [server] = await meet(1);
      expect(await bench.apply(only(sticky()))).toEqual({ programmed: ['web'], operations: [], drift: false });
      expect(await meet(3)).toEqual([server]);
    });

    test.each(['down', 'drained'] as const)(
      'a server that is %s: its clients move, and stay where they moved',
      async (state) => {
        await bench.apply(only(sticky()));
        const sport = freshPorts(1);
        const [server] = await bench.connect(sport, 1);
        await bench.apply(only(sticky(servers(EVEN, { [server!]: state }))));
        const moved = await meet(10);
        expect(moved).toHaveLength(1);
        expect(others(server)).toContain(moved[0]);
        // The old connection lives on where it was, and does not pull the client back.
        expect(await bench.ask(sport, 1)).toEqual([server]);
        expect(await meet(3)).toEqual(moved);
        await bench.apply(only(sticky()));
        expect(await bench.ask(sport, 1)).toEqual([server]);
        expect(await meet(10)).toEqual(moved);
      },
    );

    test('a server that leaves the file is forgotten by its clients', async () => {
      await bench.apply(only(sticky()));
      const [server] = await meet(1);
      const rest = Object.fromEntries(others(server).map((one) => [one, 1]));
      await bench.apply(only(sticky(servers(rest))));
      const moved = await meet(5);
      expect(moved).toHaveLength(1);
      expect(others(server)).toContain(moved[0]);
    });

    test('another time is another rule: clients are not forgotten over it', async () => {
      await bench.apply(only(sticky()));
      const [server] = await meet(1);
      const report = await bench.apply(only(sticky(servers(EVEN), 60_000)));
      expect(report.operations).toEqual(['sluice_v1 refresh_web: write 1 rules']);
      expect(await meet(5)).toEqual([server]);
    });

    test('one entry can be asked for: the server of a client, and for how long; of a stranger nothing', async () => {
      await bench.apply(only(sticky()));
      const [server] = await meet(1);
      const entry = await bench.remembered('web', ipv4(CLIENT));
      expect(servers({ [server!]: 1 })[0]?.address).toBe(entry?.server);
      expect(entry?.expiresIn).toBeGreaterThan(TEN_MINUTES - 60_000);
      expect(entry?.expiresIn).toBeLessThanOrEqual(TEN_MINUTES);
      expect(await bench.remembered('web', ipv4('192.0.2.1'))).toBeUndefined();
      expect(await bench.remembered('nothing', ipv4(CLIENT))).toBeUndefined();
    });

    test('all entries can be asked for', async () => {
      await bench.apply(only(sticky()));
      const sources = ['10.9.4.1', '10.9.4.2', '10.9.4.3'];
      const target = { vip: '203.0.113.10', port: 80, protocol: 'tcp', sources } as const;
      const answers = await bench.connect(freshPorts(3), 3, target);
      const clients = (await bench.clients('web')).filter(({ client }) => sources.includes(formatIpv4(client)));
      const found = new Map(clients.map(({ client, server }) => [formatIpv4(client), server]));
      expect(sources.map((source) => found.get(source))).toEqual(answers.map((name) => addressOf(name)));
      for (const { expiresIn } of clients) {
        expect(expiresIn).toBeGreaterThan(TEN_MINUTES - 60_000);
        expect(expiresIn).toBeLessThanOrEqual(TEN_MINUTES);
      }
      expect(await bench.clients('nothing')).toEqual([]);
    });

    test('clients of other directors are remembered: new ones, ones that move, ones that stay for longer', async () => {
      await bench.apply(only(sticky()));
      const [server] = await meet(1);
      const [there, elsewhere] = [addressOf(server), addressOf(others(server)[0])];
      const given = (client: string, to: Ipv4, expiresIn: number) => ({ client: ipv4(client), server: to, expiresIn });
      // Known with this server for longer; known with another one; not known; of a server that nobody knows.
      await bench.remember('web', [
        given(CLIENT, there, 60_000),
        given('10.9.5.1', there, 60_000),
        given('10.9.5.2', ipv4('10.2.0.99'), 60_000),
      ]);
      expect((await bench.remembered('web', ipv4(CLIENT)))?.expiresIn).toBeGreaterThan(TEN_MINUTES - 60_000);
      expect(await bench.remembered('web', ipv4('10.9.5.1'))).toMatchObject({ server: there });
      expect((await bench.remembered('web', ipv4('10.9.5.1')))?.expiresIn).toBeLessThanOrEqual(60_000);
      expect(await bench.remembered('web', ipv4('10.9.5.2'))).toBeUndefined();
      await bench.remember('web', [given(CLIENT, elsewhere, 300_000), given('10.9.5.1', there, 120_000)]);
      expect(await bench.remembered('web', ipv4(CLIENT))).toMatchObject({ server: elsewhere });
      expect((await bench.remembered('web', ipv4('10.9.5.1')))?.expiresIn).toBeGreaterThan(60_000);
      expect(await meet(5)).toEqual([others(server)[0]]);
      expect(await meet(5, ['10.9.5.1'])).toEqual([server]);
      await bench.remember('nothing', [given(CLIENT, there, 60_000)]);
    });

    test('what was told of other directors is no drift', async () => {
      await bench.apply(only(sticky()));
      const clients = [{ client: ipv4('10.9.6.1'), server: addressOf('s1'), expiresIn: 60_000 }];
      await bench.remember('web', clients);
      expect(await bench.apply(only(sticky()))).toEqual({ programmed: ['web'], operations: [], drift: false });
    });

    test('when all are drained nobody is served, and clients are not sent where they were', async () => {
      await bench.apply(only(sticky()));
      await meet(1);
      await bench.apply(only(sticky(servers(EVEN, { s1: 'drained', s2: 'drained', s3: 'drained' }))));
      const before = (await bench.counters()).services[0]!;
      const target = { vip: '203.0.113.10', port: 80, protocol: 'tcp', timeout: 300 } as const;
      const answers = await bench.connect(freshPorts(2), 2, target);
      expect(answers.filter((answer) => /^s\d$/.test(answer))).toEqual([]);
      expect((await bench.counters()).services[0]?.misses).toBeGreaterThanOrEqual(before.misses + 2);
    });

    test('without persistence nothing of it is left', async () => {
      await bench.apply(only(sticky()));
      const report = await bench.apply(only(web(servers(EVEN))));
      expect(report.operations).toContain('sluice_v1 clients_web: delete map');
      expect(report.programmed).toEqual(['web']);
      expect(await bench.apply(only(web(servers(EVEN))))).toEqual({
        programmed: ['web'],
        operations: [],
        drift: false,
      });
    });
  });
}
