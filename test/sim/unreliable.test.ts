import { expect, test } from 'vitest';
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { agree, announce, announceOwnId, campus, converged, hostsSeen, pair } from './topologies.ts';

const B = ipv4('10.0.0.2');

test('lost acknowledgements cost retransmissions, nothing else', () => {
  const { net, link, a, b } = pair();
  net.run(5000);
  link.filter = (packet) => packet.body.kind !== 'lsAck';
  announce(net, a, '203.0.113.10');
  net.run(10_000);
  expect(hostsSeen(net, b, '10.0.0.1')).toEqual(['203.0.113.10/32 metric 1']);
  expect(a.instance.counters().retransmitted).toBeGreaterThan(5);
  expect(a.instance.neighbors(net.now)[0]).toMatchObject({ state: 'full', retransmissions: 1 });
  link.filter = undefined;
  net.run(2000);
  expect(a.instance.neighbors(net.now)[0]).toMatchObject({ state: 'full', retransmissions: 0 });
});

test('a lost update is sent again after 1.1 seconds', () => {
  const { net, link, a, b } = pair({}, {}, { rxmtInterval: 5000 });
  net.run(5000);
  link.filter = (packet) => packet.body.kind !== 'lsUpdate';
  announce(net, a, '203.0.113.10');
  net.run(500);
  link.filter = undefined;
  const seen = net.runUntil(() => hostsSeen(net, b, '10.0.0.1').length === 1, 700);
  expect(seen).toBe(true);
});

test('a router that hears its peer but is not heard stays in Init, and the peer sees nobody', () => {
  const { net, link, a, b } = pair();
  link.filter = (_packet, from) => from === b;
  net.run(5000);
  expect(a.instance.neighbors(net.now)[0]?.state).toBe('init');
  expect(b.instance.neighbors(net.now)).toEqual([]);
});

test('a link that becomes one-way ends the adjacency with the next Hello', () => {
  const { net, link, a, b } = pair();
  net.run(5000);
  link.filter = (_packet, from) => from === a;
  net.run(6000);
  // a heard nothing and forgot b; b, which still hears a, is told so by a's Hello.
  expect(a.instance.neighbors(net.now)).toEqual([]);
  expect(b.instance.neighbors(net.now)[0]?.state).toBe('init');
  expect(b.logged('neighborChanged').at(-1)?.effect.reason).toBe('oneWay');
});

test.each([1, 2, 3])(
  'a fifth of all packets lost, more doubled or overtaken: the campus converges (seed %i)',
  (seed) => {
    const { net, lan, cables, nodes } = campus({}, seed);
    for (const link of [lan, ...cables]) link.quality = { delay: 1, jitter: 20, loss: 0.2, duplication: 0.2 };
    for (const node of nodes) announceOwnId(net, node);
    net.run(20_000);
    for (const link of [lan, ...cables]) link.quality = { delay: 1, jitter: 20, loss: 0, duplication: 0.2 };
    expect(net.runUntil(() => converged(net, nodes), 40_000)).toBe(true);
    net.run(10_000);
    expect(agree(net, nodes)).toBe(true);
    const pending = nodes.flatMap((node) =>
      node.instance.neighbors(net.now).map((n) => n.retransmissions + n.requests),
    );
    expect(Math.max(...pending)).toBe(0);
  },
);

test('everything doubled: no adjacency is disturbed', () => {
  const { net, link, a, b } = pair();
  link.quality = { delay: 1, jitter: 3, loss: 0, duplication: 1 };
  net.run(20_000);
  const changes = [a, b].map((node) => node.logged('neighborChanged').filter(({ effect }) => effect.from === 'full'));
  expect(changes).toEqual([[], []]);
  expect(a.fullAt(B)).toBeLessThan(400);
});
