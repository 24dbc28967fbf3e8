import { expect, test } from 'vitest';
import { ownAddresses, standInAddresses } from '../../../src/agent/wishes/own-addresses.ts';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import { successorOrder } from '../../../src/core/hash/port-blocks.ts';
import type { Cluster } from '../../../src/core/model/cluster.ts';

function cluster(forward: 'nat' | 'fullnat'): Cluster {
  const parsed = parseCluster(`cluster: edge-1
directors:
  d1: { routerId: 10.255.0.1, interfaces: { up0: eth1 }, local: [10.3.0.1, 10.3.0.11] }
  d2: { routerId: 10.255.0.2, interfaces: { up0: eth1 }, local: 10.3.0.2 }
  d3: { routerId: 10.255.0.3, interfaces: { up0: eth1 }, local: 10.3.0.3 }
routing: { instances: { core: { area: 0, announce: [vip, local], interfaces: { up0: {} } } } }
services: { web: { vip: 203.0.113.10, ports: 80, forward: ${forward}, servers: { r1: 10.2.0.21 } } }
`);
  if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults));
  return parsed.cluster;
}

const texts = (list: ReturnType<typeof ownAddresses>) =>
  list.map(({ address, metric }) => `${formatIpv4(address)} ${metric}`);

test('the others stand in for a director by rank, in the order in which its port blocks fall to them', () => {
  const file = cluster('fullnat');
  const [d1, d2, d3] = file.directors;
  expect(texts(ownAddresses(file, d1!))).toEqual(['10.3.0.1 10', '10.3.0.11 10']);
  for (const address of ['10.3.0.1', '10.3.0.11']) {
    const [first, second] = successorOrder(ipv4(address), ['d2', 'd3']);
    const standing = new Map([d2!, d3!].map((one) => [one.name, texts(standInAddresses(file, one))]));
    expect(standing.get(first!)).toContain(`${address} 110`);
    expect(standing.get(second!)).toContain(`${address} 210`);
  }
  expect(standInAddresses(file, d1!).map(({ address }) => formatIpv4(address))).toEqual(['10.3.0.2', '10.3.0.3']);
});

test('without FullNAT nobody stands in: the addresses may be for anything', () => {
  const file = cluster('nat');
  expect(standInAddresses(file, file.directors[0]!)).toEqual([]);
});
