/** What every data plane must do, whoever holds the tables. The benches beside this file supply the world around it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ipv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { predictServer, serviceTable } from '../../../src/core/hash/service-table.ts';
import type {
  DataplaneCounters,
  DesiredDataplane,
  DesiredServer,
  DesiredService,
  ServerState,
} from '../../../src/core/model/dataplane.ts';
import type { ApplyReport, RememberedClient, ServiceClient } from '../../../src/drivers/dataplane/port.ts';

export const VIP = '203.0.113.10';
export const OTHER_VIP = '203.0.113.11';
export const CLIENT = '10.1.0.2';
/** Where clients live beside the one, with whatever address is asked for. */
export const MANY_CLIENTS = '10.9.0.0/16';

export interface FlowTarget {
  readonly vip: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  /** Milliseconds to wait for an answer; long unless said. */
  readonly timeout?: number;
  /** What is asked; the name of the server that answers unless given. */
  readonly word?: string;
  /** Clients that take turns, instead of the one; of `MANY_CLIENTS`. */
  readonly sources?: readonly string[];
}

export const TAMPERINGS = [
  'delete-tables',
  'empty-slots',
  'delete-slot',
  'change-slot',
  'change-server',
  'change-verdict',
  'flush-rules',
  'replace-rule',
  'add-rule',
  'drop-policy',
  'add-set',
  'redeclare-map',
] as const;
export type Tampering = (typeof TAMPERINGS)[number];

export interface Bench {
  up(): Promise<void>;
  down(): Promise<void>;
  guard(desired: DesiredDataplane): Promise<readonly string[]>;
  isPresent(): Promise<boolean>;
  apply(desired: DesiredDataplane): Promise<ApplyReport>;
  counters(): Promise<DataplaneCounters>;
  remove(): Promise<unknown>;
  takeMisses(lifetime: number): Promise<unknown>;
  /** The agent dies without a word and another one starts; the kernel keeps what it has. */
  restart(): Promise<void>;
  /** New flows of the client from consecutive source ports: the name of the server that answered each. They stay open. */
  connect(sport: number, count: number, target?: FlowTarget): Promise<readonly string[]>;
  /** Asks again on flows that are open: who answers now? */
  ask(sport: number, count: number): Promise<readonly string[]>;
  /** Whose client this is, as the kernel remembers it. */
  remembered(service: string, client: Ipv4): Promise<RememberedClient | undefined>;
  /** All of them. */
  clients(service: string): Promise<readonly ServiceClient[]>;
  /** As another director has told of them. */
  remember(service: string, clients: readonly ServiceClient[]): Promise<unknown>;
  /** The operator's own rules mark packets for ports of the VIP: 80 and 443 of TCP, 53 of UDP. */
  markPackets(mark: number): Promise<void>;
  /** Somebody else writes to our tables; `web` must be in them, with three servers. */
  tamper(what: Tampering): Promise<void>;
}

export const WEB: FlowTarget = { vip: VIP, port: 80, protocol: 'tcp' };

const ADDRESSES = { s1: '10.2.0.21', s2: '10.2.0.22', s3: '10.2.0.23' } as const;
type Name = keyof typeof ADDRESSES;

export function servers(
  weights: Readonly<Partial<Record<Name, number>>>,
  states: Readonly<Partial<Record<Name, ServerState>>> = {},
): readonly DesiredServer[] {
  return (Object.entries(weights) as [Name, number][]).map(([name, weight]) => ({
    name,
    address: ipv4(ADDRESSES[name]),
    weight,
    state: states[name] ?? 'up',
  }));
}

export const EVEN = { s1: 1, s2: 1, s3: 1 } as const;

export function web(list: readonly DesiredServer[]): DesiredService {
  return { name: 'web', vips: [ipv4(VIP)], ports: [80], protocol: 'tcp', servers: list };
}

export const only = (...services: readonly DesiredService[]): DesiredDataplane => ({ services, upstream: ['front'] });

/** `sources`: clients that take turns. */
export function predicted(service: DesiredService, sport: number, count: number, sources = [CLIENT]): string[] {
  const table = serviceTable(service);
  const clients = sources.map(ipv4);
  return Array.from(
    { length: count },
    (_, i) => predictServer(table, clients[i % clients.length]!, sport + i)?.name ?? 'none',
  );
}

export function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Source ports below the range that the system itself gives out; each test takes its own. */
let nextPort = 2000;
export function freshPorts(count: number): number {
  const first = nextPort;
  nextPort += count;
  return first;
}

export function dataplaneContract(name: string, bench: Bench): void {
  describe(`data plane contract: ${name}`, () => {
    beforeAll(() => bench.up());
    afterAll(() => bench.down());

    test('the guard may come first, alone: more is added to it, nothing taken away until all is applied', async () => {
      const [one, other] = [web(servers(EVEN)), { ...web(servers(EVEN)), name: 'other', vips: [ipv4(OTHER_VIP)] }];
      expect((await bench.guard(only(one))).at(0)).toBe('sluice_guard_v1: add table');
      expect(await bench.isPresent()).toBe(false);
      expect(await bench.guard(only(one))).toEqual([]);
      expect(await bench.guard(only(other))).toEqual([`sluice_guard_v1 vips: write 1 of 2 elements (${OTHER_VIP})`]);
      expect((await bench.apply(only(one))).operations).toContain(
        `sluice_guard_v1 vips: remove 1 elements (${OTHER_VIP})`,
      );
      expect(await bench.isPresent()).toBe(true);
      expect(await bench.guard(only(one))).toEqual([]);
      await bench.remove();
    });

    test('unknown packets can be asked for once there is a table, again and again, and that changes nothing of ours', async () => {
      await expect(bench.takeMisses(1000)).rejects.toThrow('ENOENT');
      const desired = only(web(servers(EVEN)));
      await bench.apply(desired);
      for (let times = 0; times < 3; times++) await bench.takeMisses(1000);
      expect(await bench.apply(desired)).toMatchObject({ drift: false, operations: [] });
      await bench.takeMisses(1000);
      await bench.tamper('delete-slot');
      expect((await bench.apply(desired)).drift).toBe(true);
      await bench.remove();
    });

    test('what was applied is read back as programmed, and applying it again does nothing', async () => {
      const desired = only(web(servers(EVEN)));
      const first = await bench.apply(desired);
      expect(first.programmed).toEqual(['web']);
      expect(first.operations.length).toBeGreaterThan(0);
      expect(first.drift).toBe(false);
      expect(await bench.apply(desired)).toEqual({ programmed: ['web'], operations: [], drift: false });
    });

    test('new connections go by weight, 1:2:4, and exactly where the hash predicts', async () => {
      const service = web(servers({ s1: 1, s2: 2, s3: 4 }));
      await bench.apply(only(service));
      const sport = freshPorts(420);
      const answers = await bench.connect(sport, 420);
      expect(answers).toEqual(predicted(service, sport, 420));
      // Expected 60, 120 and 240; five standard deviations of the binomial are 36, 47 and 51.
      const { s1 = 0, s2 = 0, s3 = 0 } = tally(answers);
      expect(Math.abs(s1 - 60)).toBeLessThan(37);
      expect(Math.abs(s2 - 120)).toBeLessThan(48);
      expect(Math.abs(s3 - 240)).toBeLessThan(52);
    });

    test('several VIPs, several ports, TCP and UDP side by side', async () => {
      const shop = { ...web(servers(EVEN)), name: 'shop-2.eu_x', vips: [ipv4(VIP), ipv4(OTHER_VIP)], ports: [80, 443] };
      const dns: DesiredService = { ...web(servers(EVEN)), name: 'dns', ports: [53], protocol: 'udp' };
      const report = await bench.apply(only(shop, dns));
      expect(report.programmed).toEqual(['shop-2.eu_x', 'dns']);
      for (const vip of [VIP, OTHER_VIP]) {
        for (const port of [80, 443]) {
          const sport = freshPorts(20);
          expect(await bench.connect(sport, 20, { vip, port, protocol: 'tcp' })).toEqual(predicted(shop, sport, 20));
        }
      }
      const sport = freshPorts(100);
      expect(await bench.connect(sport, 100, { vip: VIP, port: 53, protocol: 'udp' })).toEqual(
        predicted(dns, sport, 100),
      );
    });

    test('a server that goes down: its new flows go elsewhere, those of others do not move, live ones stay', async () => {
      const whole = web(servers(EVEN));
      const without = web(servers(EVEN, { s2: 'down' }));
      await bench.apply(only(whole));
      const old = freshPorts(60);
      const before = await bench.connect(old, 60);
      const report = await bench.apply(only(without));
      expect(report.operations).toHaveLength(1);
      const table = serviceTable(whole);
      const owned = table.primary.filter((index) => table.servers[index]?.name === 's2').length;
      expect(report.operations[0]).toBe(`sluice_v1 slots_web: write ${owned} of 4099 elements`);

      expect(await bench.ask(old, 60)).toEqual(before);
      const sport = freshPorts(150);
      const [was, now] = [predicted(whole, sport, 150), await bench.connect(sport, 150)];
      expect(now).toEqual(predicted(without, sport, 150));
      expect(now).not.toContain('s2');
      was.forEach((server, i) => {
        if (server !== 's2') expect(now[i]).toBe(server);
      });
    });

    test('slots that are rewritten under traffic are never found empty', async () => {
      const sport = freshPorts(600);
      await bench.apply(only(web(servers(EVEN))));
      const traffic = bench.connect(sport, 600);
      let written = 0;
      for (let round = 0; round < 12; round++) {
        const down = (['s1', 's2', 's3'] as const)[round % 3]!;
        written += (await bench.apply(only(web(servers(EVEN, { [down]: 'down' }))))).operations.length;
      }
      expect(written).toBe(12);
      expect(Object.keys(tally(await traffic)).sort()).toEqual(['s1', 's2', 's3']);
      expect((await bench.counters()).services[0]?.misses).toBe(0);
    });

    test('a drained server keeps its connections, also when it leaves the file', async () => {
      await bench.apply(only(web(servers(EVEN))));
      const old = freshPorts(60);
      const before = await bench.connect(old, 60);
      expect(before).toContain('s3');
      await bench.apply(only(web(servers(EVEN, { s3: 'drained' }))));
      expect(await bench.ask(old, 60)).toEqual(before);
      await bench.apply(only(web(servers({ s1: 1, s2: 1 }))));
      expect(await bench.ask(old, 60)).toEqual(before);
      const sport = freshPorts(60);
      expect(await bench.connect(sport, 60)).not.toContain('s3');
    });

    test('an agent that starts adopts what it finds: no operation, no connection lost', async () => {
      const desired = only(web(servers(EVEN)));
      await bench.apply(desired);
      const sport = freshPorts(40);
      const before = await bench.connect(sport, 40);
      await bench.restart();
      expect(await bench.ask(sport, 40)).toEqual(before);
      expect(await bench.apply(desired)).toEqual({ programmed: ['web'], operations: [], drift: false });
      expect(await bench.ask(sport, 40)).toEqual(before);
    });

    test.each(TAMPERINGS)('drift (%s) is reported and repaired, and connections live on', async (what) => {
      const service = web(servers(EVEN));
      await bench.apply(only(service));
      const old = freshPorts(20);
      const before = await bench.connect(old, 20);
      await bench.tamper(what);
      const report = await bench.apply(only(service));
      expect(report.drift).toBe(true);
      expect(report.programmed).toEqual(['web']);
      expect(report.operations.length).toBeGreaterThan(0);
      expect(await bench.apply(only(service))).toEqual({ programmed: ['web'], operations: [], drift: false });
      expect(await bench.ask(old, 20)).toEqual(before);
      const sport = freshPorts(20);
      expect(await bench.connect(sport, 20)).toEqual(predicted(service, sport, 20));
    });

    test('counters count: connections, packets and bytes, per server and per service, and survive a change', async () => {
      await bench.remove();
      await bench.apply(only(web(servers(EVEN))));
      const sport = freshPorts(90);
      const answers = tally(await bench.connect(sport, 90));
      const { services, servers: perServer } = await bench.counters();
      for (const counters of perServer) {
        const connections = answers[counters.server] ?? 0;
        expect(counters.newConnections).toBe(connections);
        expect(counters.packetsIn).toBeGreaterThanOrEqual(connections);
        expect(counters.packetsOut).toBeGreaterThanOrEqual(connections);
        expect(counters.bytesIn).toBeGreaterThan(counters.packetsIn * 20);
        expect(counters.bytesOut).toBeGreaterThan(counters.packetsOut * 20);
      }
      expect(services[0]).toMatchObject({ service: 'web', newConnections: 90, misses: 0 });
      const sum = perServer.reduce((total, counters) => total + counters.packetsIn, 0);
      expect(services[0]?.packetsIn).toBe(sum);

      await bench.apply(only(web(servers({ s1: 1, s2: 1 }))));
      const later = await bench.counters();
      expect(later.services[0]?.newConnections).toBe(90);
      expect(later.services[0]?.packetsIn).toBeGreaterThanOrEqual(sum);
      expect(later.servers.map((counters) => counters.server)).toEqual(['s1', 's2']);
    });
  });
}
