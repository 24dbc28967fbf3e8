/** What every data plane must do for FullNAT services. The benches supply the world around it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { flowPredictor } from '../../../src/core/hash/flow-prediction.ts';
import { jhashWords } from '../../../src/core/hash/jhash.ts';
import { ownBlocks } from '../../../src/core/hash/lips.ts';
import { BLOCK_PORTS } from '../../../src/core/hash/port-blocks.ts';
import type { DesiredDataplane, DesiredService } from '../../../src/core/model/dataplane.ts';
import type { ConntrackStatistics } from '../../../src/core/netlink/conntrack-statistics.ts';
import { THOROUGH } from '../../sizes.ts';
import { type Bench, EVEN, type FlowTarget, only, servers, VIP, web } from './suite.ts';

/** Addresses of the client's, all of them on its link to the directors. */
export const CLIENTS = ['10.1.0.2', '10.1.0.101', '10.1.0.102', '10.1.0.103'] as const;

/** The one that servers can answer to. */
export const NAT_CLIENT = CLIENTS[3];

/** The range from which Linux gives out ports. */
export const FIRST_LINUX_PORT = 32_768;

export interface FullnatBench extends Bench {
  /**
   * New flows of a client from consecutive ports. They stay open.
   *
   * @param patience how long an answer is waited for, in milliseconds
   * @returns for each the server, and whom it sees: `s1 10.8.0.1:2048`; else `none` or `timeout`
   */
  seen(client: string, sport: number, count: number, target: FlowTarget, patience?: number): Promise<readonly string[]>;
  /** One datagram from each of these ports, which nobody answers. */
  cast(client: string, sport: number, count: number, target: FlowTarget): Promise<unknown>;
  statistics(): Promise<ConntrackStatistics>;
}

export const LIP = { d1: '10.3.0.1', d2: '10.3.0.2', d3: '10.3.0.3', shared: '10.8.0.1' } as const;
const NAMES = ['d1', 'd2', 'd3'] as const;

/** `d1`'s data plane, with an address of its own for each director. */
export function ofDirectors(...services: readonly DesiredService[]): DesiredDataplane {
  const directors = NAMES.map((name) => ({ name, local: [ipv4(LIP[name])] }));
  return { ...only(...services), self: 'd1', members: NAMES, local: { directors, shared: [] } };
}

/** The same with one address for all of them. */
export function ofAll(...services: readonly DesiredService[]): DesiredDataplane {
  const directors = NAMES.map((name) => ({ name, local: [] }));
  return { ...only(...services), self: 'd1', members: NAMES, local: { directors, shared: [ipv4(LIP.shared)] } };
}

/** One address for sixteen: three or four of its blocks are `d1`'s. */
export function ofSixteen(...services: readonly DesiredService[]): DesiredDataplane {
  const directors = Array.from({ length: 16 }, (_, i) => ({ name: `d${i + 1}`, local: [] }));
  const local = { directors, shared: [ipv4(LIP.shared)] };
  return { ...only(...services), self: 'd1', members: directors.map(({ name }) => name), local };
}

export const TCP: DesiredService = { ...web(servers(EVEN)), fullnat: true };
export const UDP: DesiredService = { ...web(servers(EVEN)), name: 'dns', protocol: 'udp', ports: [53], fullnat: true };
export const TO_TCP: FlowTarget = { vip: VIP, port: 80, protocol: 'tcp' };
export const TO_UDP: FlowTarget = { vip: VIP, port: 53, protocol: 'udp' };

/** What the servers should see of flows from consecutive ports, in the words of `seen`. */
function predicted(
  desired: DesiredDataplane,
  service: DesiredService,
  client: string,
  sport: number,
  count: number,
): string[] {
  const predict = flowPredictor(desired, service);
  return Array.from({ length: count }, (_, i) => {
    const { server, source } = predict(ipv4(client), sport + i);
    return `${server?.name} ${source && formatIpv4(source.address)}:${source?.port}`;
  });
}

/** Share of the answers that are as predicted. */
export function agreement(seen: readonly string[], expected: readonly string[]): number {
  return seen.filter((one, i) => one === expected[i]).length / expected.length;
}

/** `ADDRESS block` of what a server sees. */
function blockSeen(seen: string): string {
  const [, address, port] = /^s\d (\S+):(\d+)$/.exec(seen) ?? [];
  return `${address} ${Math.floor(Number(port) / 1024) - 1}`;
}

/** Every flow of a test has ports of its own. */
let nextPort = FIRST_LINUX_PORT;
export function linuxPorts(count: number): number {
  const first = nextPort;
  nextPort += count;
  return first;
}

/** Ports of a row follow one another. */
const ROW = 16;
const FIRST_SCATTERED_PORT = 45_000;
/** Up to 60,999, the last port that Linux gives out. */
const ROWS = 1000;
const ROW_SEED = 1;

/** First ports of rows in random order, always the same; none comes twice. */
function* scatteredRows(): Generator<number> {
  const rows = new Set<number>();
  for (let i = 0; rows.size < ROWS; i++) {
    const row = jhashWords([i], ROW_SEED) % ROWS;
    if (!rows.has(row)) yield FIRST_SCATTERED_PORT + row * ROW;
    rows.add(row);
  }
}

/**
 * Flows of every client from rows of ports all over a range, as many of each. Ports that follow one another have places of
 * their own in a block: equal or adjoining ranges of all clients collide more, or less, than what clients choose by chance.
 */
export async function scatteredFlows(
  bench: FullnatBench,
  target: FlowTarget,
  desired: DesiredDataplane,
  service: DesiredService,
  flows: number,
): Promise<{ readonly seen: readonly string[]; readonly expected: readonly string[] }> {
  const seen: string[] = [];
  const expected: string[] = [];
  for (const sport of scatteredRows()) {
    if (seen.length >= flows) break;
    const client = CLIENTS[(seen.length / ROW) % CLIENTS.length]!;
    seen.push(...(await bench.seen(client, sport, ROW, target)));
    expected.push(...predicted(desired, service, client, sport, ROW));
  }
  return { seen, expected };
}

/** Of those that are not as predicted the ones whose place no other flow has: nothing but that may be a reason. */
export function unexplained(seen: readonly string[], expected: readonly string[]): string[] {
  const used = new Set(seen);
  return expected.filter((one, i) => one !== seen[i] && !used.has(one));
}

export function fullnatContract(name: string, bench: FullnatBench): void {
  describe(`FullNAT: ${name}`, () => {
    beforeAll(() => bench.up());
    afterAll(() => bench.down());

    test('what was applied is read back as programmed, and applying it again does nothing', async () => {
      const desired = ofDirectors(TCP, UDP);
      expect((await bench.apply(desired)).programmed).toEqual(['web', 'dns']);
      expect(await bench.apply(desired)).toEqual({ programmed: ['web', 'dns'], operations: [], drift: false });
    });

    test.each([
      ['TCP', TCP, TO_TCP],
      ['UDP', UDP, TO_UDP],
    ] as const)(
      '%s flows reach the servers from own ports, as predicted: 99 in 100 at a fill of 1 in 100',
      async (_, service, target) => {
        const desired = ofDirectors(TCP, UDP);
        await bench.apply(desired);
        // One LIP: 64,512 ports to each of three servers. Half a flow in 100 finds its port used by an earlier one.
        const { seen, expected } = await scatteredFlows(bench, target, desired, service, THOROUGH ? 1936 : 320);
        const own = new Set(ownBlocks(desired).map(({ address, block }) => `${formatIpv4(address)} ${block}`));
        expect(seen.filter((one) => !own.has(blockSeen(one)))).toEqual([]);
        expect(unexplained(seen, expected)).toEqual([]);
        expect(agreement(seen, expected)).toBeGreaterThanOrEqual(0.99);
      },
    );

    test('ports of a shared address are taken from own blocks only', async () => {
      const desired = ofAll(TCP, UDP);
      await bench.apply(desired);
      const sport = linuxPorts(100);
      const answers = await bench.seen(CLIENTS[0], sport, 100, TO_UDP);
      const own = new Set(ownBlocks(desired).map(({ address, block }) => `${formatIpv4(address)} ${block}`));
      expect(own.size).toBe(21);
      expect(answers.filter((one) => !own.has(blockSeen(one)))).toEqual([]);
    });

    test('when blocks move, flows that are open go on, and new ones come from the new blocks', async () => {
      const [before, after] = [ofAll(TCP), { ...ofAll(TCP), members: ['d1', 'd2'] }];
      await bench.apply(before);
      const old = linuxPorts(40);
      const seen = await bench.seen(CLIENTS[0], old, 40, TO_TCP);
      const { operations } = await bench.apply(after);
      expect(operations.filter((line) => !line.startsWith('sluice_v1 blocks: '))).toEqual([]);
      expect(await bench.ask(old, 40)).toEqual(seen.map((one) => one.split(' ')[0]));
      const sport = linuxPorts(60);
      const fresh = await bench.seen(CLIENTS[0], sport, 60, TO_TCP);
      expect(agreement(fresh, predicted(after, TCP, CLIENTS[0], sport, 60))).toBeGreaterThan(0.9);
    });

    test('a service beside it that is not FullNAT: its servers see the client', async () => {
      await bench.apply(ofDirectors(UDP, { ...TCP, fullnat: false }));
      const sport = linuxPorts(20);
      const answers = await bench.seen(NAT_CLIENT, sport, 20, TO_TCP);
      expect(answers.map((one) => one.split(' ')[1])).toEqual(answers.map((_, i) => `${NAT_CLIENT}:${sport + i}`));
    });

    test('without a port block nothing reaches a server, and it is counted', async () => {
      await bench.apply({ ...ofDirectors(UDP), members: ['d2', 'd3'] });
      const before = (await bench.counters()).fullnat.noBlock;
      expect(await bench.seen(CLIENTS[0], linuxPorts(3), 3, TO_UDP, 400)).toEqual(['timeout', 'timeout', 'timeout']);
      expect((await bench.counters()).fullnat.noBlock).toBe(before + 3);
    });

    test('when the ports of the own blocks are used up connections are dropped, and counted', async () => {
      const service = { ...UDP, servers: servers({ s2: 1 }) };
      const desired = ofSixteen(service);
      await bench.apply(desired);
      const ports = ownBlocks(desired).length * BLOCK_PORTS;
      expect(ports).toBeLessThanOrEqual(4 * BLOCK_PORTS);
      const before = await bench.statistics();
      const each = ports / CLIENTS.length + 100;
      const sport = linuxPorts(each);
      for (const client of CLIENTS) await bench.cast(client, sport, each, TO_UDP);
      const { insertFailed, drop } = await bench.statistics();
      expect(insertFailed - before.insertFailed).toBeGreaterThanOrEqual(CLIENTS.length * 100);
      expect(drop - before.drop).toBeGreaterThanOrEqual(CLIENTS.length * 100);
    });

    test('an agent that starts adopts what it finds', async () => {
      const desired = ofDirectors(TCP);
      await bench.apply(desired);
      await bench.restart();
      expect(await bench.apply(desired)).toEqual({ programmed: ['web'], operations: [], drift: false });
    });
  });
}
