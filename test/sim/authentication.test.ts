/** Authenticated adjacencies: keys that change under them, links that migrate, and what an attacker may repeat. */
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/base/secret.ts';
import type { Algorithm, AuthenticationKey, KeysInForce } from '../../src/core/model/keys.ts';
import type { InterfaceAuthentication } from '../../src/core/ospf/events.ts';
import { digester } from '../../src/io/digester.ts';
import { instanceConfig, interfaceConfig, lifeOf, Network, SimLink, type SimNode } from './network.ts';
import { announce, hostsSeen } from './topologies.ts';

type Auth = InterfaceAuthentication | undefined;

const NAMES = ['a', 'b', 'c'] as const;

function key(id: number, secret = `secret ${id}`, algorithm: Algorithm = 'hmac-sha-256'): AuthenticationKey {
  return { id, algorithm, secret: new Secret(new TextEncoder().encode(secret)) };
}

const inForce = (send: AuthenticationKey | undefined, ...more: AuthenticationKey[]): KeysInForce => ({
  send,
  accept: send === undefined ? more : [send, ...more],
  standing: 'valid',
});

const strict = (algorithm: Algorithm = 'hmac-sha-256'): Auth => ({ algorithm, migrate: false });
const migrating = (algorithm: Algorithm = 'hmac-sha-256'): Auth => ({ algorithm, migrate: true });

const settings = (authentication: Auth, broadcast = false) =>
  interfaceConfig('eth1', { authentication, ...(broadcast ? { network: 'broadcast', priority: 1 } : {}) });

/** As many routers as there are settings: two on a point-to-point link, more on a LAN. */
function link(...auths: readonly Auth[]) {
  const net = new Network();
  const wire = new SimLink();
  const broadcast = auths.length > 2;
  const nodes = auths.map((auth, at) => {
    const more = { digester, firstSequence: 1000 * at };
    return net.addNode(NAMES[at]!, instanceConfig(`10.0.0.${at + 1}`, [settings(auth, broadcast)], more));
  });
  const keys = (node: SimNode, given: KeysInForce) => net.input(node, { kind: 'keys', interface: 'eth1', keys: given });
  const secure = (node: SimNode, auth: Auth) => net.configure(node, [settings(auth, broadcast)]);
  const start = () => {
    nodes.forEach((node, at) => {
      net.attach(wire, node, 'eth1', `10.1.0.${at + 1}`, 29);
    });
  };
  return { net, nodes: nodes as [SimNode, SimNode, SimNode], keys, secure, start };
}

/** Who lost a Full neighbor, and why: `a inactivityTimer`. */
function losses(nodes: readonly SimNode[]): string[] {
  return nodes.flatMap((node) =>
    node
      .logged('neighborChanged')
      .flatMap(({ effect }) => (effect.from === 'full' ? [`${node.name} ${effect.reason}`] : [])),
  );
}

const full = (node: SimNode, now: number) =>
  node.instance.neighbors(now).filter(({ state }) => state === 'full').length;
const dropped = (node: SimNode) => node.instance.counters().dropped;

test.each<Algorithm>(['simple', 'md5', 'hmac-sha-1', 'hmac-sha-256', 'hmac-sha-384', 'hmac-sha-512'])(
  '%s: Full, and the database goes over',
  (algorithm) => {
    const { net, nodes, keys, start } = link(strict(algorithm), strict(algorithm));
    for (const node of nodes) keys(node, inForce(key(1, 's', algorithm)));
    announce(net, nodes[1], '203.0.113.10');
    start();
    net.run(3000);
    expect(nodes.map((node) => full(node, net.now))).toEqual([1, 1]);
    expect(hostsSeen(net, nodes[0], '10.0.0.2')).toEqual(['203.0.113.10/32 metric 1']);
    expect(nodes.map(dropped)).toEqual([{}, {}]);
  },
);

describe('rollover', () => {
  test('two speakers that change keys at different moments stay Full', () => {
    const { net, nodes, keys, start } = link(strict(), strict());
    const [a, b] = nodes;
    for (const node of nodes) keys(node, inForce(key(1)));
    start();
    net.run(5000);
    // The new key is accepted everywhere before anybody sends with it; then the old one goes.
    const steps: (() => void)[] = [
      () => keys(a, inForce(key(1), key(2))),
      () => keys(b, inForce(key(1), key(2))),
      () => keys(b, inForce(key(2), key(1))),
      () => keys(a, inForce(key(2), key(1))),
      () => keys(a, inForce(key(2))),
      () => keys(b, inForce(key(2))),
    ];
    for (const step of steps) {
      step();
      net.run(7777);
      expect(nodes.map((node) => full(node, net.now))).toEqual([1, 1]);
    }
    expect(losses(nodes)).toEqual([]);
    expect(nodes.map(dropped)).toEqual([{}, {}]);
  });

  test('another algorithm is a new key like any other', () => {
    const { net, nodes, keys, start } = link(strict('md5'), strict('md5'));
    const [old, fresh] = [key(1, 'old', 'md5'), key(2, 'new', 'hmac-sha-512')];
    for (const node of nodes) keys(node, inForce(old));
    start();
    net.run(5000);
    for (const step of [inForce(old, fresh), inForce(fresh, old), inForce(fresh)]) {
      for (const node of nodes) {
        keys(node, step);
        net.run(6000);
      }
    }
    expect(losses(nodes)).toEqual([]);
    expect(nodes[0].instance.interfaces()[0]?.authentication).toMatchObject({ algorithm: 'hmac-sha-512', keyId: 2 });
  });

  test('a key that only one of them has costs the adjacency, with the reason', () => {
    const { net, nodes, keys, start } = link(strict(), strict());
    for (const node of nodes) keys(node, inForce(key(1)));
    start();
    net.run(5000);
    keys(nodes[0], inForce(key(2)));
    net.run(5000);
    expect(losses([nodes[1]])).toEqual(['b inactivityTimer']);
    expect(dropped(nodes[1])).toMatchObject({ authKey: expect.any(Number) });
    keys(nodes[0], inForce(key(1, 'wrong')));
    net.run(5000);
    expect(dropped(nodes[1])).toMatchObject({ authDigest: expect.any(Number) });
  });
});

describe('from none to authentication', () => {
  test('beside a router that knows no migration: first we migrate, then it changes, then we insist', () => {
    const { net, nodes, keys, secure, start } = link(undefined, undefined);
    const [ours, router] = nodes;
    for (const node of nodes) keys(node, inForce(key(1)));
    start();
    net.run(5000);
    for (const step of [
      () => secure(ours, migrating()),
      () => secure(router, strict()),
      () => secure(ours, strict()),
    ]) {
      step();
      net.run(20_000);
      expect(nodes.map((node) => full(node, net.now))).toEqual([1, 1]);
    }
    expect(losses(nodes)).toEqual([]);
    // And back.
    for (const step of [
      () => secure(ours, migrating()),
      () => secure(router, undefined),
      () => secure(ours, undefined),
    ]) {
      step();
      net.run(20_000);
    }
    expect(losses(nodes)).toEqual([]);
  });

  test('a LAN of three that migrate one after the other', () => {
    const { net, nodes, keys, secure, start } = link(undefined, undefined, undefined);
    for (const node of nodes) keys(node, inForce(key(1)));
    start();
    net.run(20_000);
    for (const auth of [migrating(), strict()]) {
      for (const node of nodes) {
        secure(node, auth);
        net.run(10_000);
      }
    }
    expect(losses(nodes)).toEqual([]);
    expect(nodes.map((node) => full(node, net.now))).toEqual([2, 2, 2]);
  });

  test('once everybody is heard with authentication, nothing is said without', () => {
    const { net, nodes, keys, start } = link(migrating(), migrating());
    for (const node of nodes) keys(node, inForce(key(1)));
    start();
    net.run(5000);
    const before = { ...net.sent };
    net.run(10_000);
    // One Hello a second from each, not two.
    expect(net.sent.hello - before.hello).toBe(20);
    expect(nodes.map((node) => full(node, net.now))).toEqual([1, 1]);
  });

  test('who does not migrate takes nothing without authentication', () => {
    const { net, nodes, keys, start } = link(strict(), undefined);
    keys(nodes[0], inForce(key(1)));
    start();
    net.run(5000);
    expect(nodes.map((node) => node.instance.neighbors(net.now))).toEqual([[], []]);
    expect(dropped(nodes[0])).toMatchObject({ authType: expect.any(Number) });
    expect(dropped(nodes[1])).toMatchObject({ authType: expect.any(Number) });
  });
});

describe('sequence numbers', () => {
  /** What a has sent, as it was on the wire. */
  function overheard() {
    const now = link(strict(), strict());
    const { net, nodes, keys, start } = now;
    for (const node of nodes) keys(node, inForce(key(1)));
    const heard: Uint8Array[] = [];
    const handle = nodes[1].instance.handle.bind(nodes[1].instance);
    nodes[1].instance.handle = (input, at) => {
      if (input.kind === 'packet') heard.push(Uint8Array.from(input.bytes));
      return handle(input, at);
    };
    start();
    net.run(5000);
    const replay = (bytes: Uint8Array) =>
      net.input(nodes[1], { kind: 'packet', interface: 'eth1', source: 0x0a010001, destination: 0xe0000005, bytes });
    return { ...now, heard: [...heard], replay };
  }

  const sequence = (bytes: Uint8Array) => new DataView(bytes.buffer).getUint32(20);

  test('each packet has one of its own, beginning behind the first', () => {
    const { heard, nodes } = overheard();
    const numbers = heard.map(sequence);
    // The first one left before anybody was there to hear it.
    expect(numbers[0]).toBe(2);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(nodes[0].instance.sequence).toBeGreaterThanOrEqual(numbers.at(-1)!);
  });

  test('an old packet is refused, the last one once more is not', () => {
    const { heard, replay, nodes } = overheard();
    replay(heard.at(-1)!);
    expect(dropped(nodes[1])).toEqual({});
    for (const old of heard.slice(0, 3)) replay(old);
    expect(dropped(nodes[1])).toEqual({ authSequence: 3 });
    expect(losses(nodes)).toEqual([]);
  });

  test('who begins again below the last number is met again after the dead interval', () => {
    const { net, nodes, keys } = overheard();
    const [a, b] = nodes;
    const fresh = net.replace(a);
    keys(fresh, inForce(key(1)));
    net.run(2000);
    expect(dropped(b)).toMatchObject({ authSequence: expect.any(Number) });
    expect(net.runUntil(() => full(b, net.now) === 1 && full(fresh, net.now) === 1, 6000)).toBe(true);
  });
});

test('who restarts with our help, longer than the dead interval, may begin again below its last number', () => {
  const { net, nodes, keys, start } = link(strict(), strict());
  for (const node of nodes) keys(node, inForce(key(1)));
  start();
  net.run(20_000);
  const [a, b] = nodes;
  const { sequence } = lifeOf(a, net.now, { planned: true, until: net.now + 30_000 });
  net.input(a, { kind: 'handOver', period: 30_000, reason: 'upgrade', sequence });
  net.run(6000);
  const fresh = net.replace(a);
  keys(fresh, inForce(key(1)));
  net.run(3000);
  expect(dropped(b)['authSequence']).toBeUndefined();
  expect(full(fresh, net.now)).toBe(1);
  expect(b.logged('neighborChanged').map(({ effect }) => effect.to)).not.toContain('down');
});

test('without a key nothing is sent, and the reason is counted', () => {
  const { net, nodes, keys, start } = link(strict(), strict());
  keys(nodes[1], inForce(key(1)));
  start();
  net.run(3000);
  expect(net.sent.hello).toBe(nodes[1].instance.counters().sent.hello);
  expect(dropped(nodes[0])).toMatchObject({ noKey: expect.any(Number), authKey: expect.any(Number) });
});

test.each<[Algorithm, Algorithm]>([
  ['md5', 'simple'],
  ['simple', 'md5'],
])('settings of %s with keys of %s: nothing is sent, least of all a key', (algorithm, other) => {
  const { net, nodes, keys, start } = link(strict(algorithm), strict(algorithm));
  for (const node of nodes) keys(node, inForce(key(1, 'TOPSECRET', other)));
  start();
  net.run(3000);
  expect(net.sent.hello).toBe(0);
  for (const node of nodes) keys(node, inForce(key(1, 'fine', algorithm)));
  net.run(3000);
  expect(nodes.map((node) => full(node, net.now))).toEqual([1, 1]);
});

test('no packet with its digest exceeds the MTU, however full', () => {
  const { net, nodes, keys, start } = link(strict('hmac-sha-512'), strict('hmac-sha-512'));
  for (const node of nodes) keys(node, inForce(key(1, 's', 'hmac-sha-512')));
  // External LSAs in numbers fill descriptions, requests, updates and acknowledgements.
  const sizes: number[] = [];
  for (const node of nodes) {
    const handle = node.instance.handle.bind(node.instance);
    node.instance.handle = (input, at) => {
      if (input.kind === 'packet') sizes.push(input.bytes.length);
      return handle(input, at);
    };
  }
  const prefixes = Array.from({ length: 200 }, (_, n) => ({
    prefix: { address: 0xcb007100 + n, length: 32 },
    metric: 1,
    lsa: { kind: 'external' as const, metricType: 1 as const, tag: 0 },
  }));
  net.input(nodes[0], { kind: 'announce', prefixes });
  start();
  net.run(5000);
  expect(nodes[1].instance.lsdb(net.now).filter(({ type }) => type === 5)).toHaveLength(200);
  const largest = Math.max(...sizes);
  expect(largest).toBeLessThanOrEqual(1480);
  expect(largest).toBeGreaterThan(1400);
});
