/** What the operator is told of neighbors that cannot become Full, or that are doubtful: in words, at once, and not again. */
import { expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../src/core/base/ipv4.ts';
import type { InterfaceConfig } from '../../src/core/ospf/events.ts';
import { instanceConfig, interfaceConfig, Network, SimLink, type SimNode } from './network.ts';
import { announce, pair } from './topologies.ts';

const LAN = { network: 'broadcast', priority: 1 } as const;

/** Nodes on one LAN, 192.0.2.0/24, each with a router id and settings of its own. */
function lan(nodes: readonly (readonly [string, Partial<InterfaceConfig>])[]) {
  const net = new Network();
  const link = new SimLink();
  const all = nodes.map(([routerId, settings], at) => {
    const config = instanceConfig(routerId, [interfaceConfig('lan', { ...LAN, ...settings })], { seed: at + 1 });
    const node = net.addNode(`n${at + 1}`, config);
    net.attach(link, node, 'lan', `192.0.2.${at + 1}`, 24);
    return node;
  });
  return { net, link, nodes: all };
}

/** `at 0 s: helloInterval with 192.0.2.2: ...` */
function told(node: SimNode): string[] {
  return node
    .logged('neighborTrouble')
    .map(
      ({ at, effect }) =>
        `at ${Math.floor(at / 1000)} s: ${effect.reason} with ${formatIpv4(effect.address)}: ${effect.detail}`,
    );
}

test('a setting that differs is told at once and once a minute, with both values, and shown as long as it lasts', () => {
  const { net, nodes } = lan([
    ['10.0.0.1', {}],
    ['10.0.0.2', { helloInterval: 2000, deadInterval: 4000 }],
  ]);
  net.run(130_000);
  const words = 'helloInterval with 192.0.2.2: hello interval 2 s, ours is 1 s';
  expect(told(nodes[0]!).map((line) => line.replace(/^at \d+ s: /, ''))).toEqual([words, words, words]);
  expect(nodes[0]!.instance.interfaces()[0]?.troubles).toEqual(['192.0.2.2: hello interval 2 s, ours is 1 s']);
  net.configure(nodes[1]!, [interfaceConfig('lan', LAN)]);
  net.run(20_000);
  expect(nodes[0]!.instance.interfaces()[0]?.troubles).toEqual([]);
});

test.each([
  ['dead interval', { deadInterval: 8000 }, 'dead interval 8 s, ours is 4 s'],
  ['hello interval', { helloInterval: 3000 }, 'hello interval 3 s, ours is 1 s'],
])('another %s', (_, settings, words) => {
  const { net, nodes } = lan([
    ['10.0.0.1', {}],
    ['10.0.0.2', settings],
  ]);
  net.run(3000);
  expect(told(nodes[0]!)).toEqual([expect.stringContaining(words)]);
});

test('another area, another mask', () => {
  const { net, link, nodes } = lan([['10.0.0.1', {}]]);
  const stranger = net.addNode('s', instanceConfig('10.0.0.2', [interfaceConfig('lan', LAN)], { areaId: 7 }));
  net.attach(link, stranger, 'lan', '192.0.2.2', 24);
  const narrow = net.addNode('m', instanceConfig('10.0.0.3', [interfaceConfig('lan', LAN)]));
  net.attach(link, narrow, 'lan', '192.0.2.3', 25);
  net.run(3000);
  const lines = told(nodes[0]!).map((line) => line.replace(/^at \d+ s: /, ''));
  expect(lines.sort()).toEqual([
    'area with 192.0.2.2: area 0.0.0.7, ours is 0.0.0.0',
    'mask with 192.0.2.3: network mask 255.255.255.128, ours is 255.255.255.0',
  ]);
});

test('our router id at another address of the link', () => {
  const { net, nodes } = lan([
    ['10.0.0.1', {}],
    ['10.0.0.1', {}],
  ]);
  net.run(10_000);
  expect(told(nodes[0]!)).toEqual(['at 0 s: duplicateRouterId with 192.0.2.2: 192.0.2.2 has our router id 10.0.0.1']);
});

test('two neighbors with one router id: the second is refused and both addresses are told', () => {
  const { net, link, nodes } = lan([
    ['10.0.0.1', {}],
    ['10.0.0.2', {}],
  ]);
  net.run(10_000);
  const double = net.addNode('double', instanceConfig('10.0.0.2', [interfaceConfig('lan', LAN)]));
  net.attach(link, double, 'lan', '192.0.2.9', 24);
  net.run(10_000);
  expect(told(nodes[0]!)).toEqual([
    'at 10 s: duplicateRouterId with 192.0.2.9: 192.0.2.9 and 192.0.2.2 both have router id 10.0.0.2',
  ]);
  expect(nodes[0]!.instance.neighbors(net.now).map(({ state }) => state)).toEqual(['full']);
});

test('a router that has moved to another address of the LAN is a neighbor there well before its old self is dead', () => {
  const { net, nodes } = lan([
    ['10.0.0.1', {}],
    ['10.0.0.2', {}],
  ]);
  net.run(10_000);
  net.kill(nodes[1]!);
  const link = nodes[0]!.links.get('lan')!;
  const moved = net.addNode('moved', instanceConfig('10.0.0.2', [interfaceConfig('lan', { ...LAN, priority: 0 })]));
  net.attach(link, moved, 'lan', '192.0.2.7', 24);
  const met = net.runUntil(
    () => nodes[0]!.instance.neighbors(net.now).some(({ address }) => address === ipv4('192.0.2.7')),
    3000,
  );
  expect(met).toBe(true);
});

test('an MTU that the neighbor refuses: it is told, both values are shown, and forgotten once we are Full', () => {
  const { net, a, b } = pair();
  net.down(a, 'eth1');
  net.down(b, 'eth1');
  net.up(a, 'eth1', 9000);
  net.up(b, 'eth1', 1500);
  net.run(10_000);
  expect(told(a)).toEqual([
    expect.stringMatching(/mtu with 10\.1\.0\.2: its MTU is 1500, ours is 9000: it refuses ours/),
  ]);
  expect(told(b)).toEqual([expect.stringMatching(/mtu with 10\.1\.0\.1: its MTU is 9000, ours is 1500: we refuse/)]);
  expect(a.instance.neighbors(net.now)[0]?.trouble).toContain('ours is 9000');
  net.up(b, 'eth1', 9000);
  net.run(5000);
  expect(a.instance.neighbors(net.now)).toMatchObject([{ state: 'full', trouble: undefined }]);
});

test('whoever makes up router addresses is told of 32 times a minute at most', () => {
  const { net, a } = pair({}, { areaId: 9 });
  const hello = () => a.logged('neighborTrouble').length;
  net.run(1000);
  let bytes: Uint8Array | undefined;
  const stolen = net.nodes[1]!.instance.handle(
    { kind: 'configure', interfaces: [interfaceConfig('eth1', { priority: 3 })] },
    net.now,
  );
  for (const effect of [...stolen, ...net.nodes[1]!.instance.handle({ kind: 'timer' }, net.now)]) {
    if (effect.kind === 'send') bytes = effect.bytes;
  }
  for (let n = 0; n < 1000; n++) {
    net.input(a, {
      kind: 'packet',
      interface: 'eth1',
      source: ipv4('10.7.0.0') + n,
      destination: ipv4('224.0.0.5'),
      bytes: bytes!,
    });
  }
  expect(hello()).toBe(32);
});

test('RFC 4222: other packets stand in for lost Hellos, but not for ever', () => {
  const { net, link, a, b } = pair();
  net.run(5000);
  let from = net.now;
  link.filter = ({ body }, sender) => sender === a || body.kind !== 'hello';
  // b says something other than Hello every second, as a router in a busy area does.
  for (let n = 1; n <= 40; n++) net.at(from + n * 1200, () => announce(net, b, `203.0.113.${n}`));
  net.run(9000);
  expect(a.instance.neighbors(net.now).map(({ state }) => state)).toEqual(['full']);
  net.run(4000);
  expect(a.instance.neighbors(net.now).map(({ state }) => state)).not.toContain('full');
  from = net.now;
  link.filter = undefined;
  net.run(5000);
  expect(a.instance.neighbors(net.now).map(({ state }) => state)).toEqual(['full']);
});

test('RFC 4222: a neighbor that no longer lists us is not kept by its other packets', () => {
  const { net, link, a, b } = pair();
  net.run(5000);
  // b does not hear a any more: after a dead interval its Hellos say so, whatever else it sends.
  link.filter = (_, sender) => sender !== a;
  for (let n = 1; n <= 10; n++) net.at(net.now + n * 500, () => announce(net, b, `203.0.113.${n}`));
  net.run(5200);
  expect(a.instance.neighbors(net.now).map(({ state }) => state)).toEqual(['init']);
});
