/** The connections that are known here, a page at a time. */
import { RequestError } from '../../api/server.ts';
import type { ConnectionDocument, ConnectionsDocument } from '../../api/sync-documents.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../core/base/ipv4.ts';
import type { Cluster } from '../../core/model/cluster.ts';
import type { ConnectionFilter } from '../../core/model/sync.ts';
import { TIMEOUT_STATES } from '../../core/model/timeouts.ts';
import { type ConnectionRecord, RecordFlag, readRecords, serviceHash } from '../../core/sync/records/record.ts';
import type { Director } from '../director.ts';

/** By TCP_CONNTRACK_* of linux/netfilter/nf_conntrack_tcp.h. */
const STATES: readonly string[] = ['-', ...TIMEOUT_STATES.tcp];
const PROTOCOLS: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp' };

/** @throws RequestError 400 for a query that makes no sense, 409 where there is nobody to ask */
export async function connectionsDocument(director: Director, query: URLSearchParams): Promise<ConnectionsDocument> {
  const { cluster } = director.loaded;
  if (cluster.keys === undefined) {
    throw new RequestError(
      409,
      'refused',
      'connections are not synced, so nobody knows them: the cluster file has no keys',
    );
  }
  const page = await director.sync.list(filterOf(cluster, query), cursorOf(query));
  if (page === undefined) throw new RequestError(409, 'refused', 'the sync thread does not answer');
  const names = namesOf(cluster);
  const connections = readRecords(page.records).map((record) => connectionDocument(record, names));
  return { connections, cursor: page.cursor ?? null };
}

interface Names {
  readonly services: ReadonlyMap<number, string>;
  readonly directors: ReadonlyMap<Ipv4, string>;
}

function namesOf({ services, directors }: Cluster): Names {
  return {
    services: new Map(services.map(({ name }) => [serviceHash(name), name])),
    directors: new Map(directors.map(({ name, routerId }) => [routerId, name])),
  };
}

function connectionDocument(record: ConnectionRecord, { services, directors }: Names): ConnectionDocument {
  const { client, clientPort, vip, vipPort, server, serverPort, local, localPort } = record;
  return {
    protocol: PROTOCOLS[record.protocol] ?? String(record.protocol),
    client: endpoint(client, clientPort),
    vip: endpoint(vip, vipPort),
    server: endpoint(server, serverPort),
    local: endpoint(local, localPort),
    service: services.get(record.service) ?? null,
    owner: directors.get(record.owner) ?? formatIpv4(record.owner),
    epoch: record.epoch,
    state: STATES[record.state] ?? String(record.state),
    predicted: (record.flags & RecordFlag.predicted) !== 0,
    expiresIn: record.timeout * 1000,
  };
}

function endpoint(address: Ipv4, port: number): string {
  return `${formatIpv4(address)}:${port}`;
}

function filterOf({ directors }: Cluster, query: URLSearchParams): ConnectionFilter {
  const [client, vip, server] = ['client', 'vip', 'server'].map((name) => addressIn(name, query.get(name)));
  const owner = query.get('owner');
  const director = directors.find(({ name }) => name === owner);
  if (owner !== null && director === undefined) {
    const names = directors.map(({ name }) => name).join(', ');
    throw new RequestError(400, 'bad-request', `there is no director ${owner}; there are ${names}`);
  }
  return { client, vip, server, owner: director?.routerId, ...localOf(query) };
}

/** `ADDRESS:PORT`, or an address for all of its ports. */
function localOf(query: URLSearchParams): Pick<ConnectionFilter, 'local' | 'localPort'> {
  const text = query.get('local');
  if (text === null) return {};
  const [address = '', port, ...more] = text.split(':');
  const localPort = port === undefined ? undefined : Number(/^\d{1,5}$/.test(port) ? port : Number.NaN);
  const isPort = localPort === undefined || (localPort >= 1 && localPort <= 65_535);
  if (!isPort || more.length > 0) {
    throw new RequestError(400, 'bad-request', `local must be ADDRESS:PORT or ADDRESS, not '${text}'`);
  }
  return { local: addressIn('local', address), localPort };
}

function addressIn(name: string, text: string | null): Ipv4 | undefined {
  if (text === null) return undefined;
  const address = parseIpv4(text);
  if (address === undefined) throw new RequestError(400, 'bad-request', `${name} must be an address, not '${text}'`);
  return address;
}

function cursorOf(query: URLSearchParams): number {
  const text = query.get('cursor') ?? '0';
  if (!/^\d{1,10}$/.test(text)) throw new RequestError(400, 'bad-request', `cursor must be a number, not '${text}'`);
  return Number(text);
}
