/** A service known by the mark of its packets: several ports, TCP and UDP, one choice of server. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredService } from '../../../src/core/model/dataplane.ts';
import {
  type Bench,
  EVEN,
  type FlowTarget,
  freshPorts,
  only,
  predicted,
  servers,
  tally,
  VIP,
  WEB,
  web,
} from './suite.ts';

const PORTS: readonly FlowTarget[] = [
  { vip: VIP, port: 80, protocol: 'tcp' },
  { vip: VIP, port: 443, protocol: 'tcp' },
  { vip: VIP, port: 53, protocol: 'udp' },
];

/** As the cluster file makes it: hashed by address, so that ports make no difference. */
export function marked(fwmark: number, list = servers(EVEN)): DesiredService {
  const scheduler = { name: 'mh', slots: 4099, sourcePort: false } as const;
  return { name: 'shop', vips: [ipv4(VIP)], ports: [], protocol: 'tcp', fwmark, scheduler, servers: list };
}

const CLIENTS = Array.from({ length: 60 }, (_, i) => `10.9.4.${i + 1}`);

export function fwmarkContract(name: string, bench: Bench): void {
  describe(`services by fwmark: ${name}`, () => {
    beforeAll(async () => {
      await bench.up();
      await bench.markPackets(7);
    });
    afterAll(() => bench.down());

    test('TCP and UDP and several ports of a client go to one server, the one that the hash foretells', async () => {
      const service = marked(7);
      expect((await bench.apply(only(service))).programmed).toEqual(['shop']);
      expect(await bench.apply(only(service))).toEqual({ programmed: ['shop'], operations: [], drift: false });
      for (const target of PORTS) {
        const sport = freshPorts(CLIENTS.length);
        const answers = await bench.connect(sport, CLIENTS.length, { ...target, sources: CLIENTS });
        expect(answers).toEqual(predicted(service, sport, CLIENTS.length, CLIENTS));
      }
    });

    test('the same with persistence, where turns choose the server', async () => {
      await bench.apply(only({ ...marked(7), scheduler: { name: 'rr' }, persistence: 600_000 }));
      const [first, ...others] = PORTS.map((target) => ({ ...target, sources: CLIENTS.slice(0, 9) }));
      const answers = await bench.connect(freshPorts(9), 9, first);
      expect(tally(answers)).toEqual({ s1: 3, s2: 3, s3: 3 });
      for (const target of others) expect(await bench.connect(freshPorts(9), 9, target)).toEqual(answers);
    });

    test('a mark goes before a port; packets without one go by their port', async () => {
      const byPort = web(servers({ s1: 1 }));
      await bench.apply(only(byPort, marked(7, servers({ s2: 1 }))));
      expect(await bench.connect(freshPorts(2), 2)).toEqual(['s2', 's2']);
      await bench.apply(only(byPort, marked(8, servers({ s2: 1 }))));
      expect(await bench.connect(freshPorts(2), 2)).toEqual(['s1', 's1']);
      await bench.markPackets(0xfffffffe);
      await bench.apply(only(byPort, marked(0xfffffffe, servers({ s3: 1 }))));
      expect(await bench.connect(freshPorts(2), 2)).toEqual(['s3', 's3']);
      await bench.markPackets(7);
    });

    test('counters count, and a service that goes leaves nothing', async () => {
      const service = marked(7);
      await bench.apply(only(service));
      const before = (await bench.counters()).services[0]!.newConnections;
      await bench.connect(freshPorts(5), 5, { ...WEB, sources: CLIENTS });
      expect((await bench.counters()).services[0]!.newConnections).toBeGreaterThanOrEqual(before + 5);
      const report = await bench.apply(only(web(servers(EVEN))));
      expect(report.operations).toContain('sluice_v1 fwmarks: delete map');
      expect(report.programmed).toEqual(['web']);
    });
  });
}
