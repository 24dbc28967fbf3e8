/** Two directors' sync threads, without threads: real meshes between streams and kernels in memory. */
import { describe, expect, test } from 'vitest';
import { type OpenMesh, SyncEngine } from '../../../src/agent/sync/sync-engine.ts';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { SyncNews, SyncService, SyncSettings } from '../../../src/core/model/sync.ts';
import {
  type ConnectionRecord,
  Op,
  Protocol,
  RECORD_BYTES,
  RecordFlag,
  readRecords,
  recordsOf,
  serviceHash,
} from '../../../src/core/sync/records/record.ts';
import type {
  Applied,
  Replication,
  ReplicationCounts,
  ReplicationListener,
} from '../../../src/drivers/conntrack/replication.ts';
import { FakeMisses } from '../../../src/drivers/miss/fake.ts';
import { KernelError } from '../../../src/io/kernel-error.ts';
import type { MeshEvents, MeshOptions } from '../../../src/io/mesh-transport.ts';
import { buildPacket } from '../packet/build.ts';
import { FakeClock } from './fake-clock.ts';

const NO_COUNTS = {} as ReplicationCounts;

/** A kernel whose connections the test makes. */
class MemoryKernel implements Replication {
  readonly entries = new Map<string, ConnectionRecord>();
  listener: ReplicationListener | undefined;
  refusal: KernelError | undefined;
  opened = 0;
  closed = false;

  async open(listener: ReplicationListener): Promise<void> {
    this.opened += 1;
    if (this.refusal !== undefined) throw this.refusal;
    this.listener = listener;
  }

  configure(): void {}

  /** A client has connected here. */
  establish(record: ConnectionRecord): void {
    this.entries.set(keyOf(record), record);
    this.listener?.records(recordsOf([record]));
  }

  async dump(_options: unknown, on: (records: Uint8Array) => void | Promise<void>): Promise<void> {
    if (this.refusal !== undefined) throw new KernelError('conntrack-dump', { errno: 'EPERM' });
    await on(recordsOf([...this.entries.values()]));
  }

  async apply(bytes: Uint8Array): Promise<Applied> {
    if (this.refusal !== undefined) throw this.refusal;
    for (const record of readRecords(bytes)) {
      if (record.op === Op.delete) this.entries.delete(keyOf(record));
      else if (record.op === Op.put)
        this.entries.set(keyOf(record), { ...record, flags: record.flags | RecordFlag.replica });
    }
    return { taken: bytes.length / RECORD_BYTES, refused: new Uint8Array(0), inUse: 0 };
  }

  async get(_direction: string, tuple: { readonly source: number }): Promise<Uint8Array | undefined> {
    const found = [...this.entries.values()].find(({ client }) => client === tuple.source);
    return found && recordsOf([found]);
  }

  counts(): ReplicationCounts {
    return NO_COUNTS;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  clients(): string[] {
    return [...this.entries.values()].map(({ client }) => formatIpv4(client));
  }
}

function keyOf({ client, clientPort, vip, vipPort, protocol }: ConnectionRecord): string {
  return [client, clientPort, vip, vipPort, protocol].join(' ');
}

interface Port {
  readonly options: MeshOptions;
  readonly events: MeshEvents;
  /** Of the peer, while there is one. */
  readonly streams: Map<string, number>;
}

/** Streams between the engines; what is sent arrives in a moment. */
class MemoryWire {
  readonly ports = new Map<string, Port>();
  readonly #clock: FakeClock;
  #next = 1;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  readonly open: OpenMesh = (options, events) => {
    const port: Port = { options, events, streams: new Map() };
    this.ports.set(options.self, port);
    for (const other of this.ports.values()) if (other !== port) this.#connect(port, other);
    return {
      send: (peer, bytes) => {
        this.#to(options.self, peer, (there, stream) => there.events.bytes(options.self, stream, bytes));
        return true;
      },
      disconnect: (peer, reason) => this.cut(options.self, peer, reason),
      configure: () => {},
      waiting: () => 0,
      close: () => {
        for (const peer of [...port.streams.keys()]) this.cut(options.self, peer, 'closed');
        this.ports.delete(options.self);
      },
    };
  };

  cut(a: string, b: string, reason: string): void {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const port = this.ports.get(one);
      const stream = port?.streams.get(other);
      port?.streams.delete(other);
      if (stream !== undefined) this.#clock.after(1, () => port!.events.closed(other, stream, reason));
    }
  }

  #connect(a: Port, b: Port): void {
    for (const [port, peer] of [
      [a, b.options.self],
      [b, a.options.self],
    ] as const) {
      const stream = this.#next++;
      port.streams.set(peer, stream);
      this.#clock.after(1, () => port.events.opened(peer, stream));
    }
  }

  #to(from: string, peer: string, arrive: (there: Port, stream: number) => void): void {
    const there = this.ports.get(peer);
    const stream = there?.streams.get(from);
    if (there !== undefined && stream !== undefined) this.#clock.after(1, () => arrive(there, stream));
  }
}

const SELVES = {
  d1: { name: 'd1', routerId: 1, endpoint: { address: ipv4('10.2.0.11'), port: 7171 } },
  d2: { name: 'd2', routerId: 2, endpoint: { address: ipv4('10.2.0.12'), port: 7171 } },
} as const;
type Name = keyof typeof SELVES;

const WEB: SyncService = {
  ...{ name: 'web', service: serviceHash('web'), digest: '11'.repeat(8), vips: [ipv4('203.0.113.10')], ports: [80] },
  ...{ protocol: 'tcp', fullnat: false, sync: 'established', serverIds: [[ipv4('10.2.0.21'), 1]] },
  ...{ establishedTimeout: 432_000, persistence: undefined },
};

function settingsOf(name: Name): SyncSettings {
  return {
    cluster: 'test',
    self: SELVES[name],
    peers: [name === 'd1' ? SELVES.d2 : SELVES.d1],
    keys: [{ id: '1', secret: new Uint8Array(32), acceptOnly: false }],
    configHash: 'ab'.repeat(32),
    tableDigest: '00'.repeat(8),
    syncTimeout: 20_000,
    grace: 120_000,
    services: [WEB],
    plane: { services: [], upstream: [] },
    mappingLog: '/log',
  };
}

class Bench {
  readonly clock = new FakeClock();
  readonly wire = new MemoryWire(this.clock);
  readonly kernels = { d1: new MemoryKernel(), d2: new MemoryKernel() };
  readonly misses = { d1: new FakeMisses(), d2: new FakeMisses() };
  readonly logs = { d1: '', d2: '' };
  readonly news: Record<Name, SyncNews[]> = { d1: [], d2: [] };
  readonly engines: Partial<Record<Name, SyncEngine>> = {};

  start(name: Name, settings = settingsOf(name)): SyncEngine {
    const engine = new SyncEngine({
      clock: this.clock,
      epoch: `000000000000000${name.slice(1)}`,
      openMesh: this.wire.open,
      replication: this.kernels[name],
      misses: this.misses[name],
      openFile: async () => {
        return {
          append: async (bytes) => {
            this.logs[name] += new TextDecoder().decode(bytes);
            return bytes.length;
          },
          close: async () => {},
        };
      },
      timeOfDay: () => this.clock.now(),
      tell: (news) => this.news[name].push(news),
    });
    this.engines[name] = engine;
    engine.order({ kind: 'configure', settings });
    return engine;
  }

  last<K extends SyncNews['kind']>(name: Name, kind: K): Extract<SyncNews, { kind: K }> | undefined {
    return this.news[name].findLast((news): news is Extract<SyncNews, { kind: K }> => news.kind === kind);
  }

  faults(name: Name): unknown[] {
    return this.news[name].flatMap((news) =>
      news.kind === 'event' && news.event === 'sync-fault' ? [news.values['message']] : [],
    );
  }

  async both(): Promise<void> {
    this.start('d1');
    this.start('d2');
    await this.clock.advance(2000);
  }
}

function connection(client: string): ConnectionRecord {
  return {
    ...{ client: ipv4(client), vip: ipv4('203.0.113.10'), clientPort: 40_000, vipPort: 80, protocol: 6 },
    ...{ op: Op.put, state: 3, flags: 3, server: ipv4('10.2.0.21'), local: ipv4(client), serverPort: 80 },
    ...{
      localPort: 40_000,
      service: serviceHash('web'),
      owner: 0,
      epoch: 0,
      timeout: 1000,
      windowScale: 0x77,
      birth: 0,
    },
  };
}

describe('two directors', () => {
  test('are told of each other, and that they may announce', async () => {
    const bench = new Bench();
    await bench.both();
    for (const name of ['d1', 'd2'] as const) {
      expect(bench.last(name, 'synced')).toMatchObject({ reason: 'equal', waiting: [] });
      expect(
        bench
          .last(name, 'members')
          ?.view.living.map((one) => one.name)
          .toSorted(),
      ).toEqual(['d1', 'd2']);
      expect(bench.last(name, 'status')?.status).toMatchObject({ synced: true, peers: [{ state: 'up' }] });
    }
  });

  test('what one kernel tells of is in the other’s', async () => {
    const bench = new Bench();
    await bench.both();
    bench.kernels.d1.establish(connection('192.0.2.1'));
    await bench.clock.advance(100);
    expect(bench.kernels.d2.clients()).toEqual(['192.0.2.1']);
    expect(bench.kernels.d2.entries.values().next().value!.flags & RecordFlag.replica).not.toBe(0);
    bench.kernels.d1.listener!.records(recordsOf([{ ...connection('192.0.2.1'), op: Op.delete }]));
    await bench.clock.advance(100);
    expect(bench.kernels.d2.clients()).toEqual([]);
  });

  test('who was behind an address of ours is written where it is carried, once', async () => {
    const bench = new Bench();
    const fullnat = { ...connection('192.0.2.1'), local: ipv4('10.3.0.1'), localPort: 4711 };
    bench.kernels.d1.entries.set('before', { ...fullnat, clientPort: 39_999 });
    await bench.both();
    bench.kernels.d1.establish(fullnat);
    bench.kernels.d1.establish(connection('192.0.2.2'));
    await bench.clock.advance(200);
    bench.kernels.d2.listener!.records(recordsOf([{ ...fullnat, flags: fullnat.flags | RecordFlag.claimed }]));
    bench.kernels.d2.listener!.records(recordsOf([{ ...fullnat, op: Op.delete }]));
    await bench.clock.advance(200);
    const { d1, d2 } = bench.logs;
    const words = (log: string) => log.split('\n').map((line) => line.split(' ').slice(1, 4).join(' '));
    expect(words(d1)).toEqual(['found tcp 192.0.2.1:39999', 'opened tcp 192.0.2.1:40000', '']);
    expect(words(d2)).toEqual(['moved tcp 192.0.2.1:40000', 'closed tcp 192.0.2.1:40000', '']);
  });

  test('clients that one remembers are told to the keeper of the other’s maps', async () => {
    const bench = new Bench();
    await bench.both();
    expect(bench.last('d2', 'clients-wanted')).toBeDefined();
    const entry = {
      protocol: Protocol.persistence,
      vip: serviceHash('web'),
      clientPort: 0,
      vipPort: 0,
      state: 0,
      flags: 0,
    };
    const remembered = { ...connection('192.0.2.1'), ...entry, serverPort: 0, localPort: 0, local: 0, timeout: 600 };
    bench.engines.d1!.order({ kind: 'clients', records: recordsOf([remembered]) });
    await bench.clock.advance(100);
    expect(readRecords(bench.last('d2', 'clients')!.records)).toEqual([{ ...remembered, owner: 1, epoch: 1 }]);
    bench.kernels.d1.establish(connection('192.0.2.2'));
    await bench.clock.advance(100);
    expect(bench.news.d2.filter(({ kind }) => kind === 'clients')).toHaveLength(1);
  });

  test('one that comes later gets what is there already, before it may announce', async () => {
    const bench = new Bench();
    const { kernels, clock } = bench;
    for (let host = 1; host <= 50; host++) kernels.d1.entries.set(String(host), connection(`192.0.2.${host}`));
    bench.start('d1');
    await clock.advance(3000);
    expect(bench.last('d1', 'synced')).toMatchObject({ reason: 'alone' });
    bench.start('d2');
    await clock.advance(2000);
    expect(bench.last('d2', 'synced')).toMatchObject({ reason: 'equal' });
    expect(kernels.d2.clients()).toHaveLength(50);
  });

  test('one that starts again lists its kernel when that has names for the servers, and not before', async () => {
    const bench = new Bench();
    const { kernels, clock } = bench;
    kernels.d1.entries.set('1', connection('192.0.2.1'));
    const d1 = bench.start('d1', { ...settingsOf('d1'), unnamed: true });
    bench.start('d2');
    await clock.advance(3000);
    expect(bench.last('d1', 'synced')).toBeUndefined();
    expect(kernels.d2.clients()).toEqual([]);
    d1.order({ kind: 'configure', settings: settingsOf('d1') });
    await clock.advance(1000);
    expect(bench.last('d1', 'synced')).toMatchObject({ reason: 'equal' });
    expect(kernels.d2.clients()).toEqual(['192.0.2.1']);
  });

  test('a flush is over when the peer has confirmed, or is silent', async () => {
    const bench = new Bench();
    await bench.both();
    bench.kernels.d1.establish(connection('192.0.2.1'));
    bench.engines.d1!.order({ kind: 'flush' });
    await bench.clock.advance(1000);
    expect(bench.last('d1', 'flushed')).toEqual({ kind: 'flushed', silent: [] });
  });

  test('a goodbye is heard at once, and everything is closed', async () => {
    const bench = new Bench();
    await bench.both();
    bench.engines.d1!.order({ kind: 'end', goodbye: 'drained' });
    await bench.clock.advance(100);
    expect(bench.last('d1', 'ended')).toBeDefined();
    expect(bench.kernels.d1.closed).toBe(true);
    await bench.clock.advance(1000);
    expect(bench.last('d2', 'members')?.view.dead.map(({ name }) => name)).toEqual(['d1']);
  });

  test('connections are listed', async () => {
    const bench = new Bench();
    await bench.both();
    for (const client of ['192.0.2.1', '192.0.2.2']) bench.kernels.d1.establish(connection(client));
    await bench.clock.advance(100);
    bench.engines.d2!.order({ kind: 'list', id: 7, cursor: 0, filter: { client: ipv4('192.0.2.2') } });
    const page = bench.last('d2', 'connections');
    expect(page).toMatchObject({ id: 7, cursor: undefined });
    expect(readRecords(page!.records).map(({ client, owner }) => [formatIpv4(client), owner])).toEqual([
      ['192.0.2.2', 1],
    ]);
  });
});

describe('a kernel that refuses', () => {
  const refusal = new KernelError('conntrack-subscribe', { errno: 'EPERM' });

  test('is told of once, and asked again until it does not', async () => {
    const bench = new Bench();
    bench.kernels.d1.refusal = refusal;
    bench.kernels.d1.entries.set('1', connection('192.0.2.1'));
    await bench.both();
    await bench.clock.advance(5000);
    expect(new Set(bench.faults('d1')).size).toBe(bench.faults('d1').length);
    expect(bench.faults('d1')).toContain(refusal.message);
    expect(bench.kernels.d1.opened).toBeGreaterThan(2);
    bench.kernels.d1.refusal = undefined;
    await bench.clock.advance(5000);
    expect(bench.kernels.d2.clients()).toEqual(['192.0.2.1']);
  });

  test('when it has told nothing for a while, all is listed once more', async () => {
    const bench = new Bench();
    await bench.both();
    bench.kernels.d1.listener!.failed(refusal);
    bench.kernels.d1.entries.set('1', connection('192.0.2.1'));
    await bench.clock.advance(3000);
    expect(bench.kernels.d2.clients()).toEqual(['192.0.2.1']);
  });
});

describe('the second chance', () => {
  const packet = (client: string) =>
    buildPacket({ source: client, destination: '203.0.113.10', sport: 40_000, dport: 80, flags: 0x18 });

  test('of a packet whose connection only the other one’s kernel knows: the entry is made, and the packet goes on', async () => {
    const bench = new Bench();
    await bench.both();
    const { kernels, misses, clock } = bench;
    // Of a service that is not synced: nobody was told.
    kernels.d2.entries.set('1', connection('192.0.2.1'));
    misses.d1.arrive(packet('192.0.2.1'));
    await clock.advance(100);
    expect(kernels.d1.clients()).toEqual(['192.0.2.1']);
    expect(misses.d1.returned.map(({ sport }) => sport)).toEqual([40_000]);
    await clock.advance(1000);
    expect(bench.last('d1', 'status')).toMatchObject({
      answersMisses: true,
      status: { counters: { 'second-chance.known': 1, 'second-chance.reinjected': 1 } },
    });
  });

  test('of a service that is not synced: after two the other one sends what it has, and the next ask nobody', async () => {
    const bench = new Bench();
    await bench.both();
    for (const name of ['d1', 'd2'] as const) {
      const settings = { ...settingsOf(name), services: [{ ...WEB, sync: 'off' as const }] };
      bench.engines[name]!.order({ kind: 'configure', settings });
    }
    const clients = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'];
    for (const client of clients) bench.kernels.d2.entries.set(client, connection(client));
    for (const client of clients) {
      bench.misses.d1.arrive(packet(client));
      await bench.clock.advance(20);
    }
    expect(bench.kernels.d1.clients()).toEqual(clients);
    expect(bench.misses.d1.returned).toHaveLength(4);
    await bench.clock.advance(1000);
    const counters = { 'queries-asked': 2, 'prefetched-asked': 1, 'prefetched-taken': 4, 'prefetched-used': 2 };
    expect(bench.last('d1', 'status')).toMatchObject({ status: { counters } });
    expect(bench.last('d2', 'status')).toMatchObject({ status: { counters: { 'prefetched-given': 4 } } });
  });

  test('of a packet that nobody knows, while nobody is gone: it is dropped', async () => {
    const bench = new Bench();
    await bench.both();
    bench.misses.d1.arrive(packet('192.0.2.1'));
    await bench.clock.advance(1500);
    expect(bench.misses.d1.returned).toEqual([]);
    expect(bench.kernels.d1.clients()).toEqual([]);
    expect(bench.last('d1', 'status')?.status.counters['second-chance.dropped.nobody-dead']).toBe(1);
  });

  test('is offered only while somebody listens for such packets', async () => {
    const bench = new Bench();
    const refusal = new KernelError('log-listen', { errno: 'EBUSY' });
    const open = bench.misses.d1.open.bind(bench.misses.d1);
    bench.misses.d1.open = async () => {
      throw refusal;
    };
    await bench.both();
    expect(bench.last('d1', 'status')?.answersMisses).toBe(false);
    expect(bench.faults('d1')).toEqual([refusal.message]);
    bench.misses.d1.open = open;
    await bench.clock.advance(4000);
    expect(bench.last('d1', 'status')?.answersMisses).toBe(true);
  });
});
