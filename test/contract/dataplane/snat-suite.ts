/** What every data plane must do for connections that servers open to the outside. The benches supply the world around it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { poolOwners } from '../../../src/core/dataplane/rules/egress.ts';
import { sourcePredictor } from '../../../src/core/hash/flow-prediction.ts';
import { blocksOf } from '../../../src/core/hash/port-blocks.ts';
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import { ADDRESS_OF } from './netns.ts';
import { type Bench, EVEN, freshPorts, only, predicted, servers, web } from './suite.ts';

export type Server = keyof typeof ADDRESS_OF;
export type Protocol = 'tcp' | 'udp';

export interface SnatBench extends Bench {
  /**
   * Connections that a server opens to the outside from consecutive ports.
   *
   * @returns for each the `ADDRESS:PORT` that the outside sees, or `timeout`
   */
  leave(server: Server, protocol: Protocol, sport: number, count: number): Promise<readonly string[]>;
  /** Somebody lists the chain that translates, and loads the listing. */
  reload(): Promise<void>;
}

export const POOL = ['198.51.100.20', '198.51.100.21'] as const;
const NAMES = ['d1', 'd2', 'd3'];
const OUT = { name: 'out', from: { address: ipv4('10.2.0.0'), length: 24 }, pool: POOL.map(ipv4) };
const WEB = web(servers(EVEN));

/** A data plane with one service and one pool, of one of three directors. */
export function withPool(self = 'd1', members: readonly string[] = NAMES): DesiredDataplane {
  const directors = NAMES.map((name) => ({ name, local: [] }));
  return { ...only(WEB), self, members, local: { directors, shared: [] }, egress: { links: ['front'], pools: [OUT] } };
}

/** What the outside should see, in the words of `leave`. */
export function seenOutside(desired: DesiredDataplane, server: Server, sport: number, count: number): string[] {
  const owners = poolOwners(desired, OUT);
  const predict = owners && sourcePredictor(owners, desired.self ?? '');
  return Array.from({ length: count }, (_, i) => {
    const source = predict?.(ipv4(ADDRESS_OF[server]), sport + i);
    return source === undefined ? 'timeout' : `${formatIpv4(source.address)}:${source.port}`;
  });
}

/** `ADDRESS block` of what the outside sees. */
function blockSeen(seen: string): string {
  const [address, port] = seen.split(':');
  return `${address} ${Math.floor(Number(port) / 1024) - 1}`;
}

export function snatContract(name: string, bench: SnatBench): void {
  describe(`SNAT: ${name}`, () => {
    beforeAll(() => bench.up());
    afterAll(() => bench.down());

    test('what was applied is read back as programmed, and applying it again or after a restart does nothing', async () => {
      expect((await bench.apply(withPool())).programmed).toEqual(['web']);
      const same = { programmed: ['web'], operations: [], drift: false };
      expect(await bench.apply(withPool())).toEqual(same);
      await bench.restart();
      expect(await bench.apply(withPool())).toEqual(same);
    });

    test.each(['tcp', 'udp'] as const)('%s leaves from own blocks of the pool, as predicted', async (protocol) => {
      const desired = withPool();
      await bench.apply(desired);
      const owners = poolOwners(desired, OUT)!;
      const own = new Set(blocksOf(owners, 'd1').map(({ address, block }) => `${formatIpv4(address)} ${block}`));
      expect(own.size).toBe(42);
      for (const server of ['s1', 's2'] as const) {
        const sport = freshPorts(60);
        const seen = await bench.leave(server, protocol, sport, 60);
        expect(seen.filter((one) => !own.has(blockSeen(one)))).toEqual([]);
        const expected = seenOutside(desired, server, sport, 60);
        expect(seen.filter((one, i) => one === expected[i]).length).toBeGreaterThanOrEqual(59);
      }
    });

    test('services go on beside it', async () => {
      await bench.apply(withPool());
      const sport = freshPorts(40);
      expect(await bench.connect(sport, 40)).toEqual(predicted(WEB, sport, 40));
    });

    test('a table that somebody has listed and loaded again is found, and ports are by offset once more', async () => {
      const desired = withPool();
      await bench.apply(desired);
      await bench.reload();
      const { drift, operations } = await bench.apply(desired);
      expect(drift).toBe(true);
      expect(operations).toContain('sluice_v1 egress_out: write 4 rules');
      expect(operations.filter((line) => !/^sluice_v1 (egress|pool)_out: /.test(line))).toEqual([]);
      expect(await bench.apply(desired)).toMatchObject({ drift: false, operations: [] });
      const sport = freshPorts(20);
      expect(await bench.leave('s3', 'udp', sport, 20)).toEqual(seenOutside(desired, 's3', sport, 20));
    });

    test('when a director is gone its blocks are used by the others: nothing but maps changes', async () => {
      await bench.apply(withPool());
      const alone = withPool('d1', ['d1']);
      const { operations } = await bench.apply(alone);
      expect(operations.filter((line) => !line.startsWith('sluice_v1 pool_out: '))).toEqual([]);
      const sport = freshPorts(30);
      expect(await bench.leave('s1', 'udp', sport, 30)).toEqual(seenOutside(alone, 's1', sport, 30));
    });

    test('without an own block nothing leaves, least of all with an inside address, and it is counted', async () => {
      await bench.apply(withPool('d1', ['d2', 'd3']));
      const before = (await bench.counters()).guard.egressUntranslated;
      expect(await bench.leave('s1', 'udp', freshPorts(3), 3)).toEqual(['timeout', 'timeout', 'timeout']);
      expect((await bench.counters()).guard.egressUntranslated).toBe(before + 3);
    });

    test('without pools servers leave as they are', async () => {
      await bench.apply(only(WEB));
      const sport = freshPorts(2);
      const seen = await bench.leave('s1', 'udp', sport, 2);
      expect(seen).toEqual([`${ADDRESS_OF.s1}:${sport}`, `${ADDRESS_OF.s1}:${sport + 1}`]);
    });
  });
}
