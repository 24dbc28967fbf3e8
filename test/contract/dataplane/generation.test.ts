/** What the whole economy of reading rests on: the generation moves with every write, and with nothing else. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Network, type Peer } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { EVEN, freshPorts, only, servers, web } from './suite.ts';

const network = new Network(`gn${process.pid}`);
const bench = netnsBench(network);
let second: Peer;

const generation = () => bench.generation();
const nft = (node: 'd1' | 'd2', text: string) => network.in(node, ['nft', '-f', '-'], text);

describe('the generation of the nftables of a namespace', () => {
  beforeAll(async () => {
    await bench.up();
    second = await bench.secondDriver();
    await bench.apply(only(web(servers(EVEN))));
  });
  afterAll(() => bench.down());

  test('a change by the driver is one step, and so is any transaction of others', async () => {
    const before = await generation();
    expect((await bench.apply(only(web(servers(EVEN, { s1: 'down' }))))).operations).toHaveLength(1);
    expect(await generation()).toBe(before + 1);
    await nft('d1', 'add table ip other\nadd counter ip other a\nadd counter ip other b\n');
    expect(await generation()).toBe(before + 2);
    await nft('d1', 'delete element ip sluice_v1 slots_web { 7 }\n');
    expect(await generation()).toBe(before + 3);
  });

  test('connections, counters and their reading, and other namespaces, leave it alone', async () => {
    await bench.apply(only(web(servers(EVEN))));
    const before = await generation();
    await bench.connect(freshPorts(30), 30);
    expect((await bench.counters()).services[0]?.newConnections).toBeGreaterThanOrEqual(30);
    await second.call('apply', { desired: only(web(servers(EVEN))) });
    await bench.apply(only(web(servers(EVEN))));
    expect(await generation()).toBe(before);
  });

  test('elements that packets add to a set leave it alone', async () => {
    await nft(
      'd1',
      'table ip learning {\n set seen { typeof ip saddr . tcp sport; flags dynamic,timeout; timeout 60s; size 1000; }\n' +
        ' chain c { type filter hook prerouting priority -300;\n tcp dport 80 add @seen { ip saddr . tcp sport }\n }\n}\n',
    );
    const before = await generation();
    await bench.connect(freshPorts(10), 10);
    expect(await network.in('d1', ['nft', 'list', 'set', 'ip', 'learning', 'seen'])).toContain('expires');
    expect(await generation()).toBe(before);
  });
});
