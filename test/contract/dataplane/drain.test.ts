import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredServer } from '../../../src/core/model/dataplane.ts';
import { FakeConntrack } from '../../../src/drivers/conntrack/fake.ts';
import { FakeKernel } from '../../../src/drivers/dataplane/fake/fake.ts';
import { type DrainBench, drainContract } from './drain-suite.ts';
import { fakeBench } from './fake-bench.ts';
import { ofDirectors } from './fullnat-suite.ts';
import { Network, type Peer } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { CLIENT, EVEN, freshPorts, only, servers, VIP, web } from './suite.ts';

const kernel = new FakeKernel();
const fakeConntrack = new FakeConntrack(kernel.connections);

drainContract('fake', {
  ...fakeBench(kernel),
  async end(sport, count) {
    const rest = { protocol: 6, source: ipv4(CLIENT), destination: ipv4(VIP), dport: 80 };
    for (let i = 0; i < count; i++) kernel.connections.close({ ...rest, sport: sport + i });
  },
  deleteOf: (serverId) => fakeConntrack.deleteOf(serverId),
  reset: 'none',
  refused: 'none',
});

const network = new Network(`dr${process.pid}`);
const bench = netnsBench(network);
let conntrack: Peer;

/** The kernel looks once per tick of its clock (at most 10 ms) for counted connections that have ended. */
const TICKS_MS = 50;

const keys = (sport: number, count: number) => Array.from({ length: count }, (_, i) => String(sport + i));

const kernelBench: DrainBench = {
  ...bench,
  async up() {
    await bench.up();
    conntrack = network.start('d1', '../conntrack/conntrack-main');
  },
  async end(sport, count) {
    await bench.client().call('close', { keys: keys(sport, count) });
    await sleep(TICKS_MS);
  },
  deleteOf: (serverId) => conntrack.call('deleteOf', { serverId }),
  reset: 'ECONNRESET',
  refused: 'ECONNREFUSED',
};

drainContract('nftables', kernelBench, () => {
  test('the server of a connection that has ended hears RST when it sends, and the client when it does', async () => {
    await bench.apply(only(web(servers(EVEN))));
    const sport = freshPorts(60);
    const answers = await bench.connect(sport, 60);
    const own = answers.flatMap((answer, i) => (answer === 's2' ? [String(sport + i)] : []));
    const server = bench.servers()[1]!;
    await bench.client().call('ask', { keys: own, later: true });
    await expect.poll(() => server.call('waiting')).toBe(own.length);
    const before = await server.call<number>('sockets');
    await bench.apply(only(web(servers(EVEN).map((one) => (one.name === 's2' ? { ...one, ended: true } : one)))));
    await server.call('push');
    await expect.poll(() => server.call('sockets')).toBe(before - own.length);
    expect(new Set(await bench.client().call<string[]>('ask', { keys: own, timeout: 2000 }))).toEqual(
      new Set(['ECONNRESET']),
    );
  });

  test('FullNAT: connections that end hear RST on both sides, in the words that each side knows', async () => {
    const fullnat = (list: readonly DesiredServer[]) => ofDirectors({ ...web(list), fullnat: true });
    await bench.apply(fullnat(servers(EVEN)));
    const sport = freshPorts(60);
    const answers = await bench.connect(sport, 60);
    const own = answers.flatMap((answer, i) => (answer === 's2' ? [String(sport + i)] : []));
    const server = bench.servers()[1]!;
    const before = await server.call<number>('sockets');
    await bench.client().call('ask', { keys: own, later: true });
    await expect.poll(() => server.call('waiting')).toBe(own.length);
    await bench.apply(fullnat(servers(EVEN).map((one) => (one.name === 's2' ? { ...one, ended: true } : one))));
    await server.call('push');
    await expect.poll(() => server.call('sockets')).toBe(before - own.length);
    const expected = answers.map((server) => (server === 's2' ? 'ECONNRESET' : server));
    expect(await bench.ask(sport, 60)).toEqual(expected);
    await kernelBench.deleteOf(2);
  });

  test('UDP: flows stay with a drained server until its entries are deleted, and move then', async () => {
    const dns = (list: readonly DesiredServer[]) => only({ ...web(list), name: 'dns', protocol: 'udp', ports: [53] });
    const target = { vip: VIP, port: 53, protocol: 'udp' } as const;
    await bench.apply(dns(servers(EVEN)));
    const sport = freshPorts(60);
    const before = await bench.connect(sport, 60, target);
    await bench.apply(dns(servers(EVEN, { s2: 'drained' })));
    expect(await bench.connect(sport, 60, target)).toEqual(before);
    // Ids are given in order, and these servers came after those of `web`.
    await kernelBench.deleteOf(5);
    const after = await bench.connect(sport, 60, target);
    expect(after).not.toContain('s2');
    expect(after.filter((server, i) => before[i] !== 's2' && server !== before[i])).toEqual([]);
  });
});
