import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { Tuple } from '../../../src/core/netlink/conntrack.ts';
import { type ConnectionRecord, readRecord, readRecords, recordsOf } from '../../../src/core/sync/records/record.ts';
import { FakeCtnetlink } from '../../../src/drivers/conntrack/fake-ctnetlink.ts';
import { type FakeEntry, inverse } from '../../../src/drivers/conntrack/fake-entries.ts';
import { FakeReplication } from '../../../src/drivers/conntrack/fake-replication.ts';
import { NetlinkReplication } from '../../../src/drivers/conntrack/replication-netlink.ts';
import { LIP } from '../dataplane/fullnat-suite.ts';
import { CLIENT, type FlowTarget, VIP } from '../dataplane/suite.ts';
import { errorMatrix } from './error-matrix.ts';
import { replicationContract } from './replication-suite.ts';
import {
  type Director,
  type DirectorName,
  type News,
  type ReplicationWorld,
  SERVERS,
  SERVICES,
  syncServices,
} from './replication-world.ts';

const NAMES = Object.keys(SERVERS);
const ADDRESSES = Object.values(SERVERS);
/** Where the FullNAT ports of the fake begin. */
const FIRST_PORT = 2048;

class FakeDirector implements Director {
  readonly replication = new FakeReplication();
  readonly everything;
  readonly services;
  #news: News[] = [];

  constructor(firstId: number) {
    this.everything = syncServices(
      (service, server) => firstId + Object.keys(SERVICES).indexOf(service) * NAMES.length + ADDRESSES.indexOf(server),
    );
    this.services = this.everything.filter(({ sync }) => sync !== 'all');
  }

  async open(): Promise<void> {
    this.replication.configure(this.services);
    await this.replication.open({
      records: (records) => {
        for (const record of readRecords(records)) this.#news.push({ kind: 'record', record });
      },
      lost: () => this.#news.push({ kind: 'lost' }),
      failed: () => this.#news.push({ kind: 'failed' }),
    });
  }

  async configure(services: Parameters<FakeReplication['configure']>[0]): Promise<void> {
    this.replication.configure(services);
    await this.replication.apply(new Uint8Array());
  }

  async apply(records: Parameters<Director['apply']>[0]) {
    const { taken, refused } = await this.replication.apply(recordsOf(records));
    return { taken, refused: [...readRecords(refused)] };
  }

  async dump(options: Parameters<Director['dump']>[0] = {}) {
    const found: ConnectionRecord[] = [];
    await this.replication.dump(
      { replicas: undefined, ...options },
      (records) => void found.push(...readRecords(records)),
    );
    return found;
  }

  async get(direction: 'original' | 'reply', tuple: Tuple) {
    const found = await this.replication.get(direction, tuple);
    return found && readRecord(found, 0);
  }

  async errorMatrix() {
    return errorMatrix(this.replication.kernel.open);
  }

  async counts() {
    return this.replication.counts();
  }

  async news(enough: (news: readonly News[]) => boolean) {
    for (let attempt = 0; attempt < 100 && !enough(this.#news); attempt++) await new Promise(setImmediate);
    return this.#news.splice(0);
  }

  whileDeaf(act: () => Promise<void>): Promise<void> {
    return this.replication.kernel.loseDuring(act);
  }

  async forget({ client, vip, clientPort, vipPort, protocol }: Parameters<Director['forget']>[0]): Promise<void> {
    const { entries } = this.replication.kernel;
    const tuple = { protocol, source: client, destination: vip, sport: clientPort, dport: vipPort };
    entries.remove(entries.byOriginal(tuple)!);
  }
}

function fakeWorld(byIpvs = false): ReplicationWorld {
  const directors = { d1: new FakeDirector(1), d2: new FakeDirector(101) };
  for (const { replication } of Object.values(directors)) replication.kernel.entries.byIpvs = byIpvs;
  let [client, answers]: DirectorName[] = ['d1', 'd1'];
  let nextPort = FIRST_PORT;
  /** By the client's port. */
  const open = new Map<number, Tuple>();

  const entries = (name: DirectorName) => directors[name].replication.kernel.entries;
  const entryAt = (name: DirectorName, sport: number): FakeEntry | undefined => {
    const original = open.get(sport);
    return original && entries(name).byOriginal(original);
  };
  const ports = (sport: number, count: number) => Array.from({ length: count }, (_, i) => sport + i);

  function begin(sport: number, { vip, port, protocol }: FlowTarget): string {
    const original: Tuple = {
      protocol: protocol === 'tcp' ? 6 : 17,
      source: ipv4(CLIENT),
      destination: ipv4(vip),
      sport,
      dport: port,
    };
    const chosen = sport % NAMES.length;
    const [name, { fullnat }] = Object.entries(SERVICES).find(
      ([, { target }]) => target.vip === vip && target.port === port && target.protocol === protocol,
    )!;
    const to = { ...inverse(original), source: ADDRESSES[chosen]! };
    const reply = fullnat ? { ...to, destination: ipv4(LIP.d1), dport: nextPort++ } : to;
    const { serverIds } = directors[client!].everything.find((service) => service.name === name)!;
    open.set(sport, original);
    entries(client!).establish(original, reply, serverIds[chosen]![1]);
    return NAMES[chosen]!;
  }

  function ask(sport: number): string {
    const entry = entryAt(client!, sport);
    if (entry === undefined) return 'timeout';
    entries(client!).clientPacket(entry);
    return NAMES[ADDRESSES.indexOf(entry.reply.source as (typeof ADDRESSES)[number])] ?? 'none';
  }

  return {
    async up() {
      await directors.d1.open();
      await directors.d2.open();
    },
    async down() {
      await directors.d1.replication.close();
      await directors.d2.replication.close();
    },
    d1: directors.d1,
    d2: directors.d2,
    async routeClient(name) {
      client = name;
    },
    async routeAnswers(name) {
      answers = name;
    },
    connect: async (sport, count, target) => ports(sport, count).map((port) => begin(port, target)),
    ask: async (sport, count) => ports(sport, count).map(ask),
    fetch: async (sport, count, bytes) => ports(sport, count).map((port) => (ask(port) === 'timeout' ? 0 : bytes)),
    async close(sport, count, how) {
      for (const port of ports(sport, count)) {
        entries(client!).close(entryAt(client!, port)!, how, 'client');
        if (how === 'fin') entries(answers!).close(entryAt(answers!, port)!, how, 'server');
      }
    },
    async closeByServer(sport, count, how) {
      for (const port of ports(sport, count)) entries(answers!).close(entryAt(answers!, port)!, how, 'server');
    },
  };
}

replicationContract('fake', fakeWorld());
replicationContract('fake, destinations translated by IPVS', fakeWorld(true));

test('what the kernel refuses altogether is said as such, and the next call goes on', async () => {
  const kernel = new FakeCtnetlink();
  let refused = false;
  const replication = new NetlinkReplication((options) => {
    const socket = kernel.open(options);
    const send = socket.send.bind(socket);
    socket.send = (bytes) => {
      if (refused) throw Object.assign(new Error('ENOBUFS: no room, sendto'), { code: 'ENOBUFS', syscall: 'sendto' });
      send(bytes);
    };
    return socket;
  });
  const { services } = new FakeDirector(1);
  replication.configure(services);
  await replication.open({ records: () => {}, lost: () => {}, failed: () => {} });
  const web = { vip: ipv4(VIP), vipPort: 80, protocol: 6, op: 1, state: 3, flags: 3, service: services[0]!.service };
  const client = { client: ipv4(CLIENT), clientPort: 1024, local: ipv4(CLIENT), localPort: 1024 };
  const server = { server: SERVERS.s1, serverPort: 80, owner: 1, epoch: 1, timeout: 60, windowScale: 0xff, birth: 0 };
  const record = recordsOf([{ ...web, ...client, ...server }]);
  refused = true;
  const said = { errno: 'ENOBUFS' };
  await expect(replication.apply(record)).rejects.toMatchObject({ ...said, request: 'conntrack-apply' });
  await expect(replication.dump({ replicas: undefined }, () => {})).rejects.toMatchObject(said);
  const tuple = { protocol: 6, source: 1, destination: 2, sport: 3, dport: 4 };
  await expect(replication.get('reply', tuple)).rejects.toMatchObject({ ...said, request: 'conntrack-get' });
  refused = false;
  expect((await replication.apply(record)).taken).toBe(1);
});
