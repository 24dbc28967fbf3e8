/** Connection replication with real packets: two directors with the product's own ruleset, and server ids that differ. */
import { setTimeout as sleep } from 'node:timers/promises';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredDataplane, DesiredService } from '../../../src/core/model/dataplane.ts';
import type { SyncService } from '../../../src/core/model/sync.ts';
import type { ReplicationCounts } from '../../../src/drivers/conntrack/replication.ts';
import { LIP, ofDirectors } from '../dataplane/fullnat-suite.ts';
import { INSIDE_OF, Network, type Peer, SERVERS as SERVER_NODES } from '../dataplane/netns.ts';
import { netnsBench } from '../dataplane/netns-bench.ts';
import { EVEN, servers } from '../dataplane/suite.ts';
import { replicationContract } from './replication-suite.ts';
import {
  type Director,
  type DirectorName,
  type News,
  type ReplicationWorld,
  SERVICES,
  scopeOf,
  syncServices,
} from './replication-world.ts';

const DIRECTORS = ['d1', 'd2'] as const;
/** Longer than what is done meanwhile takes. */
const DEAF_MS = 1500;

const network = new Network(`rp${process.pid}`);
const bench = netnsBench(network);

/** Its services in an order of its own, so that servers have other ids than with the other director. */
function desired(self: DirectorName): DesiredDataplane {
  const services: DesiredService[] = Object.entries(SERVICES).map(([name, { target, fullnat }]) => ({
    name,
    vips: [ipv4(target.vip)],
    ports: [target.port],
    protocol: target.protocol,
    servers: servers(EVEN),
    sync: scopeOf(name),
    ...(fullnat && { fullnat }),
  }));
  return { ...ofDirectors(...(self === 'd1' ? services : services.reverse())), self };
}

/** Ids by server, as the maps have them. */
async function idsOf(node: DirectorName, service: string): Promise<ReadonlyMap<string, number>> {
  const listing = await network.in(node, ['nft', 'list', 'map', 'ip', 'sluice_v1', `servers_${service}`]);
  const elements = [...listing.matchAll(/(0x[0-9a-f]+|\d+)(?: counter packets \d+ bytes \d+)? : ([\d.]+)/g)];
  return new Map(elements.map(([, id, address]) => [address!, Number(id)]));
}

class RealDirector implements Director {
  everything: readonly SyncService[] = [];
  readonly #node: DirectorName;
  #peer: Peer | undefined;

  constructor(node: DirectorName) {
    this.#node = node;
  }

  async open(): Promise<void> {
    const ids = new Map<string, ReadonlyMap<string, number>>();
    for (const service of Object.keys(SERVICES)) ids.set(service, await idsOf(this.#node, service));
    this.everything = syncServices((service, server) => ids.get(service)!.get(formatIpv4(server))!);
    this.#peer = network.start(this.#node, '../conntrack/replication-main');
    await this.#peer.call('open', { services: this.services });
  }

  get services(): readonly SyncService[] {
    return this.everything.filter(({ sync }) => sync !== 'all');
  }

  #call<T>(method: string, values: Readonly<Record<string, unknown>> = {}): Promise<T> {
    return this.#peer!.call<T>(method, values);
  }

  configure = (services: readonly SyncService[]) => this.#call<unknown>('configure', { services });
  apply: Director['apply'] = (records) => this.#call('apply', { records });
  dump: Director['dump'] = (options = {}) => this.#call('dump', { options });
  get: Director['get'] = (direction, tuple) => this.#call('get', { direction, tuple });
  errorMatrix = () => this.#call<Record<string, number>>('errorMatrix');
  counts = () => this.#call<ReplicationCounts>('counts');

  async news(enough: (news: readonly News[]) => boolean): Promise<readonly News[]> {
    const all: News[] = [];
    for (let attempt = 0; attempt < 60; attempt++) {
      all.push(...(await this.#call<News[]>('news')));
      if (enough(all)) break;
      await sleep(50);
    }
    return all;
  }

  async whileDeaf(act: () => Promise<void>): Promise<void> {
    const blocked = this.#call('block', { milliseconds: DEAF_MS });
    await act();
    await blocked;
  }

  async forget({ client, vip, clientPort, vipPort, protocol }: Parameters<Director['forget']>[0]): Promise<void> {
    const tuple = { protocol, source: client, destination: vip, sport: clientPort, dport: vipPort };
    await this.#call('forget', { tuple });
  }
}

const keys = (sport: number, count: number) => Array.from({ length: count }, (_, i) => String(sport + i));

function realWorld(): ReplicationWorld {
  const directors = { d1: new RealDirector('d1'), d2: new RealDirector('d2') };
  const client = <T>(method: string, values: Readonly<Record<string, unknown>>) =>
    bench.client().call<T>(method, values);
  return {
    async up() {
      await bench.up();
      await bench.apply(desired('d1'));
      const second = await bench.secondDriver();
      await second.call('apply', { desired: desired('d2') });
      for (const node of DIRECTORS) {
        await network.in(node, ['ip', 'route', 'replace', 'local', `${LIP.d1}/32`, 'dev', 'lo']);
        await directors[node].open();
      }
    },
    down: () => bench.down(),
    ...directors,
    async routeClient(director) {
      for (const { target } of Object.values(SERVICES)) await network.routeVip(target.vip, director);
    },
    async routeAnswers(director) {
      await network.routeAnswers(director);
      for (const server of SERVER_NODES) {
        await network.in(server, ['ip', 'route', 'replace', LIP.d1, 'via', INSIDE_OF[director]]);
      }
    },
    connect: (sport, count, target) => bench.connect(sport, count, target),
    ask: (sport, count) => bench.ask(sport, count),
    fetch: (sport, count, bytes) => client('fetch', { keys: keys(sport, count), bytes, timeout: 20_000 }),
    close: (sport, count, how) => client(how === 'fin' ? 'end' : 'close', { keys: keys(sport, count) }),
    async closeByServer(sport, count, how) {
      await client('ask', { keys: keys(sport, count), later: true });
      for (let waiting = 0; waiting < count; ) {
        const each = await Promise.all(bench.servers().map((server) => server.call<number>('waiting')));
        waiting = each.reduce((sum, one) => sum + one);
      }
      for (const server of bench.servers()) await server.call('end', { how });
    },
  };
}

replicationContract('ctnetlink', realWorld());
