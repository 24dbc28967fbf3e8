/** What direct routing must do, whoever holds the tables. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DesiredDirect, DesiredServer, DesiredService } from '../../../src/core/model/dataplane.ts';
import { type Bench, EVEN, freshPorts, only, predicted, servers, VIP, web } from './suite.ts';

/** On the wire that directors and servers share. */
const WAY: DesiredDirect = { device: 'back' };
const STICKY: DesiredDirect = { ...WAY, sticky: 60_000 };

export function direct(list: readonly DesiredServer[], way: DesiredDirect = WAY): DesiredService {
  return { ...web(list), direct: way };
}

export function sticky(list: readonly DesiredServer[]): DesiredService {
  return direct(list, STICKY);
}

export function directNames(way: DesiredDirect = WAY): DesiredService {
  return { ...direct(servers(EVEN), way), name: 'dns', ports: [53], protocol: 'udp' };
}

export function directContract(name: string, bench: Bench): void {
  describe(`direct routing contract: ${name}`, () => {
    beforeAll(() => bench.up());
    afterAll(() => bench.down());

    test('what was applied is read back as programmed, and applying it again does nothing', async () => {
      const desired = only(direct(servers(EVEN)), directNames(STICKY));
      expect((await bench.apply(desired)).programmed).toEqual(['web', 'dns']);
      expect(await bench.apply(desired)).toEqual({ programmed: ['web', 'dns'], operations: [], drift: false });
      await bench.restart();
      expect(await bench.apply(desired)).toEqual({ programmed: ['web', 'dns'], operations: [], drift: false });
    });

    test('flows go exactly where the hash predicts, by weight', async () => {
      const service = direct(servers({ s1: 1, s2: 2, s3: 4 }));
      await bench.apply(only(service, directNames()));
      const sport = freshPorts(1000);
      expect(await bench.connect(sport, 1000)).toEqual(predicted(service, sport, 1000));
      const dns = freshPorts(1000);
      const target = { vip: VIP, port: 53, protocol: 'udp' } as const;
      expect(await bench.connect(dns, 1000, target)).toEqual(predicted(directNames(), dns, 1000));
    });

    test('flows of a drained server that are sticky stay there, and new ones go elsewhere', async () => {
      await bench.apply(only(sticky(servers(EVEN))));
      const old = freshPorts(60);
      const before = await bench.connect(old, 60);
      const drained = sticky(servers(EVEN, { s3: 'drained' }));
      await bench.apply(only(drained));
      expect(await bench.ask(old, 60)).toEqual(before);
      await bench.apply(only(sticky(servers({ s1: 1, s2: 1 }))));
      expect(await bench.ask(old, 60)).toEqual(before);
      const sport = freshPorts(60);
      expect(await bench.connect(sport, 60)).not.toContain('s3');
    });

    test('connections, packets and bytes towards servers are counted; answers pass the director by', async () => {
      await bench.remove();
      await bench.apply(only(direct(servers(EVEN))));
      const sport = freshPorts(90);
      const answers = await bench.connect(sport, 90);
      const { services, servers: perServer } = await bench.counters();
      for (const counters of perServer) {
        const connections = answers.filter((server) => server === counters.server).length;
        expect(counters.newConnections).toBe(connections);
        expect(counters.packetsIn).toBeGreaterThanOrEqual(2 * connections);
        expect(counters.bytesIn).toBeGreaterThan(counters.packetsIn * 20);
        expect(counters.packetsOut).toBe(0);
      }
      expect(services[0]).toMatchObject({ service: 'web', newConnections: 90, misses: 0, packetsOut: 0 });
      expect(services[0]?.packetsIn).toBe(perServer.reduce((sum, { packetsIn }) => sum + packetsIn, 0));
    });

    test('when every server is drained packets are dropped, and counted', async () => {
      await bench.apply(only(direct(servers(EVEN, { s1: 'drained', s2: 'drained', s3: 'drained' }))));
      const before = (await bench.counters()).services[0]!.misses;
      const answers = await bench.connect(freshPorts(2), 2, { vip: VIP, port: 80, protocol: 'tcp' });
      expect(answers.filter((answer) => /^s/.test(answer))).toEqual([]);
      expect((await bench.counters()).services[0]!.misses).toBeGreaterThan(before);
    });

    test('a service goes over to translation and back', async () => {
      for (const service of [web(servers(EVEN)), direct(servers(EVEN))]) {
        expect((await bench.apply(only(service))).programmed).toEqual(['web']);
        expect((await bench.apply(only(service))).operations).toEqual([]);
      }
      const sport = freshPorts(20);
      expect(await bench.connect(sport, 20)).toEqual(predicted(web(servers(EVEN)), sport, 20));
    });
  });
}
