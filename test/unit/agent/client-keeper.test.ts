/** Directors that remember clients: real meshes and keepers over maps in memory. */
import { describe, expect, test } from 'vitest';
import { EventLog } from '../../../src/agent/events.ts';
import { ClientKeeper } from '../../../src/agent/keepers/client-keeper.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { SyncService, SyncSettings } from '../../../src/core/model/sync.ts';
import { Mesh } from '../../../src/core/sync/mesh/mesh.ts';
import type { MeshEffect, MeshInput } from '../../../src/core/sync/mesh/mesh-events.ts';
import { serviceHash } from '../../../src/core/sync/records/record.ts';
import { persistenceEntries } from '../../../src/core/sync/remembered-clients.ts';
import type { ServiceClient } from '../../../src/drivers/dataplane/port.ts';
import { KernelError } from '../../../src/io/kernel-error.ts';
import { THOROUGH } from '../../sizes.ts';
import { FakeClock } from './fake-clock.ts';

const SECONDS = 90;
const [S1, S2] = [ipv4('10.2.0.21'), ipv4('10.2.0.22')];
const [ANN, BOB] = [ipv4('198.51.100.1'), ipv4('198.51.100.2')];

const WEB: SyncService = {
  ...{ name: 'web', service: serviceHash('web'), digest: '0'.repeat(16), vips: [], ports: [80], protocol: 'tcp' },
  ...{ fullnat: false, sync: 'off', serverIds: [], establishedTimeout: 3600, persistence: SECONDS },
};

const NAMES = ['d1', 'd2', 'd3'] as const;
type Name = (typeof NAMES)[number];

function directorOf(name: Name) {
  const number = NAMES.indexOf(name) + 1;
  return { name, routerId: number, endpoint: { address: number, port: 7171 } };
}

function settingsOf(name: Name, services: readonly SyncService[]): SyncSettings {
  return {
    ...{ cluster: 'test', self: directorOf(name), peers: NAMES.filter((other) => other !== name).map(directorOf) },
    ...{
      keys: [],
      configHash: 'ab'.repeat(32),
      tableDigest: '00'.repeat(8),
      syncTimeout: 20_000,
      grace: 120_000,
      services,
    },
    plane: { services: [], upstream: [] },
  };
}

/** A map of clients; a packet of a client makes it last as long as the service says. */
class MemoryMap {
  readonly #entries = new Map<number, { readonly server: number; readonly until: number }>();
  readonly #clock: FakeClock;
  refusal: KernelError | undefined;
  writes = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  packet(client: number, server: number, seconds = SECONDS): void {
    this.#entries.set(client, { server, until: this.#clock.now() + seconds * 1000 });
  }

  clients = async (): Promise<readonly ServiceClient[]> => {
    if (this.refusal !== undefined) throw this.refusal;
    const now = this.#clock.now();
    for (const [client, { until }] of this.#entries) if (until <= now) this.#entries.delete(client);
    return [...this.#entries].map(([client, { server, until }]) => ({ client, server, expiresIn: until - now }));
  };

  remember = async (_: string, clients: readonly ServiceClient[]): Promise<void> => {
    for (const { client, server, expiresIn } of clients) {
      const until = this.#clock.now() + expiresIn;
      const known = this.#entries.get(client);
      if (known?.server === server && known.until >= until) continue;
      this.writes += 1;
      this.#entries.set(client, { server, until });
    }
  };

  /** What is remembered now: client to server. */
  async now(): Promise<Record<number, number>> {
    return Object.fromEntries((await this.clients()).map(({ client, server }) => [client, server]));
  }
}

class Director {
  readonly name: Name;
  readonly map: MemoryMap;
  readonly events: EventLog;
  keeper: ClientKeeper;
  mesh: Mesh;
  sent = 0;
  readonly #world: World;
  #cancel: () => void = () => {};

  constructor(name: Name, world: World) {
    const { clock } = world;
    this.name = name;
    this.#world = world;
    this.map = new MemoryMap(clock);
    this.events = new EventLog(clock);
    this.keeper = this.#keeper();
    this.mesh = this.#mesh('a');
  }

  /** The sync thread has died, and there is another one. */
  renew(): void {
    this.mesh = this.#mesh('b');
    this.start();
  }

  /** The agent has ended, and there is another one; the map has lived on. */
  restart(): void {
    this.keeper.close();
    this.keeper = this.#keeper();
    this.renew();
  }

  start(services: readonly SyncService[] = [WEB]): void {
    this.keeper.want(settingsOf(this.name, services));
    this.feed({ kind: 'timer' });
  }

  feed(input: MeshInput): void {
    for (const effect of this.mesh.handle(input, this.#world.clock.now())) this.#perform(effect);
    this.#cancel();
    const { deadline } = this.mesh;
    if (deadline === undefined) return;
    this.#cancel = this.#world.clock.after(Math.max(1, deadline - this.#world.clock.now()), () => {
      this.feed({ kind: 'timer' });
    });
  }

  #keeper(): ClientKeeper {
    return new ClientKeeper({
      ...{ clock: this.#world.clock, events: this.events, dataplane: this.map, seed: 1 },
      tell: (records) => {
        this.sent += records.length / 48;
        this.feed({ kind: 'kernel', records });
      },
    });
  }

  #mesh(life: string): Mesh {
    const epoch = `${this.name}${life}`.replace(/\D/g, '').padEnd(15, '0') + (life === 'a' ? 'a' : 'b');
    return new Mesh({ epoch, settings: settingsOf(this.name, [WEB]) }, this.#world.clock.now());
  }

  #perform(effect: MeshEffect): void {
    if (effect.kind === 'send') this.#world.send(this.name, effect.peer, effect.stream, effect.bytes);
    if (effect.kind === 'disconnect') this.#world.connect(this.name, effect.peer as Name);
    if (effect.kind === 'apply') {
      const records = persistenceEntries(effect.records);
      if (records.length > 0) this.keeper.heard(records);
    }
    if (effect.kind === 'dumpKernel') {
      this.keeper.heard(undefined);
      this.#world.clock.after(1, () => this.feed({ kind: 'kernelDump', records: new Uint8Array(0), last: true }));
    }
  }
}

class World {
  readonly clock = new FakeClock();
  readonly directors: Readonly<Record<Name, Director>>;
  readonly #streams = new Map<string, number>();
  readonly #cut = new Set<string>();
  #next = 1;

  constructor() {
    const [d1, d2, d3] = NAMES.map((name) => new Director(name, this));
    this.directors = { d1: d1!, d2: d2!, d3: d3! };
    for (const director of this.all) director.start();
    this.connectAll();
  }

  get all(): readonly Director[] {
    return Object.values(this.directors);
  }

  connectAll(): void {
    this.connect('d1', 'd2');
    this.connect('d1', 'd3');
    this.connect('d2', 'd3');
  }

  connect(a: Name, b: Name): void {
    if (this.#cut.has(a) || this.#cut.has(b)) return;
    const stream = this.#next++;
    this.#streams.set([a, b].sort().join(), stream);
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      this.clock.after(1, () => this.directors[one].feed({ kind: 'opened', peer: other, stream }));
    }
  }

  /** Nothing goes to or from this director, until `join`. */
  cut(name: Name): void {
    this.#cut.add(name);
    for (const other of NAMES) {
      const key = [name, other].sort().join();
      const stream = this.#streams.get(key);
      this.#streams.delete(key);
      if (stream === undefined) continue;
      for (const [one, peer] of [
        [name, other],
        [other, name],
      ] as const) {
        this.clock.after(1, () => this.directors[one].feed({ kind: 'closed', peer, stream, reason: 'cut' }));
      }
    }
  }

  join(name: Name): void {
    this.#cut.delete(name);
    for (const other of NAMES) if (other !== name) this.connect(name, other);
  }

  send(from: string, to: string, stream: number, bytes: Uint8Array): void {
    if (this.#streams.get([from, to].sort().join()) !== stream) return;
    this.clock.after(1, () => this.directors[to as Name].feed({ kind: 'bytes', peer: from, stream, bytes }));
  }

  /** What each of them remembers. */
  async maps(): Promise<readonly Record<number, number>[]> {
    return Promise.all(this.all.map(({ map }) => map.now()));
  }
}

async function settled(): Promise<World> {
  const world = new World();
  await world.clock.advance(3000);
  return world;
}

const everywhere = (what: Record<number, number>) => NAMES.map(() => what);

describe('clients that are remembered', () => {
  test('are within seconds, by all, also where connections are not synced', async () => {
    const world = await settled();
    world.directors.d1.map.packet(ANN, S1);
    world.directors.d2.map.packet(BOB, S2);
    await world.clock.advance(1500);
    expect(await world.maps()).toEqual(everywhere({ [ANN]: S1, [BOB]: S2 }));
  });

  test('are in the other maps a moment after they were told', async () => {
    const world = await settled();
    const { d1, d2 } = world.directors;
    d1.map.packet(ANN, S1);
    for (let waited = 0; d1.sent === 0 && waited < 1100; waited += 10) await world.clock.advance(10);
    await world.clock.advance(80);
    expect(await d2.map.now()).toEqual({ [ANN]: S1 });
  });

  test('of whom nothing more is heard are forgotten by all, and nothing is left of them', async () => {
    const world = await settled();
    world.directors.d1.map.packet(ANN, S1);
    await world.clock.advance(SECONDS * 1000 + 5000);
    expect(await world.maps()).toEqual(everywhere({}));
    expect(world.all.map(({ mesh }) => mesh.table.size)).toEqual([0, 0, 0]);
  });

  test('that go on sending stay, at the cost of a word every third of the time', async () => {
    const world = await settled();
    const { d1 } = world.directors;
    for (let second = 0; second < 2 * SECONDS; second += 10) {
      d1.map.packet(ANN, S1);
      await world.clock.advance(10_000);
    }
    expect(await world.maps()).toEqual(everywhere({ [ANN]: S1 }));
    expect(world.all.map(({ sent }) => sent)).toEqual([d1.sent, 0, 0]);
    expect(d1.sent).toBeLessThan(10);
  });

  test('of two directors at once do not bounce between them', async () => {
    const world = await settled();
    const { d1, d2 } = world.directors;
    for (let second = 0; second < 2 * SECONDS; second += 10) {
      d1.map.packet(ANN, S1);
      d2.map.packet(ANN, S1);
      await world.clock.advance(10_000);
    }
    expect(await world.maps()).toEqual(everywhere({ [ANN]: S1 }));
    expect(d1.sent + d2.sent).toBeLessThan(20);
  });

  test('with two servers get one of them, the same everywhere', async () => {
    const world = await settled();
    world.directors.d1.map.packet(ANN, S1);
    world.directors.d2.map.packet(ANN, S2);
    await world.clock.advance(5000);
    const maps = await world.maps();
    expect([S1, S2]).toContain(maps[0]![ANN]);
    expect(maps).toEqual(everywhere(maps[0]!));
    // Each has said its own, and nothing since.
    expect(world.all.map(({ sent }) => sent)).toEqual([1, 1, 0]);
  });

  test('by a director that dies are known to the others, for as long as it had said', async () => {
    const world = await settled();
    world.directors.d1.map.packet(ANN, S1);
    await world.clock.advance(2500);
    world.cut('d1');
    await world.clock.advance((SECONDS - 60) * 1000);
    expect((await world.maps()).slice(1)).toEqual([{ [ANN]: S1 }, { [ANN]: S1 }]);
    await world.clock.advance(60_000);
    expect((await world.maps()).slice(1)).toEqual([{}, {}]);
  });

  test('are told to one that was away', async () => {
    const world = await settled();
    world.cut('d3');
    await world.clock.advance(5000);
    world.directors.d1.map.packet(ANN, S1);
    world.directors.d3.map.packet(BOB, S2);
    await world.clock.advance(5000);
    world.join('d3');
    await world.clock.advance(5000);
    expect(await world.maps()).toEqual(everywhere({ [ANN]: S1, [BOB]: S2 }));
  });

  // Who begins anew has another thread, too.
  test.each(THOROUGH ? (['renew', 'restart'] as const) : (['restart'] as const))(
    'live through another thread or agent (%s), and end as before',
    async (how) => {
      const world = await settled();
      const { d1 } = world.directors;
      d1.map.packet(ANN, S1);
      world.directors.d2.map.packet(BOB, S2);
      await world.clock.advance(2500);
      world.cut('d1');
      d1[how]();
      world.join('d1');
      await world.clock.advance(10_000);
      expect(await world.maps()).toEqual(everywhere({ [ANN]: S1, [BOB]: S2 }));
      await world.clock.advance(2 * SECONDS * 1000);
      expect(await world.maps()).toEqual(everywhere({}));
      expect(world.all.map(({ mesh }) => mesh.table.size)).toEqual([0, 0, 0]);
    },
  );

  test('of a service that remembers no more are forgotten by the others, too', async () => {
    const world = await settled();
    const { d1 } = world.directors;
    d1.map.packet(ANN, S1);
    await world.clock.advance(2500);
    for (const director of world.all) director.start([{ ...WEB, persistence: undefined }]);
    await world.clock.advance(5000);
    expect(world.all.map(({ mesh }) => mesh.table.size)).toEqual([0, 0, 0]);
  });
});

test('a map that cannot be read is told of once, and tried again', async () => {
  const world = await settled();
  const { d1 } = world.directors;
  d1.map.packet(ANN, S1);
  d1.map.refusal = new KernelError('nft-dump-elements', { errno: 'EPERM' });
  await world.clock.advance(5000);
  expect(d1.events.since(0).filter(({ event }) => event === 'persistence-fault')).toHaveLength(1);
  d1.map.refusal = undefined;
  await world.clock.advance(5000);
  expect(await world.maps()).toEqual(everywhere({ [ANN]: S1 }));
});

test('nothing is read where no service remembers clients', async () => {
  const clock = new FakeClock();
  let reads = 0;
  const dataplane = {
    clients: async () => {
      reads += 1;
      return [];
    },
    remember: async () => {},
  };
  const keeper = new ClientKeeper({ clock, events: new EventLog(clock), dataplane, seed: 1, tell: () => {} });
  keeper.want(settingsOf('d1', [{ ...WEB, persistence: undefined }]));
  await clock.advance(10_000);
  keeper.want(undefined);
  await clock.advance(10_000);
  expect(reads).toBe(0);
  keeper.want(settingsOf('d1', [WEB]));
  await clock.advance(3500);
  keeper.close();
  await clock.advance(3000);
  expect(reads).toBe(3);
});
