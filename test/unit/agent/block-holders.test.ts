/** Who has port blocks when the mesh and the routers say different things of a director. */
import { expect, test } from 'vitest';
import { blockHolders } from '../../../src/agent/wishes/block-holders.ts';
import { type Ipv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { Speaker } from '../../../src/drivers/routing/port.ts';
import { viewOf } from './sync-threads.ts';
import { parsed } from './world.ts';

const VIP = ipv4('203.0.113.10');

/** Each with a local address of its own, or all with one. */
function file(shared: boolean): string {
  const directors = [1, 2, 3].map((n) => {
    const own = shared ? `handOver: 10.4.0.${n}` : `local: 10.3.0.${n}`;
    return `  d${n}: { routerId: 10.255.0.${n}, interfaces: { up0: eth1, hand: eth9 }, ${own}, sync: 10.2.0.1${n} }\n`;
  });
  return `cluster: test
keys: { file: cluster.keys }
directors:
${directors.join('')}${shared ? 'local: { shared: 10.3.0.9, handOver: hand }\n' : ''}lifecycle: { holdUp: 0s, drain: 1s, syncTimeout: 20s }
routing: { instances: { core: { area: 0, announce: [vip, local], interfaces: { up0: {} } } } }
services:
  web: { vip: 203.0.113.10, ports: 80, forward: fullnat, servers: { s1: 10.2.0.21 } }
`;
}

/** A database in which directors, by their numbers, announce an address. */
function announced(address: Ipv4, numbers: readonly number[]): Speaker {
  const routers = numbers.map((n) => ipv4(`10.255.0.${n}`));
  return { otherAnnouncers: (asked: Ipv4) => (asked === address ? routers : []) } as unknown as Speaker;
}

test.each([
  ['nobody announces it', false, [], ['d1']],
  ['its own address is announced, by itself', false, [announced(ipv4('10.3.0.2'), [2])], ['d1', 'd2']],
  ['its own address is announced, by who stands in', false, [announced(ipv4('10.3.0.2'), [3])], ['d1']],
  [
    'a VIP is announced by it, in one of two instances',
    false,
    [announced(VIP, []), announced(VIP, [2, 3])],
    ['d1', 'd2', 'd3'],
  ],
  ['it announces a VIP, and addresses are shared', true, [announced(VIP, [2, 3])], ['d1']],
] as const)('the mesh has lost d2 and d3: %s', async (_, shared, speakers, expected) => {
  const loaded = await parsed(file(shared));
  expect(blockHolders(loaded, viewOf(['d1'], ['d2', 'd3']), speakers)).toEqual(expected);
});

test('as long as nothing is known of who lives, all have theirs', async () => {
  expect(blockHolders(await parsed(file(false)), undefined, [])).toEqual(['d1', 'd2', 'd3']);
});
