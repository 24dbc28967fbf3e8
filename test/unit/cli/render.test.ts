import { expect, test } from 'vitest';
import type { NeighborDocument, StatusDocument } from '../../../src/api/documents.ts';
import type { SyncDocument, SyncPeerDocument } from '../../../src/api/sync-documents.ts';
import { renderEvent } from '../../../src/cli/render/events.ts';
import { renderCounters, renderLsdb, renderNeighbors, renderRoutes } from '../../../src/cli/render/routing.ts';
import { renderServers, renderServices } from '../../../src/cli/render/services.ts';
import { renderStatus } from '../../../src/cli/render/status.ts';
import { renderSync } from '../../../src/cli/render/sync.ts';
import { bytes, count, duration, table } from '../../../src/cli/render/text.ts';

const status: StatusDocument = {
  cluster: 'edge-1',
  director: 'd1',
  routerId: '10.255.0.1',
  version: '0.1.0',
  pid: 4711,
  state: 'active',
  waitingFor: [],
  uptime: 65_000,
  startedAt: '2026-01-01T12:00:00.000Z',
  config: { path: '/etc/sluice/cluster.yml', hash: '3f2a91c0b7e4d5a6', stale: null },
  dataplane: {
    name: 'nftables',
    reason: null,
    foreign: [],
    programmed: ['web'],
    lastApply: 64_700,
    fault: null,
    plainPorts: null,
  },
  vips: [
    { vip: '203.0.113.10', announced: true, metric: 10, lsa: 'stub', waitingFor: [], services: ['web', 'web-udp'] },
    {
      vip: '203.0.113.11',
      announced: false,
      metric: null,
      lsa: null,
      waitingFor: ['api: 1 of 2 servers healthy, needs 2'],
      services: ['api'],
    },
  ],
  local: [],
  portBlocks: null,
  restarts: [],
  sync: null,
  neighbors: { full: 2, total: 2, missing: [] },
  heldLinks: [],
  process: {
    priority: { nice: -20, refused: null },
    eventLoopDelay: { p50: 0.1, p99: 1.5, p999: 12.34, max: 20, count: 6000 },
  },
};

test('status: facts, then each VIP with its reason', () => {
  expect(renderStatus(status)).toMatchInlineSnapshot(`
    "edge-1 / d1
      state       active
      up          1m05s, pid 4711, sluice 0.1.0
      router id   10.255.0.1
      neighbors   2 of 2 full
      data plane  nftables: web; applied 300 ms ago
      process     nice -20; event loop late by 2 ms (p99), 12 ms (p99.9), 20 ms at most
      config      /etc/sluice/cluster.yml (3f2a91c0b7e4)

    VIP           ANNOUNCED  METRIC  LSA   SERVICES      WAITING FOR
    203.0.113.10  yes            10  stub  web, web-udp
    203.0.113.11  no              -  -     api           api: 1 of 2 servers healthy, needs 2
    1 VIP not announced"
  `);
});

test('status: what a drain waits for, and links without a neighbor', () => {
  const waitingFor = ['203.0.113.10: 50 packets/s', '31 s until the deadline'];
  const neighbors = { full: 1, total: 1, missing: ['eth9 is down'] };
  const text = renderStatus({ ...status, state: 'draining', waitingFor, neighbors });
  expect(text).toContain('  state       draining; 203.0.113.10: 50 packets/s; 31 s until the deadline\n');
  expect(text).toContain('  neighbors   1 of 1 full; eth9 is down\n');
});

test('status: links that wait for us, and those that could not', () => {
  const heldLinks = [
    { interface: 'eth1', state: 'held' },
    { interface: 'eth2', state: 'released' },
    { interface: 'eth3', state: 'refused' },
  ] as const;
  expect(renderStatus({ ...status, heldLinks })).toContain(
    '  links       eth1 is held down until the data plane is programmed; eth3 is not held: the only default route leads through it\n',
  );
});

test('status: the ports of local addresses, as far as connections are counted', () => {
  const digest = '0123456789abcdef';
  const [own, more] = [
    { address: '10.3.0.1', blocks: 63, connections: 40_000, fill: 0.625 },
    { address: '10.8.0.1', blocks: 1, connections: 1000, fill: 0.976 },
  ];
  const ports = (addresses: readonly (typeof own)[] | null) => {
    const lines = renderStatus({ ...status, portBlocks: { digest, addresses } }).split('\n');
    return lines.filter((one) => one.startsWith('  ports'));
  };
  expect([ports([own, more]), ports([]), ports(null)].flat()).toEqual([
    '  ports       10.3.0.1 63 blocks 62% full, 10.8.0.1 1 block 97% full; ownership 0123456789abcdef',
    '  ports       no blocks; ownership 0123456789abcdef',
    '  ports       not counted; ownership 0123456789abcdef',
  ]);
});

test('status: a priority that could not be raised', () => {
  const process = { ...status.process, priority: { nice: 0, refused: 'EACCES' } };
  expect(renderStatus({ ...status, process })).toContain('  process     nice 0 (not raised: EACCES); event loop late');
});

test('status: a refused file and a data plane fault are not overlooked', () => {
  const text = renderStatus({
    ...status,
    config: { ...status.config, stale: '2 faults' },
    dataplane: { ...status.dataplane, fault: 'nft-apply: EPERM' },
    vips: [],
  });
  expect(text).toMatchInlineSnapshot(`
    "edge-1 / d1
      state       active
      up          1m05s, pid 4711, sluice 0.1.0
      router id   10.255.0.1
      neighbors   2 of 2 full
      data plane  nftables: web; applied 300 ms ago; FAULT: nft-apply: EPERM
      process     nice -20; event loop late by 2 ms (p99), 12 ms (p99.9), 20 ms at most
      config      /etc/sluice/cluster.yml (3f2a91c0b7e4); the file on disk was REFUSED: 2 faults

    no VIPs"
  `);
});

const neighbor: NeighborDocument = {
  instance: 'outside',
  interface: 'eth1',
  network: 'point-to-point',
  routerId: '10.255.1.1',
  address: '10.1.1.1',
  priority: 1,
  state: 'full',
  role: null,
  designatedRouter: '0.0.0.0',
  backupDesignatedRouter: '0.0.0.0',
  deadIn: 3456,
  retransmissions: 0,
  requests: 12,
  trouble: null,
  helpedFor: null,
};

test('status: a restart that goes on, and what it waits for', () => {
  const waitingFor = ['10.255.1.1 on eth1', '2 prefixes to be announced again'];
  const text = renderStatus({
    ...status,
    restarts: [{ instance: 'outside', planned: true, left: 97_000, waitingFor }],
  });
  expect(text).toContain(
    'restart     outside: planned, at most 1m37s more; waiting for 10.255.1.1 on eth1, 2 prefixes to be announced again',
  );
});

test('neighbors: one that restarts is told from the others', () => {
  expect(renderNeighbors([{ ...neighbor, helpedFor: 97_000 }])).toContain(' full, restarting ');
});

test('neighbors: columns line up, an unset DR is a dash', () => {
  const other = {
    ...neighbor,
    interface: 'up-to-the-roof',
    state: 'exStart',
    designatedRouter: '10.1.2.1',
    trouble: 'no answer',
  };
  expect(renderNeighbors([neighbor, other])).toMatchInlineSnapshot(`
    "INSTANCE  INTERFACE       ROUTER ID   ADDRESS   PRI  STATE    DR        BDR  DEAD IN  RXMT  REQ  TROUBLE
    outside   eth1            10.255.1.1  10.1.1.1    1  full     -         -      3.4 s     0   12  -
    outside   up-to-the-roof  10.255.1.1  10.1.1.1    1  exStart  10.1.2.1  -      3.4 s     0   12  no answer"
  `);
  expect(renderNeighbors([])).toBe('no neighbors heard');
});

test('lsdb: own LSAs are starred', () => {
  const lsa = {
    instance: 'outside',
    type: 1,
    id: '10.255.0.1',
    advertisingRouter: '10.255.0.1',
    sequence: '0x80000003',
    checksum: '0x12ab',
    age: 17,
    length: 48,
    own: true,
    summary: ['stub 203.0.113.10/32 metric 10'],
    content: null,
  };
  expect(renderLsdb([lsa, { ...lsa, type: 42, own: false, summary: [] }])).toMatchInlineSnapshot(`
    "INSTANCE  TYPE    ID          ADV ROUTER    AGE  SEQUENCE    CKSUM   LEN  CONTENT
    outside   router  10.255.0.1  10.255.0.1 *   17  0x80000003  0x12ab   48  stub 203.0.113.10/32 metric 10
    outside   42      10.255.0.1  10.255.0.1     17  0x80000003  0x12ab   48"
  `);
});

test('routes: every next hop of an ECMP route is shown', () => {
  const nextHops = [
    { interface: 'eth1', gateway: '10.1.1.1' },
    { interface: 'eth2', gateway: null },
  ];
  const route = {
    instance: 'outside',
    prefix: '0.0.0.0/0',
    pathType: 'external2',
    cost: 10,
    nextHops,
    installed: true,
    refusal: null,
  };
  expect(renderRoutes([route])).toMatchInlineSnapshot(`
    "INSTANCE  PREFIX     TYPE       COST  NEXT HOPS            INSTALLED
    outside   0.0.0.0/0  external2    10  10.1.1.1 eth1, eth2  yes"
  `);
});

test('a route that stays out of the kernel says why', () => {
  const nextHops = [{ interface: 'eth1', gateway: null }];
  const route = {
    instance: 'outside',
    prefix: '10.1.1.0/30',
    pathType: 'intraArea',
    cost: 1,
    nextHops,
    installed: false,
    refusal: 'inside the connected network 10.1.1.0/24',
  };
  expect(renderRoutes([route])).toContain('no: inside the connected network 10.1.1.0/24');
});

test('counters: a line each', () => {
  expect(
    renderCounters([{ instance: 'outside', counters: { spfRuns: 3, 'dropped.checksum': 12 } }]),
  ).toMatchInlineSnapshot(`
    "INSTANCE  COUNTER           VALUE
    outside   spfRuns               3
    outside   dropped.checksum     12"
  `);
});

const traffic = { newConnections: 1234, packetsIn: 56_789, bytesIn: 5_000_000, packetsOut: 0, bytesOut: 1023 };

test('services and servers', () => {
  const service = {
    service: 'web',
    vips: ['203.0.113.10'],
    ports: [80, 443],
    protocol: 'tcp',
    forward: 'nat',
    scheduler: 'mh',
    fwmark: null,
    persistence: null,
    lsa: 'external E1',
    healthy: 3,
    servers: 4,
    programmed: true,
    active: 1500,
    misses: 0,
    persistenceFull: 0,
    ...traffic,
  };
  expect(renderServices([service])).toMatchInlineSnapshot(`
    "SERVICE  VIP           PORTS       FORWARD  SCHED  LSA          HEALTHY  PROGRAMMED  ACTIVE  NEW CONNS  PKTS IN  BYTES IN  PKTS OUT  BYTES OUT
    web      203.0.113.10  tcp/80,443  nat      mh     external E1      3/4  yes           1.5k       1.2k    56.8k   4.8 MiB         0     1023 B"
  `);
  const marked = renderServices([{ ...service, ports: [], fwmark: 7, misses: 1, persistenceFull: 30 }]).split('\n');
  expect(marked[1]).toMatch(/^web +203\.0\.113\.10 +fwmark 7 +nat/);
  expect(marked.slice(2)).toEqual([
    '',
    'web: 1 new connection found no server and came to nothing',
    'web: 30 new connections of clients that there was no room to remember',
  ]);
  const server = {
    service: 'web',
    server: 'r1',
    address: '10.2.0.21',
    weight: 1,
    state: 'down' as const,
    phase: 'serving' as const,
    phaseEnds: null,
    tenths: 10,
    limit: null,
    active: 7,
    check: 'http :80/healthz = 200',
    lastRunAge: 812,
    lastResult: 'ECONNREFUSED',
    lag: 1.2,
    ...traffic,
  };
  expect(renderServers([server, { ...server, lastRunAge: null, lastResult: null, lag: null }])).toMatchInlineSnapshot(`
    "SERVICE  SERVER  ADDRESS    WEIGHT  STATE  CHECK                     LAST RUN   LAG  LAST RESULT   ACTIVE  NEW CONNS  PKTS IN  BYTES IN  PKTS OUT  BYTES OUT
    web      r1      10.2.0.21       1  down   http :80/healthz = 200  812 ms ago  1 ms  ECONNREFUSED       7       1.2k    56.8k   4.8 MiB         0     1023 B
    web      r1      10.2.0.21       1  down   http :80/healthz = 200           -     -  -                  7       1.2k    56.8k   4.8 MiB         0     1023 B"
  `);
});

test('status says of connection sync what is not as it should be', () => {
  const sync = {
    state: 'synced',
    fault: null,
    living: ['d1', 'd2'],
    dead: ['d3'],
    troubles: ['d2 is behind'],
  } as const;
  expect(renderStatus({ ...status, sync })).toContain('sync        synced; d1, d2 live; d3 gone; d2 is behind');
});

test('connection sync: who lives, and each stream with what it owes', () => {
  const peer: SyncPeerDocument = {
    ...{ name: 'd2', state: 'up', age: 61_000, lag: { p50: 0.42, p99: 3.14 }, recordsOut: 1234.4, recordsIn: 0 },
    ...{ bytesOut: 70_000, bytesIn: 0, unacknowledged: 48, digestsMatch: true, unprotected: 2, lastError: null },
    sameFile: false,
  };
  const gone: SyncPeerDocument = {
    ...{ ...peer, name: 'd3', state: 'gone', lag: null, recordsOut: 0, bytesOut: 0, unprotected: 700 },
    ...{ sameFile: null, digestsMatch: null, lastError: 'connect ECONNREFUSED 10.2.0.13:7171' },
  };
  const document: SyncDocument = {
    ...{
      state: 'synced',
      fault: null,
      connections: { total: 2000, own: 700, bytes: 300_000 },
      secondChance: true,
      leftOut: [],
      counters: {},
    },
    members: {
      living: [
        { name: 'd1', epoch: '00000000000000a1', age: 65_000 },
        { name: 'd2', epoch: '00000000000000b1', age: 61_000 },
      ],
      dead: [{ name: 'd3', age: 5000 }],
    },
    peers: [peer, gone],
  };
  expect(renderSync(document)).toMatchInlineSnapshot(`
    "state        synced
    living       d1 (1m05s), d2 (1m01s)
    gone         d3 (for 5.0 s)
    connections  2.0k known, 700 carried here, 293.0 KiB
    unknown      packets of unknown connections: the others are asked

    PEER  STATE  SINCE  LAG P50  LAG P99  OUT/S  IN/S  BYTES OUT/S  BYTES IN/S  UNACKED  UNPROTECTED  DIGESTS
    d2    up     1m01s   0.4 ms   3.1 ms   1.2k     0     68.4 KiB         0 B     48 B            2  equal
    d3    gone   1m01s        -        -      0     0          0 B         0 B     48 B          700  -

    d2 has another cluster file
    d3: connect ECONNREFUSED 10.2.0.13:7171
    700 connections not yet held by every peer"
  `);
  expect(renderSync({ ...document, state: 'down', fault: 'out of memory', peers: [] })).toContain(
    'state        down: out of memory',
  );
  const leftOut = [{ service: 'web', reason: 'IPVS keeps its connections' }];
  expect(renderSync({ ...document, leftOut, peers: [] })).toContain('\nnot synced   web: IPVS keeps its connections');
  expect(renderSync({ ...document, state: 'off' })).toBe('connections are not synced: the cluster file has no keys');
});

test('an event is one line; values with blanks are quoted', () => {
  const line = renderEvent({
    seq: 1,
    t: 12.5,
    at: '2026-01-01T12:00:00.123Z',
    event: 'vip-announcing',
    values: { vip: '203.0.113.10', why: 'two words', services: ['a', 'b'], none: [] },
  });
  expect(line).toBe('12:00:00.123  vip-announcing       vip=203.0.113.10 why="two words" services=a,b none=-');
});

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [59_999, '59.9 s'],
  [60_000, '1m00s'],
  [3_599_000, '59m59s'],
  [3_600_000, '1h00m'],
  [187_200_000, '2d04h'],
])('duration %d', (ms, text) => expect(duration(ms)).toBe(text));

test('counts and bytes are short', () => {
  expect([0, 999, 1000, 12_345, 4e9].map(count)).toEqual(['0', '999', '1.0k', '12.3k', '4.0G']);
  expect([0, 1023, 1024, 5e12].map(bytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '4.5 TiB']);
});

test('a table without rows is its header', () => {
  expect(table(['A', 'B'], [])).toBe('A  B');
});
