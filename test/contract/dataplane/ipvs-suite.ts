/** What the IPVS data plane must do, in memory and in a kernel. The benches supply the world around it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { flowChooser } from '../../../src/core/hash/flow-choice.ts';
import type { DesiredDataplane, DesiredService, ServerCounters } from '../../../src/core/model/dataplane.ts';
import {
  type Bench,
  CLIENT,
  EVEN,
  type FlowTarget,
  freshPorts,
  OTHER_VIP,
  only,
  servers,
  tally,
  VIP,
  WEB,
  web,
} from './suite.ts';

export interface IpvsBench extends Omit<Bench, 'tamper' | 'remembered' | 'clients' | 'remember'> {
  /** Of the director; undefined = none. */
  readonly kernel: string | undefined;
  /** Somebody else changes IPVS, by lines as `ipvsadm -R` reads them. */
  byHand(rules: string): Promise<void>;
  /** All that IPVS has, as `ipvsadm -S -n` writes it. */
  listing(): Promise<readonly string[]>;
  /** A program on the director. Throws when it fails. */
  said(argv: readonly string[], input?: string): Promise<string>;
}

const FOREIGN = '-A -u 192.0.2.1:53 -s rr';
const AT = `-t ${VIP}:80`;

export const ofIpvs = (...services: readonly DesiredService[]): DesiredDataplane => ({
  ...only(...services),
  plane: 'ipvs',
});

/** Who should get flows from consecutive ports, by the kernel's own hash. */
function predicted(service: DesiredService, sport: number, count: number, target: FlowTarget = WEB): string[] {
  const choose = flowChooser(service, 'ipvs');
  return Array.from({ length: count }, (_, i) => {
    const client = ipv4(target.sources?.[i % target.sources.length] ?? CLIENT);
    return choose(client, sport + i, target.port).server?.name ?? 'none';
  });
}

const DONE = { programmed: ['web'], operations: [], drift: false };

/** `more`: what the bench has beside. */
export function ipvsContract(name: string, bench: IpvsBench, more: () => void = () => {}): void {
  describe(`ipvs contract: ${name}`, () => {
    beforeAll(() => bench.up());
    afterAll(() => bench.down());

    test('what was applied is read back as programmed, and applying it again does nothing', async () => {
      const desired = ofIpvs(web(servers(EVEN)));
      expect(await bench.guard(desired)).not.toEqual([]);
      expect(await bench.isPresent()).toBe(false);
      const first = await bench.apply(desired);
      expect(first).toMatchObject({ programmed: ['web'], drift: false });
      expect(first.operations).toContain(`ipvs tcp ${VIP}:80: add service (no scheduler yet)`);
      expect(await bench.apply(desired)).toMatchObject(DONE);
      expect(await bench.isPresent()).toBe(true);
    });

    test('new connections go by weight, 1:2:4, and exactly where the kernel’s hash is computed to send them', async () => {
      const service = web(servers({ s1: 1, s2: 2, s3: 4 }));
      await bench.apply(ofIpvs(service));
      const sport = freshPorts(210);
      const answers = await bench.connect(sport, 210);
      expect(answers).toEqual(predicted(service, sport, 210));
      // Expected 30, 60 and 120; five standard deviations of the binomial are 26, 33 and 36.
      const { s1 = 0, s2 = 0, s3 = 0 } = tally(answers);
      expect(Math.abs(s1 - 30)).toBeLessThan(26);
      expect(Math.abs(s2 - 60)).toBeLessThan(33);
      expect(Math.abs(s3 - 120)).toBeLessThan(36);
    });

    test('several VIPs, several ports, TCP and UDP side by side', async () => {
      const shop = { ...web(servers(EVEN)), name: 'shop-2.eu_x', vips: [ipv4(VIP), ipv4(OTHER_VIP)], ports: [80, 443] };
      const dns: DesiredService = { ...web(servers(EVEN)), name: 'dns', ports: [53], protocol: 'udp' };
      expect((await bench.apply(ofIpvs(shop, dns))).programmed).toEqual(['shop-2.eu_x', 'dns']);
      for (const vip of [VIP, OTHER_VIP]) {
        for (const port of [80, 443]) {
          const [sport, target] = [freshPorts(20), { vip, port, protocol: 'tcp' } as const];
          expect(await bench.connect(sport, 20, target)).toEqual(predicted(shop, sport, 20, target));
        }
      }
      const [sport, target] = [freshPorts(50), { vip: VIP, port: 53, protocol: 'udp' } as const];
      expect(await bench.connect(sport, 50, target)).toEqual(predicted(dns, sport, 50, target));
    });

    test('a server that goes down: its new flows go elsewhere, those of others do not move, live ones stay', async () => {
      const whole = web(servers(EVEN));
      const without = web(servers(EVEN, { s2: 'down' }));
      await bench.apply(ofIpvs(whole));
      const old = freshPorts(60);
      const before = await bench.connect(old, 60);
      expect((await bench.apply(ofIpvs(without))).operations).toEqual([
        `ipvs tcp ${VIP}:80: set 10.2.0.22:80 (masquerading, weight 0)`,
      ]);
      expect(await bench.ask(old, 60)).toEqual(before);
      const sport = freshPorts(100);
      const [was, now] = [predicted(whole, sport, 100), await bench.connect(sport, 100)];
      expect(now).toEqual(predicted(without, sport, 100));
      expect(now).not.toContain('s2');
      was.forEach((server, i) => {
        if (server !== 's2') expect(now[i]).toBe(server);
      });
    });

    test('a drained server keeps its connections, also when it leaves the file', async () => {
      await bench.apply(ofIpvs(web(servers(EVEN))));
      const old = freshPorts(60);
      const before = await bench.connect(old, 60);
      expect(before).toContain('s3');
      await bench.apply(ofIpvs(web(servers(EVEN, { s3: 'drained' }))));
      expect(await bench.ask(old, 60)).toEqual(before);
      const left = ofIpvs(web(servers({ s1: 1, s2: 1 })));
      expect((await bench.apply(left)).programmed).toEqual(['web']);
      expect(await bench.ask(old, 60)).toEqual(before);
      expect(await bench.apply(left)).toMatchObject(DONE);
      expect(await bench.connect(freshPorts(60), 60)).not.toContain('s3');
    });

    test('servers that come change places in the kernel’s list, and no connection ends', async () => {
      await bench.remove();
      await bench.apply(ofIpvs(web(servers({ s1: 1, s2: 1 }))));
      const old = freshPorts(60);
      const before = await bench.connect(old, 60);
      const { operations } = await bench.apply(ofIpvs(web(servers(EVEN))));
      expect(operations.filter((line) => line.includes('in its place'))).not.toEqual([]);
      expect(await bench.ask(old, 60)).toEqual(before);
      const sport = freshPorts(60);
      expect(await bench.connect(sport, 60)).toEqual(predicted(web(servers(EVEN)), sport, 60));
    });

    test('an agent that starts adopts what it finds: no operation, nothing rewritten, no connection lost', async () => {
      const desired = ofIpvs(web(servers(EVEN, { s2: 'down' })));
      await bench.apply(desired);
      const sport = freshPorts(40);
      const before = await bench.connect(sport, 40);
      const listing = await bench.listing();
      await bench.restart();
      expect(await bench.ask(sport, 40)).toEqual(before);
      expect(await bench.apply(desired)).toMatchObject(DONE);
      expect(await bench.listing()).toEqual(listing);
      expect(await bench.ask(sport, 40)).toEqual(before);
    });

    test.each([
      ['everything is gone', '-C'],
      ['a service is gone', `-D ${AT}`],
      ['a server is gone', `-d ${AT} -r 10.2.0.21:80`],
      ['another weight', `-e ${AT} -r 10.2.0.21:80 -m -w 7`],
      ['a bound', `-e ${AT} -r 10.2.0.21:80 -m -w 1 -x 5000`],
      ['a strange server', `-a ${AT} -r 10.2.0.99:80 -m -w 1`],
      ['another scheduler', `-E ${AT} -s rr`],
      ['flags of the scheduler', `-E ${AT} -s mh`],
    ])('drift (%s) is reported and repaired, and connections live on', async (_, rules) => {
      const service = web(servers(EVEN));
      await bench.apply(ofIpvs(service));
      const old = freshPorts(20);
      const before = await bench.connect(old, 20);
      await bench.byHand(`${rules}\n`);
      const report = await bench.apply(ofIpvs(service));
      expect(report).toMatchObject({ drift: true, programmed: ['web'] });
      expect(report.operations).not.toEqual([]);
      expect(await bench.apply(ofIpvs(service))).toMatchObject(DONE);
      expect(await bench.ask(old, 20)).toEqual(before);
      const sport = freshPorts(20);
      expect(await bench.connect(sport, 20)).toEqual(predicted(service, sport, 20));
    });

    test('a foreign service survives every turn, and the removal of ours', async () => {
      const desired = ofIpvs(web(servers(EVEN)));
      await bench.apply(desired);
      await bench.byHand(`${FOREIGN}\n`);
      const foreign = ['udp 192.0.2.1:53'];
      expect(await bench.apply(desired)).toMatchObject({ ...DONE, foreign });
      expect(await bench.apply(ofIpvs())).toMatchObject({ foreign });
      await bench.apply(desired);
      await bench.remove();
      expect(await bench.listing()).toEqual([FOREIGN]);
      await bench.byHand('-D -u 192.0.2.1:53\n');
    });

    test.each([
      ['rr', { s1: 20, s2: 20, s3: 20 }],
      ['wrr', { s1: 10, s2: 20, s3: 30 }],
    ] as const)('%s: exactly as its definition says', async (scheduler, shares) => {
      await bench.apply(ofIpvs({ ...web(servers({ s1: 1, s2: 2, s3: 3 })), scheduler: { name: scheduler } }));
      expect(tally(await bench.connect(freshPorts(60), 60))).toEqual(shares);
    });

    test('counters count: connections, packets and bytes, per server and per service', async () => {
      // A service that no other test has: for two minutes the kernel gives a server that comes back what it had counted before.
      const target = { vip: OTHER_VIP, port: 53, protocol: 'tcp' } as const;
      await bench.apply(ofIpvs({ ...web(servers(EVEN)), vips: [ipv4(OTHER_VIP)], ports: [53] }));
      const answers = tally(await bench.connect(freshPorts(60), 60, target));
      // The kernel adds up what its processors have counted every two seconds.
      await expect
        .poll(async () => (await bench.counters()).services[0]?.newConnections, { timeout: 8000, interval: 500 })
        .toBe(60);
      const { services, servers: perServer } = await bench.counters();
      const sum = (of: keyof ServerCounters) => perServer.reduce((total, one) => total + Number(one[of]), 0);
      for (const counters of perServer) expect(counters.newConnections).toBe(answers[counters.server] ?? 0);
      expect(services[0]?.packetsIn).toBe(sum('packetsIn'));
      expect(sum('bytesIn')).toBeGreaterThan(sum('packetsIn') * 20);
      expect(sum('bytesOut')).toBeGreaterThan(sum('packetsOut') * 20);
    });

    more();
  });
}
