/**
 * What the control API's documents say, as metrics in Prometheus' text format (version 0.0.4), for `GET /metrics`.
 *
 * In: documents. Out: text. Names that dashboards of IPVS know (`node_ipvs_…`, as node_exporter has them) stand beside our own,
 * `sluice_…`, with the unit in the name; what is not known is left out and never 0. `node_ipvs_backend_connections_inactive` is
 * never known: connections that are over are told apart from those that live, not counted by server.
 */
import type { CountersDocument, LifecycleState, ServerDocument, ServiceDocument, StatusDocument } from './documents.ts';
import type { SyncDocument, SyncPeerDocument } from './sync-documents.ts';

export interface Measured {
  readonly status: StatusDocument;
  readonly services: readonly ServiceDocument[];
  readonly servers: readonly ServerDocument[];
  readonly sync: SyncDocument;
  readonly counters: readonly CountersDocument[];
}

type Labels = Readonly<Record<string, string>>;
/** Undefined and null: not known, and left out. */
type Value = number | boolean | null | undefined;

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const STATES: readonly LifecycleState[] = ['starting', 'syncing', 'ready', 'active', 'draining', 'drained', 'failed'];
const SYNC_STATES: readonly SyncDocument['state'][] = ['off', 'down', 'syncing', 'synced'];

/** One metric after the other: all samples of a name stand together. */
class Page {
  readonly #lines: string[] = [];

  gauge(name: string, help: string, samples: Iterable<readonly [Labels, Value]>): void {
    this.#metric(name, 'gauge', help, samples);
  }

  counter(name: string, help: string, samples: Iterable<readonly [Labels, Value]>): void {
    this.#metric(name, 'counter', help, samples);
  }

  #metric(name: string, type: string, help: string, samples: Iterable<readonly [Labels, Value]>): void {
    const lines = [...samples].flatMap(([labels, value]) =>
      value === null || value === undefined ? [] : [`${name}${labelText(labels)} ${Number(value)}`],
    );
    if (lines.length > 0) this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines);
  }

  text(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

const seconds = (millis: number | null) => (millis === null ? null : millis / 1000);

/** @returns all metrics, each with its help and type */
export function metricsText(measured: Measured): string {
  const page = new Page();
  agentMetrics(page, measured);
  serviceMetrics(page, measured.services);
  serverMetrics(page, measured.servers);
  ipvsMetrics(page, measured);
  syncMetrics(page, measured.sync);
  page.counter(
    'sluice_counter_total',
    'What routing instances, the data plane and others count, by instance and name.',
    measured.counters.flatMap(({ instance, counters }) =>
      Object.entries(counters).map(([name, value]): [Labels, Value] => [{ instance, name }, value]),
    ),
  );
  return page.text();
}

function agentMetrics(page: Page, { status }: Measured): void {
  const { cluster, director, routerId, version, dataplane, process, neighbors, vips } = status;
  const info = { cluster, director, router_id: routerId, version, dataplane: dataplane.name };
  page.gauge('sluice_info', 'What this agent is; always 1.', [[info, 1]]);
  page.gauge('sluice_uptime_seconds', 'Since the agent began.', [[{}, seconds(status.uptime)]]);
  page.gauge(
    'sluice_state',
    'Lifecycle state of the director: 1 for the one that it is in.',
    STATES.map((state) => [{ state }, state === status.state]),
  );
  page.gauge('sluice_config_stale', 'Was the cluster file on disk refused, so that an older one is in force?', [
    [{}, status.config.stale !== null],
  ]);
  page.gauge('sluice_dataplane_fault', 'Was the last change refused by the kernel?', [[{}, dataplane.fault !== null]]);
  page.gauge(
    'sluice_vip_announced',
    'Is the VIP announced to routers?',
    vips.map(({ vip, announced }) => [{ vip }, announced]),
  );
  page.gauge(
    'sluice_vip_metric',
    'Metric that the VIP is announced at.',
    vips.map(({ vip, metric }) => [{ vip }, metric]),
  );
  page.gauge('sluice_neighbors', 'Routing neighbors.', [[{}, neighbors.total]]);
  page.gauge('sluice_neighbors_full', 'Routing neighbors that are fully adjacent.', [[{}, neighbors.full]]);
  const { p50, p99, p999, max } = process.eventLoopDelay;
  const quantiles = { '0.5': p50, '0.99': p99, '0.999': p999, '1': max };
  page.gauge(
    'sluice_event_loop_delay_seconds',
    'By how much the event loop was late.',
    Object.entries(quantiles).map(([quantile, value]) => [{ quantile }, seconds(value)]),
  );
  const fills = status.portBlocks?.addresses ?? [];
  page.gauge(
    'sluice_local_address_fill_ratio',
    'Ports of an address in use towards the busiest server.',
    fills.map(({ address, fill }) => [{ address }, fill]),
  );
  page.gauge(
    'sluice_local_address_connections',
    'Connections from ports of an address.',
    fills.map(({ address, connections }) => [{ address }, connections]),
  );
}

function serviceMetrics(page: Page, services: readonly ServiceDocument[]): void {
  const each = (of: (one: ServiceDocument) => Value) =>
    services.map((one): [Labels, Value] => [{ service: one.service }, of(one)]);
  page.gauge(
    'sluice_service_programmed',
    'Is the service in the kernel?',
    each(({ programmed }) => programmed),
  );
  page.gauge(
    'sluice_service_servers',
    'Servers of the service.',
    each(({ servers }) => servers),
  );
  page.gauge(
    'sluice_service_servers_healthy',
    'Servers that are healthy.',
    each(({ healthy }) => healthy),
  );
  page.gauge(
    'sluice_service_connections_active',
    'Connections that are open.',
    each(({ active }) => active),
  );
  page.counter(
    'sluice_service_connections_total',
    'New connections.',
    each(({ newConnections }) => newConnections),
  );
  page.counter(
    'sluice_service_misses_total',
    'New connections that found no server.',
    each(({ misses }) => misses),
  );
  page.counter(
    'sluice_service_persistence_full_total',
    'New connections of clients that there was no room to remember.',
    each(({ persistenceFull }) => persistenceFull),
  );
  trafficMetrics(page, 'sluice_service', services, ({ service }) => ({ service }));
}

function serverMetrics(page: Page, servers: readonly ServerDocument[]): void {
  const label = ({ service, server }: ServerDocument) => ({ service, server });
  const each = (of: (one: ServerDocument) => Value) => servers.map((one): [Labels, Value] => [label(one), of(one)]);
  page.gauge(
    'sluice_server_up',
    'Is the server healthy?',
    each(({ state }) => (state === 'unknown' ? null : state === 'up')),
  );
  page.gauge(
    'sluice_server_serving',
    'Does the server get new connections, or stands in as the sorry server?',
    each(({ phase }) => phase === 'serving' || phase === 'sorry'),
  );
  page.gauge(
    'sluice_server_weight',
    'Weight of the server.',
    each(({ weight }) => weight),
  );
  page.gauge(
    'sluice_server_connections_active',
    'Connections that are open.',
    each(({ active }) => active),
  );
  page.counter(
    'sluice_server_connections_total',
    'New connections.',
    each(({ newConnections }) => newConnections),
  );
  page.gauge(
    'sluice_server_check_age_seconds',
    'Since the last health check ended.',
    each(({ lastRunAge }) => seconds(lastRunAge)),
  );
  page.gauge(
    'sluice_server_check_lag_seconds',
    'By how much the last health check was late.',
    each(({ lag }) => seconds(lag)),
  );
  trafficMetrics(page, 'sluice_server', servers, label);
}

type Traffic = Pick<ServiceDocument, 'packetsIn' | 'packetsOut' | 'bytesIn' | 'bytesOut'>;

/** `in`: from clients. */
function trafficMetrics<T extends Traffic>(page: Page, prefix: string, rows: readonly T[], label: (row: T) => Labels) {
  const both = (into: keyof Traffic, out: keyof Traffic) =>
    rows.flatMap((row): [Labels, Value][] => [
      [{ ...label(row), direction: 'in' }, row[into]],
      [{ ...label(row), direction: 'out' }, row[out]],
    ]);
  page.counter(`${prefix}_packets_total`, 'Packets.', both('packetsIn', 'packetsOut'));
  page.counter(`${prefix}_bytes_total`, 'Bytes.', both('bytesIn', 'bytesOut'));
}

function ipvsMetrics(page: Page, { services, servers }: Measured): void {
  const sum = (of: (one: ServiceDocument) => number) => services.reduce((all, one) => all + of(one), 0);
  const total = (name: string, help: string, of: (one: ServiceDocument) => number) =>
    page.counter(`node_ipvs_${name}_total`, help, [[{}, sum(of)]]);
  total('connections', 'The total number of connections made.', ({ newConnections }) => newConnections);
  total('incoming_packets', 'The total number of incoming packets.', ({ packetsIn }) => packetsIn);
  total('outgoing_packets', 'The total number of outgoing packets.', ({ packetsOut }) => packetsOut);
  total('incoming_bytes', 'The total amount of incoming data.', ({ bytesIn }) => bytesIn);
  total('outgoing_bytes', 'The total amount of outgoing data.', ({ bytesOut }) => bytesOut);
  const byName = new Map(services.map((one) => [one.service, one]));
  const backends = servers.flatMap((server): [Labels, ServerDocument][] => {
    const service = byName.get(server.service);
    return service === undefined ? [] : [[backendLabels(service, server), server]];
  });
  const each = (of: (one: ServerDocument) => Value) =>
    backends.map(([labels, server]): [Labels, Value] => [labels, of(server)]);
  const of = 'A service of several VIPs or ports is shown under the first.';
  page.gauge(
    'node_ipvs_backend_connections_active',
    `The current active connections by local and remote address. ${of}`,
    each(({ active }) => active),
  );
  page.gauge(
    'node_ipvs_backend_weight',
    `The current backend weight by local and remote address. ${of}`,
    each(({ weight }) => weight),
  );
}

function backendLabels({ vips, ports, protocol, fwmark }: ServiceDocument, { address }: ServerDocument): Labels {
  const port = ports[0] === undefined ? '' : String(ports[0]);
  return {
    local_address: fwmark === null ? (vips[0] ?? '') : '',
    local_port: port,
    remote_address: address,
    remote_port: port,
    proto: protocol.toUpperCase(),
    local_mark: fwmark === null ? '' : fwmark.toString(16).toUpperCase().padStart(8, '0'),
  };
}

function syncMetrics(page: Page, sync: SyncDocument): void {
  page.gauge(
    'sluice_sync_state',
    'State of connection sync: 1 for the one that it is in.',
    SYNC_STATES.map((state) => [{ state }, state === sync.state]),
  );
  if (sync.state === 'off') return;
  const { connections, members, peers } = sync;
  page.gauge('sluice_sync_connections', 'Connections that are known here.', [[{}, connections.total]]);
  page.gauge('sluice_sync_connections_own', 'Connections that this director carries.', [[{}, connections.own]]);
  page.gauge('sluice_sync_memory_bytes', 'Memory that the connections take.', [[{}, connections.bytes]]);
  page.gauge('sluice_sync_members_living', 'Directors that live.', [[{}, members?.living.length]]);
  page.gauge('sluice_sync_members_dead', 'Directors that are known to be gone.', [[{}, members?.dead.length]]);
  page.gauge('sluice_sync_second_chance', 'Are others asked whose a packet is that nobody here knows?', [
    [{}, sync.secondChance],
  ]);
  peerMetrics(page, peers);
  page.counter(
    'sluice_sync_total',
    'What the sync thread has counted, by name.',
    Object.entries(sync.counters).map(([name, value]) => [{ name }, value]),
  );
}

function peerMetrics(page: Page, peers: readonly SyncPeerDocument[]): void {
  const each = (of: (one: SyncPeerDocument) => Value) =>
    peers.map((one): [Labels, Value] => [{ peer: one.name }, of(one)]);
  page.gauge(
    'sluice_sync_peer_up',
    'Does the peer keep up?',
    each(({ state }) => state === 'up'),
  );
  page.gauge(
    'sluice_sync_peer_lag_seconds',
    'From the event of the kernel to the acknowledgement of the peer.',
    peers.flatMap(({ name: peer, lag }): [Labels, Value][] => [
      [{ peer, quantile: '0.5' }, seconds(lag?.p50 ?? null)],
      [{ peer, quantile: '0.99' }, seconds(lag?.p99 ?? null)],
    ]),
  );
  page.gauge(
    'sluice_sync_peer_unacknowledged_bytes',
    'Bytes that the peer has not acknowledged.',
    each(({ unacknowledged }) => unacknowledged),
  );
  page.gauge(
    'sluice_sync_peer_unprotected_connections',
    'Connections of this director that the peer is not known to hold.',
    each(({ unprotected }) => unprotected),
  );
  page.gauge(
    'sluice_sync_peer_same_file',
    'Has the peer the same cluster file?',
    each(({ sameFile }) => sameFile),
  );
  page.gauge(
    'sluice_sync_peer_digests_match',
    'Did the digests agree when they were last compared?',
    each(({ digestsMatch }) => digestsMatch),
  );
}
