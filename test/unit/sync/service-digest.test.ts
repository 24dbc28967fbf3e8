import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { Service } from '../../../src/core/model/cluster.ts';
import { AS_STUB } from '../../../src/core/model/routing.ts';
import { hashTableDigest, type LocalAddressesOf, serviceDigest } from '../../../src/core/sync/service-digest.ts';

const WEB: Service = {
  name: 'web',
  vips: [ipv4('203.0.113.10'), ipv4('203.0.113.11')],
  ports: [80, 443],
  protocol: 'tcp',
  forward: 'nat',
  inside: false,
  scheduler: { name: 'mh', slots: 4099, sourcePort: true },
  servers: [
    { name: 'w1', address: ipv4('10.2.0.21'), weight: 1 },
    { name: 'w2', address: ipv4('10.2.0.22'), weight: 2 },
  ],
  changes: { drain: 60_000, slowStart: 0, whenDown: 'reset' },
  health: undefined,
  announce: { min: { kind: 'count', value: 1 }, metric: 10, whenDown: 'withdraw', lsa: AS_STUB },
  sync: 'established',
};

const CLUSTER: LocalAddressesOf = {
  directors: [
    { name: 'd1', local: [ipv4('10.9.0.1')] },
    { name: 'd2', local: [ipv4('10.9.0.2')] },
  ],
  local: { shared: [] },
};

const digest = (change: Partial<Service> = {}, cluster = CLUSTER) => serviceDigest({ ...WEB, ...change }, cluster);

const FULLNAT = { forward: 'fullnat' } as const;

test('is the same in whatever order the file lists things, and whatever the servers are called', () => {
  const servers = [...WEB.servers].reverse().map((server, n) => ({ ...server, name: `other${n}` }));
  expect(digest({ vips: [...WEB.vips].reverse(), ports: [443, 80], servers })).toBe(digest());
  expect(digest()).toMatch(/^[0-9a-f]{16}$/);
});

test('is another one as soon as anything differs that a connection depends on', () => {
  const changes: Readonly<Record<string, Partial<Service>>> = {
    none: {},
    name: { name: 'web2' },
    vips: { vips: [WEB.vips[0]!] },
    ports: { ports: [80] },
    protocol: { protocol: 'udp' },
    fwmark: { fwmark: 7, ports: [] },
    forward: FULLNAT,
    scheduler: { scheduler: { name: 'rr' } },
    slots: { scheduler: { name: 'mh', slots: 65537, sourcePort: true } },
    sourcePort: { scheduler: { name: 'mh', slots: 4099, sourcePort: false } },
    persistence: { persistence: 600_000 },
    timeouts: { timeouts: { established: 90 } },
    timeout: { timeouts: { established: 91 } },
    sync: { sync: 'all' },
    sorry: { sorry: ipv4('10.2.0.99') },
    weight: { servers: WEB.servers.map((server) => ({ ...server, weight: 2 })) },
    servers: { servers: [WEB.servers[0]!] },
  };
  const digests = new Map(Object.entries(changes).map(([name, change]) => [digest(change), name]));
  expect([...digests.values()]).toEqual(Object.keys(changes));
});

test('is not another one for what is each director’s own affair', () => {
  const health = { check: { kind: 'tcp' }, port: 80, interval: 1, timeout: 1, rise: 1, fall: 1 } as const;
  const changes = { drain: 1, slowStart: 1, whenDown: 'keep' } as const;
  const servers = WEB.servers.map((server) => ({ ...server, limit: 5 }));
  expect(digest({ health, changes, servers, inside: true })).toBe(digest());
});

test('of FullNAT is one of the local addresses, too', () => {
  const one = CLUSTER.directors[0]!;
  const others: readonly LocalAddressesOf[] = [
    { ...CLUSTER, directors: [one] },
    { ...CLUSTER, directors: [one, { name: 'd2', local: [ipv4('10.9.0.3')] }] },
    { ...CLUSTER, local: { shared: [ipv4('10.9.0.9')] } },
  ];
  for (const other of others) {
    expect(digest(FULLNAT, other)).not.toBe(digest(FULLNAT));
    expect(digest({}, other)).toBe(digest());
  }
  expect(digest(FULLNAT, { ...CLUSTER, directors: [...CLUSTER.directors].reverse() })).toBe(digest(FULLNAT));
});

test('how tables are computed has not changed since directors compare it', () => {
  // When this fails directors of two releases disagree about new connections: they will not announce beside each other.
  expect(hashTableDigest('nftables')).toBe('f9dbc659dd7aa525');
  expect(hashTableDigest('ipvs')).not.toBe(hashTableDigest('nftables'));
});
