/** What replication is tried in: two directors, each with server ids of its own, services on three servers, a client. */
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { SyncService } from '../../../src/core/model/sync.ts';
import type { SyncScope } from '../../../src/core/model/sync-scope.ts';
import type { Tuple } from '../../../src/core/netlink/conntrack.ts';
import { type ConnectionRecord, serviceHash } from '../../../src/core/sync/records/record.ts';
import type { DumpOptions, ReplicationCounts } from '../../../src/drivers/conntrack/replication.ts';
import { type FlowTarget, OTHER_VIP, VIP } from '../dataplane/suite.ts';

export type DirectorName = 'd1' | 'd2';

export const SERVERS = { s1: ipv4('10.2.0.21'), s2: ipv4('10.2.0.22'), s3: ipv4('10.2.0.23') } as const;
export type ServerName = keyof typeof SERVERS;

export const WEB: FlowTarget = { vip: VIP, port: 80, protocol: 'tcp' };
/** FullNAT. */
export const SHOP: FlowTarget = { vip: OTHER_VIP, port: 80, protocol: 'tcp' };
export const DNS: FlowTarget = { vip: VIP, port: 53, protocol: 'udp' };
/** Not synced. */
export const QUIET: FlowTarget = { vip: VIP, port: 443, protocol: 'tcp' };
/** All of its connections are synced, but only while `whole` is among the services. */
export const WHOLE: FlowTarget = { vip: OTHER_VIP, port: 443, protocol: 'tcp' };

export const SERVICES: Readonly<Record<string, { readonly target: FlowTarget; readonly fullnat: boolean }>> = {
  web: { target: WEB, fullnat: false },
  shop: { target: SHOP, fullnat: true },
  dns: { target: DNS, fullnat: false },
  quiet: { target: QUIET, fullnat: false },
  whole: { target: WHOLE, fullnat: false },
};

export const scopeOf = (service: string): SyncScope =>
  service === 'quiet' ? 'off' : service === 'whole' ? 'all' : 'established';

/** What a director is configured with, given its ids by service and server. */
export function syncServices(ids: (service: string, server: number) => number): readonly SyncService[] {
  return Object.entries(SERVICES).map(([name, { target, fullnat }]) => ({
    name,
    service: serviceHash(name),
    digest: '0123456789abcdef',
    vips: [ipv4(target.vip)],
    ports: [target.port],
    protocol: target.protocol,
    fullnat,
    sync: scopeOf(name),
    serverIds: Object.values(SERVERS).map((server) => [server, ids(name, server)] as const),
    establishedTimeout: 432_000,
    persistence: undefined,
  }));
}

export type News =
  | { readonly kind: 'record'; readonly record: ConnectionRecord }
  | { readonly kind: 'lost' | 'failed' };

export interface Director {
  /** What it is configured with unless said. */
  readonly services: readonly SyncService[];
  /** And with the one that syncs all. */
  readonly everything: readonly SyncService[];
  configure(services: readonly SyncService[]): Promise<unknown>;
  apply(
    records: readonly ConnectionRecord[],
  ): Promise<{ readonly taken: number; readonly refused: ConnectionRecord[] }>;
  dump(options?: Partial<DumpOptions>): Promise<readonly ConnectionRecord[]>;
  get(direction: 'original' | 'reply', tuple: Tuple): Promise<ConnectionRecord | undefined>;
  counts(): Promise<ReplicationCounts>;
  /** What was told since it was last asked for. Waits until `enough` says so, a few seconds at most. */
  news(enough: (news: readonly News[]) => boolean): Promise<readonly News[]>;
  /** The listener does not get to listen meanwhile, and there is room for a hundred events. */
  whileDeaf(act: () => Promise<void>): Promise<void>;
  /** What its kernel says to requests that it does not take (`errorMatrix`). */
  errorMatrix(): Promise<Readonly<Record<string, number>>>;
  /** Deletes an entry, as an operator would. */
  forget(record: ConnectionRecord): Promise<void>;
}

export interface ReplicationWorld {
  up(): Promise<void>;
  down(): Promise<void>;
  readonly d1: Director;
  readonly d2: Director;
  /** Where packets of the client, and answers, go from now on. */
  routeClient(director: DirectorName): Promise<void>;
  routeAnswers(director: DirectorName): Promise<void>;
  /** New connections of the client from consecutive ports: which server answered each. */
  connect(sport: number, count: number, target: FlowTarget): Promise<readonly string[]>;
  /** Asks again on those that are open. */
  ask(sport: number, count: number): Promise<readonly string[]>;
  /** So many bytes from the server on each: how many came. */
  fetch(sport: number, count: number, bytes: number): Promise<readonly number[]>;
  /** The client ends them. */
  close(sport: number, count: number, how: 'fin' | 'reset'): Promise<void>;
  /** The servers end them. */
  closeByServer(sport: number, count: number, how: 'fin' | 'reset'): Promise<void>;
}
