/** FullNAT with real packets, and beside it the fake. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { ownBlocks } from '../../../src/core/hash/lips.ts';
import { BLOCK_PORTS } from '../../../src/core/hash/port-blocks.ts';
import { FakeConntrack } from '../../../src/drivers/conntrack/fake.ts';
import { FakeKernel } from '../../../src/drivers/dataplane/fake/fake.ts';
import { THOROUGH } from '../../sizes.ts';
import { fakeBench } from './fake-bench.ts';
import { fullnatBench } from './fullnat-bench.ts';
import {
  agreement,
  type FullnatBench,
  fullnatContract,
  LIP,
  linuxPorts,
  ofAll,
  ofDirectors,
  ofSixteen,
  scatteredFlows,
  TCP,
  TO_TCP,
  TO_UDP,
  UDP,
  unexplained,
} from './fullnat-suite.ts';
import { INSIDE_OF, Network } from './netns.ts';
import { EVEN, type FlowTarget, freshPorts, servers, VIP } from './suite.ts';

const NAMES = new Map(Object.keys(EVEN).map((name, i) => [ipv4('10.2.0.21') + i, name]));

function fakeFullnatBench(): FullnatBench {
  const kernel = new FakeKernel();
  const conntrack = new FakeConntrack(kernel.connections);
  return {
    ...fakeBench(kernel),
    statistics: () => conntrack.statistics(),
    async cast(client: string, sport: number, count: number, { vip, port, protocol }: FlowTarget) {
      for (let i = 0; i < count; i++) {
        kernel.packet({ protocol, source: ipv4(client), sport: sport + i, vip: ipv4(vip), port });
      }
    },
    async seen(client: string, sport: number, count: number, { vip, port, protocol }: FlowTarget) {
      return Array.from({ length: count }, (_, i) => {
        const flow = { protocol, source: ipv4(client), sport: sport + i, vip: ipv4(vip), port };
        const server = kernel.packet(flow);
        return server === undefined ? 'timeout' : `${NAMES.get(server)} ${kernel.sourceOf(flow)}`;
      });
    },
  };
}

fullnatContract('fake', fakeFullnatBench());

fullnatContract('nftables', fullnatBench(new Network(`fn${process.pid}`)));

const tenKeys = (of: string) => Array.from({ length: 10 }, (_, i) => `${of} ${i}`);

describe('FullNAT: packets', () => {
  const network = new Network(`fp${process.pid}`);
  const bench = fullnatBench(network);
  beforeAll(() => bench.up());
  afterAll(() => bench.down());

  test.each([
    ['TCP', TCP, TO_TCP],
    ['UDP', UDP, TO_UDP],
  ] as const)('%s: nine in ten are as predicted at a fill of 1 in 10', async (_, service, target) => {
    // A third of the blocks of one address, or a sixteenth and one server only.
    const used = THOROUGH ? service : { ...service, servers: servers({ s1: 1 }) };
    const desired = THOROUGH ? ofAll(used) : ofSixteen(used);
    await bench.apply(desired);
    const flows = (ownBlocks(desired).length * BLOCK_PORTS * used.servers.length) / 10;
    const { seen, expected } = await scatteredFlows(bench, target, desired, used, flows);
    expect(unexplained(seen, expected)).toEqual([]);
    expect(agreement(seen, expected)).toBeGreaterThanOrEqual(0.9);
  });

  test('a client among the servers is served, which translation of the destination alone cannot do', async () => {
    const inside = { source: '10.2.0.23', vip: VIP, port: 80, timeout: 400, word: 'from' };
    await network.in('s3', ['ip', 'route', 'replace', VIP, 'via', INSIDE_OF.d1]);
    const client = network.start('s3', 'client-main');
    const ask = (key: string) =>
      client.call<string[]>('open', { ...inside, sport: linuxPorts(10), keys: tenKeys(key) });
    const service = { ...TCP, servers: servers({ s1: 1, s2: 1 }) };
    for (const fullnat of [true, false]) {
      // One arm, and what comes in by it may leave by it as long as it is one of our flows.
      await bench.apply({ ...ofDirectors({ ...service, fullnat }), upstream: ['back', 'front'] });
      const answers = await ask(String(fullnat));
      expect(answers.filter((one) => one.includes(LIP.d1))).toHaveLength(fullnat ? 10 : 0);
      expect(answers.filter((one) => one === 'timeout')).toHaveLength(fullnat ? 0 : 10);
    }
  });

  test('what is for a local address, and of no connection, is not answered, but counted', async () => {
    await bench.apply(ofDirectors(UDP));
    const server = network.start('s1', 'client-main');
    const target = { source: '10.2.0.21', vip: LIP.d1, port: 4321, timeout: 400 };
    expect(await server.call('udp', { ...target, sport: freshPorts(1), count: 1 })).toEqual(['timeout']);
    expect(await server.call('open', { ...target, sport: freshPorts(1), keys: ['stray'] })).toEqual(['timeout']);
    expect((await bench.counters()).guard.lipUnknown).toBeGreaterThanOrEqual(2);
  });
});
