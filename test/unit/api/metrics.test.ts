/** Documents as metrics: names that dashboards know, units, labels, and what is not known left out. */
import { expect, test } from 'vitest';
import type { ServerDocument, ServiceDocument, StatusDocument } from '../../../src/api/documents.ts';
import { type Measured, metricsText } from '../../../src/api/metrics.ts';
import type { SyncDocument, SyncPeerDocument } from '../../../src/api/sync-documents.ts';
import { SYNC_OFF } from './sync-off.ts';

const STATUS = {
  ...{ cluster: 'edge-1', director: 'd1', routerId: '10.255.0.1', version: '0.1.0', state: 'active', uptime: 90_500 },
  config: { path: '/etc/sluice/cluster.yml', hash: '00', stale: null },
  dataplane: { name: 'nftables', fault: null },
  vips: [
    { vip: '203.0.113.10', announced: true, metric: 10 },
    { vip: '203.0.113.11', announced: false, metric: null },
  ],
  portBlocks: { digest: '', addresses: [{ address: '10.8.0.1', blocks: 63, connections: 7, fill: 0.25 }] },
  neighbors: { full: 1, total: 2, missing: [] },
  process: { priority: {}, eventLoopDelay: { p50: 1, p99: 2.5, p999: 4, max: 20, count: 9 } },
} as unknown as StatusDocument;

const TRAFFIC = { newConnections: 5, packetsIn: 10, bytesIn: 1000, packetsOut: 20, bytesOut: 2000 };

const WEB = {
  ...{ service: 'web', vips: ['203.0.113.10'], ports: [80, 443], protocol: 'tcp', fwmark: null, programmed: true },
  ...{ healthy: 1, servers: 2, active: 3, misses: 1, persistenceFull: 0 },
  ...TRAFFIC,
} as unknown as ServiceDocument;

const MARKED = { ...WEB, service: 'marked', vips: [], ports: [], fwmark: 0x1001, active: null };

const S1 = {
  ...{ service: 'web', server: 's1', address: '10.2.0.21', weight: 2, state: 'up', phase: 'serving', active: 3 },
  ...{ lastRunAge: 250, lag: 3 },
  ...TRAFFIC,
} as unknown as ServerDocument;
const S2 = { ...S1, server: 's2', address: '10.2.0.22', state: 'unknown', active: null, lastRunAge: null } as const;

const PEER: SyncPeerDocument = {
  ...{ name: 'd2', state: 'up', age: 5, lag: { p50: 0.2, p99: 3 }, recordsOut: 1, recordsIn: 2, bytesOut: 3 },
  ...{ bytesIn: 4, unacknowledged: 48, sameFile: true, digestsMatch: null, unprotected: 6, lastError: null },
};

const SYNC: SyncDocument = {
  ...SYNC_OFF,
  ...{ state: 'synced', members: { living: [], dead: [{ name: 'd3', age: 1 }] }, secondChance: true, leftOut: [] },
  ...{ connections: { total: 9, own: 4, bytes: 800 }, peers: [PEER], counters: { demoted: 2 } },
};

const MEASURED: Measured = {
  ...{ status: STATUS, services: [WEB, MARKED], servers: [S1, S2], sync: SYNC },
  counters: [{ instance: 'out "x"\\', counters: { 'received.hello': 12 } }],
};

const lines = (measured: Measured = MEASURED) => metricsText(measured).split('\n');

test('each metric has its help and type once, directly before its samples', () => {
  const text = metricsText(MEASURED);
  expect(text.endsWith('\n')).toBe(true);
  const names = [...text.matchAll(/^# HELP (\S+) .+\n# TYPE (\S+) (?:counter|gauge)\n(?=\2[ {])/gm)];
  expect(new Set(names.map(([, name]) => name)).size).toBe(names.length);
  expect(names.every(([, help, type]) => help === type)).toBe(true);
  const samples = lines().filter((line) => line !== '' && !line.startsWith('#'));
  for (const sample of samples) expect(sample).toMatch(/^[a-z_]+(?:\{[a-z_]+="[^\n]*"\})? [-+.e0-9]+$/);
  expect(new Set(samples.map((line) => line.split(/[ {]/)[0]))).toEqual(new Set(names.map(([, name]) => name)));
});

test.each([
  'sluice_info{cluster="edge-1",director="d1",router_id="10.255.0.1",version="0.1.0",dataplane="nftables"} 1',
  'sluice_uptime_seconds 90.5',
  'sluice_state{state="active"} 1',
  'sluice_state{state="draining"} 0',
  'sluice_config_stale 0',
  'sluice_vip_announced{vip="203.0.113.11"} 0',
  'sluice_vip_metric{vip="203.0.113.10"} 10',
  'sluice_event_loop_delay_seconds{quantile="0.99"} 0.0025',
  'sluice_local_address_fill_ratio{address="10.8.0.1"} 0.25',
  'sluice_service_connections_total{service="web"} 5',
  'sluice_service_bytes_total{service="web",direction="out"} 2000',
  'sluice_server_up{service="web",server="s1"} 1',
  'sluice_server_check_age_seconds{service="web",server="s1"} 0.25',
  'sluice_sync_state{state="synced"} 1',
  'sluice_sync_connections_own 4',
  'sluice_sync_members_dead 1',
  'sluice_sync_peer_lag_seconds{peer="d2",quantile="0.99"} 0.003',
  'sluice_sync_peer_unprotected_connections{peer="d2"} 6',
  'sluice_sync_total{name="demoted"} 2',
  'sluice_counter_total{instance="out \\"x\\"\\\\",name="received.hello"} 12',
  'node_ipvs_connections_total 10',
  'node_ipvs_incoming_bytes_total 2000',
  'node_ipvs_backend_weight{local_address="203.0.113.10",local_port="80",remote_address="10.2.0.21",remote_port="80",proto="TCP",local_mark=""} 2',
])('%s', (line) => {
  expect(lines()).toContain(line);
});

test('a service by mark has no address, and its mark as IPVS writes it', () => {
  const text = lines({ ...MEASURED, servers: [{ ...S1, service: 'marked' }] }).filter((line) =>
    /backend_weight\{/.test(line),
  );
  expect(text).toEqual([
    'node_ipvs_backend_weight{local_address="",local_port="",remote_address="10.2.0.21",remote_port="",proto="TCP",local_mark="00001001"} 2',
  ]);
});

test.each([
  'sluice_vip_metric{vip="203.0.113.11"}',
  'sluice_service_connections_active{service="marked"}',
  'sluice_server_up{service="web",server="s2"}',
  'sluice_server_check_age_seconds{service="web",server="s2"}',
  'sluice_sync_peer_digests_match',
])('what is not known is left out: %s', (beginning) => {
  expect(lines().filter((line) => line.startsWith(beginning))).toEqual([]);
});

test('where nothing is synced, that is all that is said of it', () => {
  const said = lines({ ...MEASURED, sync: SYNC_OFF }).filter((line) => line.startsWith('sluice_sync'));
  expect(said).toEqual(
    ['off', 'down', 'syncing', 'synced'].map((state, i) => `sluice_sync_state{state="${state}"} ${i === 0 ? 1 : 0}`),
  );
});
