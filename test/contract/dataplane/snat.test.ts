/** SNAT with real packets, and beside it the fake. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureRoots, rootPath } from '../../../lab/roots/build.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { DATA_TABLE } from '../../../src/core/dataplane/names.ts';
import { stampOf } from '../../../src/core/dataplane/ruleset.ts';
import { FakeKernel } from '../../../src/drivers/dataplane/fake/fake.ts';
import { fakeBench } from './fake-bench.ts';
import { ADDRESS_OF, FRONT_OF, INSIDE_OF, Network, type Peer } from './netns.ts';
import { type NetnsBench, netnsBench } from './netns-bench.ts';
import { pathWith } from './nft-programs.ts';
import { POOL, type Protocol, type Server, type SnatBench, seenOutside, snatContract, withPool } from './snat-suite.ts';
import { freshPorts } from './suite.ts';

const OUTSIDE_PORT = 8080;

function fakeSnatBench(): SnatBench {
  const kernel = new FakeKernel();
  return {
    ...fakeBench(kernel),
    async leave(server, protocol, sport, count) {
      const there = { destination: ipv4(FRONT_OF.cl), port: OUTSIDE_PORT };
      return Array.from({ length: count }, (_, i) => {
        return kernel.leave({ protocol, source: ipv4(ADDRESS_OF[server]), sport: sport + i, ...there }) ?? 'timeout';
      });
    },
    async reload() {
      const chains = kernel.tables.get(DATA_TABLE)!.chains;
      const chain = chains.get('egress_out')!;
      const shapes = chain.shapes.map((shape) => shape.replace(/ offset$/, ' '));
      chains.set('egress_out', { ...chain, shapes, stamps: chain.stamps.map((stamp) => stampOf(stamp, false)) });
    },
  };
}

snatContract('fake', fakeSnatBench());

interface NetnsSnatBench extends SnatBench, NetnsBench {
  outside(): Peer;
}

/** The client's node is the outside: it knows the way to the pool only, by one director. */
function netnsSnatBench(network: Network): NetnsSnatBench {
  const bench = netnsBench(network);
  let outside: Peer;
  const openers = new Map<Server, Peer>();
  return {
    ...bench,
    outside: () => outside,
    async up() {
      await bench.up();
      outside = network.start('cl', 'server-main', 'outside', String(OUTSIDE_PORT));
      await outside.call('ready');
      for (const server of ['s1', 's2', 's3'] as const) openers.set(server, network.start(server, 'client-main'));
      for (const address of POOL) {
        await network.in('cl', ['ip', 'route', 'add', address, 'via', FRONT_OF.d1]);
        for (const node of ['d1', 'd2'] as const) {
          await network.in(node, ['ip', 'route', 'add', 'local', `${address}/32`, 'dev', 'lo']);
        }
      }
      await network.in('cl', ['ip', 'route', 'add', '10.2.0.0/24', 'via', FRONT_OF.d1]);
    },
    async leave(server: Server, protocol: Protocol, sport: number, count: number) {
      const to = {
        source: ADDRESS_OF[server],
        vip: FRONT_OF.cl,
        port: OUTSIDE_PORT,
        sport,
        timeout: 1000,
        word: 'from',
      };
      const opener = openers.get(server)!;
      const keys = Array.from({ length: count }, (_, i) => String(sport + i));
      const seen =
        protocol === 'udp'
          ? await opener.call<string[]>('udp', { ...to, count })
          : await opener.call<string[]>('open', { ...to, keys });
      return seen.map((one) => one.replace(/^outside /, ''));
    },
    async reload() {
      const nft = ['env', `PATH=${await pathWith('nft-1.0')}`, 'nft'];
      const listing = await network.in('d1', [...nft, 'list', 'chain', 'ip', DATA_TABLE, 'egress_out']);
      // nft 1.1.3 would not take it back: it lists `tcp sport`, and leaves the protocol out.
      await network.in('d1', [...nft, '-f', '-'], `flush chain ip ${DATA_TABLE} egress_out\n${listing}`);
    },
  };
}

const network = new Network(`sn${process.pid}`);
const bench = netnsSnatBench(network);
snatContract('nftables', bench);

/** So many datagrams find room in a socket whose owner is not reading. */
const BURST = 100;

const more = new Network(`sm${process.pid}`);
const other = netnsSnatBench(more);

describe('SNAT beyond the contract', () => {
  beforeAll(() => other.up());
  afterAll(() => other.down());

  test('two directors never use the same address and port', async () => {
    const second = await other.secondDriver();
    await other.apply(withPool('d1'));
    await second.call('apply', { desired: withPool('d2') });
    await more.in('s2', ['ip', 'route', 'replace', 'default', 'via', INSIDE_OF.d2]);
    const openers = { s1: more.start('s1', 'client-main'), s2: more.start('s2', 'client-main') };
    await other.outside().call('notes');
    const count = 400;
    const notes: (readonly [text: string, from: string])[] = [];
    const noted = async () => notes.push(...(await other.outside().call<typeof notes>('notes')));
    for (const server of ['s1', 's2'] as const) {
      for (let i = 0; i < count; i += BURST) {
        const to = {
          source: ADDRESS_OF[server],
          vip: FRONT_OF.cl,
          port: OUTSIDE_PORT,
          sport: 10_000 + i,
          word: 'note',
        };
        await openers[server].call('cast', { ...to, count: BURST });
        const sent = notes.length + BURST;
        await expect.poll(noted, { timeout: 5000 }).toBe(sent);
      }
    }
    expect(new Set(notes.map(([, from]) => from)).size).toBe(2 * count);
    const expected = seenOutside(withPool('d2'), 's2', 10_000, count);
    const seen = new Set(notes.filter(([text]) => text.includes(ADDRESS_OF.s2)).map(([, from]) => from));
    expect(expected.filter((one) => seen.has(one)).length).toBeGreaterThanOrEqual(count * 0.98);
    await more.in('s2', ['ip', 'route', 'replace', 'default', 'via', INSIDE_OF.d1]);
  });

  test('an echo request leaves with an identifier from an own block, as predicted, and is answered', async () => {
    await other.apply(withPool());
    await ensureRoots(['tools'], () => undefined);
    const ping = [await rootPath('tools'), 'ping', '-c', '1', '-W', '2'] as const;
    const log =
      'table ip echo {\n set seen { typeof ip saddr . icmp id; flags dynamic; size 1000; }\n' +
      ' chain c { type filter hook input priority 0;\n icmp type echo-request add @seen { ip saddr . icmp id }\n }\n}\n';
    await more.in('cl', ['nft', '-f', '-'], log);
    const first = 5000;
    for (let id = first; id < first + 8; id++) await more.in('s1', ['chroot', ...ping, '-e', String(id), FRONT_OF.cl]);
    const listing = await more.in('cl', ['nft', '-j', 'list', 'set', 'ip', 'echo', 'seen']);
    const seen = [...listing.matchAll(/"concat": \["([\d.]+)", (\d+)\]/g)].map(([, address, id]) => `${address}:${id}`);
    expect(seen.sort()).toEqual(seenOutside(withPool(), 's1', first, 8).sort());
  });

  test('the kernel tells of a connection when it is established, and when it forgets it, and of nothing else', async () => {
    await other.apply(withPool());
    const listener = more.start('d1', 'events-main');
    await listener.call('ready');
    const sport = freshPorts(1);
    await other.leave('s3', 'tcp', sport, 1);
    const told = await listener.call<readonly { sport: number; kind: string; state: string }[]>('take');
    const own = told.filter((event) => event.sport === sport).map(({ kind, state }) => `${kind} ${state}`);
    expect(own).toEqual(['update ESTABLISHED']);
  });

  test('a pool address answers pings, and nothing else: no RST, no ICMP error', async () => {
    await other.apply(withPool());
    await more.in('cl', ['chroot', await rootPath('tools'), 'ping', '-c', '1', '-W', '2', POOL[0]]);
    const target = { source: FRONT_OF.cl, vip: POOL[0], port: 81, timeout: 800 };
    expect(await other.client().call('open', { ...target, sport: freshPorts(1), keys: ['x'] })).toEqual(['timeout']);
    expect(await other.client().call('udp', { ...target, sport: freshPorts(1), count: 1 })).toEqual(['timeout']);
    expect((await other.counters()).guard.poolUnknown).toBeGreaterThanOrEqual(2);
  });
});
