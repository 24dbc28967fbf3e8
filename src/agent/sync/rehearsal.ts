/**
 * Goes through the second chance with made-up packets, before a real one comes: code that runs for the first time takes ten times as
 * long, and when a route moves each of the first packets would be held for milliseconds (ADR 0032).
 *
 * Two engines play it, with a clock, streams and packets of their own: one asks about a connection that the other's kernel knows, as
 * client and as server. The real kernel is asked about a connection that there cannot be, and told to forget it. Nothing is sent, and
 * nothing that was there before is touched.
 *
 * Not here: TLS, whose code the streams between directors keep warm, and what `KernelMisses` does to its devices.
 */
import { setImmediate } from 'node:timers/promises';
import { type Ipv4, ipv4 } from '../../core/base/ipv4.ts';
import type { Millis } from '../../core/base/machine.ts';
import type { SyncService, SyncSettings } from '../../core/model/sync.ts';
import type { Tuple } from '../../core/netlink/conntrack.ts';
import { checksumOffset, pseudoHeaderSum } from '../../core/packet/checksum.ts';
import { offloadHeader } from '../../core/packet/offload.ts';
import { parsePacket } from '../../core/packet/packet.ts';
import { Op, Protocol, RECORD_BYTES, recordsOf, serviceHash } from '../../core/sync/records/record.ts';
import type { Replication, ReplicationCounts } from '../../drivers/conntrack/replication.ts';
import { readMissed } from '../../drivers/miss/missed.ts';
import type { Missed, Misses, MissListener } from '../../drivers/miss/port.ts';
import type { Clock } from '../../io/clock.ts';
import { type OpenMesh, SyncEngine } from './sync-engine.ts';

/** Packets: by then the compiler has seen enough. */
export const PACKETS = 1500;
/** Without the event loop in between; some milliseconds. */
const PACKETS_PER_TURN = 20;
/** Promises that wait for each other between a packet and its return, and some more. */
const HOPS = 60;
/** Until two directors know each other. */
const ACQUAINTANCE: Millis = 5000;

// RFC 5737: addresses that nobody has.
const CLIENT = ipv4('192.0.2.1');
const SERVER = ipv4('192.0.2.2');
const LOCAL = ipv4('192.0.2.3');
const VIP = ipv4('203.0.113.1');
const PORT = 80;
const NOWHERE: Tuple = { protocol: Protocol.tcp, source: 0, destination: 0, sport: 0, dport: 0 };
const NONE = new Uint8Array(0);

const DIRECTORS = [1, 2].map((routerId) => {
  return { name: `d${routerId}`, routerId, endpoint: { address: routerId, port: 1 } };
});

function settingsOf(self: number): SyncSettings {
  const service: SyncService = {
    ...{ name: 'web', service: serviceHash('web'), digest: '00'.repeat(8), vips: [VIP], ports: [PORT] },
    ...{ protocol: 'tcp', fullnat: true, sync: 'off', serverIds: [], establishedTimeout: 600, persistence: undefined },
  };
  return {
    cluster: 'rehearsal',
    self: DIRECTORS[self]!,
    peers: DIRECTORS.filter((_, at) => at !== self),
    keys: [],
    ...{ configHash: '00'.repeat(32), tableDigest: '00'.repeat(8), syncTimeout: 0, grace: 1000, services: [service] },
    plane: { services: [], upstream: [], local: { directors: [{ name: 'd1', local: [LOCAL] }], shared: [] } },
  };
}

class StageClock implements Clock {
  #now = 0;
  readonly #alarms = new Map<object, { readonly due: number; readonly callback: () => void }>();

  now(): number {
    return this.#now;
  }

  after(delay: Millis, callback: () => void): () => void {
    const key = {};
    this.#alarms.set(key, { due: this.#now + delay, callback });
    return () => this.#alarms.delete(key);
  }

  pass(time: Millis): void {
    this.#now += time;
    for (const [key, { due, callback }] of [...this.#alarms]) {
      if (due <= this.#now && this.#alarms.delete(key)) callback();
    }
  }
}

/** One stream between the two; what is sent arrives a little later, as from a socket. */
function stageWire(): OpenMesh {
  const ends = new Map<string, Parameters<OpenMesh>[1]>();
  const other = (name: string) => [...ends].find(([end]) => end !== name);
  return ({ self }, events) => {
    ends.set(self, events);
    const there = other(self);
    if (there !== undefined) {
      queueMicrotask(() => {
        events.opened(there[0], 1);
        there[1].opened(self, 1);
      });
    }
    return {
      send: (_peer, bytes) => {
        queueMicrotask(() => other(self)?.[1].bytes(self, 1, Buffer.from(bytes)));
        return true;
      },
      disconnect: () => {},
      configure: () => {},
      waiting: () => 0,
      close: () => {},
    };
  };
}

/** Knows whatever it is asked about, and has made what it is to make; the real one is asked each time, about nothing. */
class StageKernel implements Replication {
  readonly #real: Replication | undefined;

  constructor(real: Replication | undefined) {
    this.#real = real;
  }

  async open(): Promise<void> {}

  configure(): void {}

  async dump(): Promise<void> {}

  async apply(records: Uint8Array) {
    await this.#real?.apply(recordsOf([{ ...recordOf(0), client: 0, clientPort: 0, vip: 0, op: Op.delete }]));
    return { taken: records.length / RECORD_BYTES, refused: NONE, inUse: 0 };
  }

  async get(direction: 'original' | 'reply', { sport, dport }: Tuple): Promise<Uint8Array> {
    await this.#real?.get(direction, NOWHERE);
    return recordsOf([recordOf(direction === 'original' ? sport : dport)]);
  }

  counts(): ReplicationCounts {
    return {} as ReplicationCounts;
  }

  async close(): Promise<void> {}
}

function recordOf(port: number) {
  return {
    ...{
      client: CLIENT,
      vip: VIP,
      clientPort: port,
      vipPort: PORT,
      protocol: Protocol.tcp,
      op: Op.put,
      state: 3,
      flags: 3,
    },
    ...{ server: SERVER, local: LOCAL, serverPort: PORT, localPort: port, service: serviceHash('web') },
    ...{ owner: 0, epoch: 0, timeout: 600, windowScale: 0, birth: 0 },
  };
}

class StageMisses implements Misses {
  listener: MissListener | undefined;
  returned = 0;

  async open(listener: MissListener): Promise<void> {
    this.listener = listener;
  }

  reinject(packets: readonly Missed[]): void {
    for (const packet of packets) offloadHeader(packet, packet.checksum, 1500, true);
    this.returned += packets.length;
  }

  counts() {
    return { told: 0, lost: 0, malformed: 0, damaged: 0, reinjected: 0, refused: 0 };
  }

  close(): void {}
}

/** An ACK from one address and port to another, with the sum of the pseudo-header. */
function ackOf(source: Ipv4, sport: number, destination: Ipv4, dport: number): Uint8Array {
  const bytes = Buffer.alloc(40);
  bytes.write('4500002800004000400600000000000000000000', 'hex');
  bytes.writeUInt32BE(source, 12);
  bytes.writeUInt32BE(destination, 16);
  bytes.writeUInt16BE(sport, 20);
  bytes.writeUInt16BE(dport, 22);
  bytes.write('5010', 32, 'hex');
  const packet = parsePacket(bytes);
  bytes.writeUInt16BE(pseudoHeaderSum(packet), packet.transport + checksumOffset(packet));
  return bytes;
}

/**
 * @param kernel not in use by anybody else; closed in the end
 * @returns packets that came back, of `PACKETS`
 */
export async function rehearse(kernel: Replication, packets = PACKETS): Promise<number> {
  const clock = new StageClock();
  const openMesh = stageWire();
  const misses = [new StageMisses(), new StageMisses()] as const;
  const real = await opened(kernel);
  const engines = misses.map((own, self) => {
    const engine = new SyncEngine({
      ...{ clock, epoch: `000000000000000${self}`, openMesh, replication: new StageKernel(real), misses: own },
      openFile: async () => ({ append: async () => 0, close: async () => {} }),
      timeOfDay: () => 0,
      tell: () => {},
    });
    engine.order({ kind: 'configure', settings: settingsOf(self) });
    return engine;
  });
  for (let time = 0; time < ACQUAINTANCE; time += 100) {
    await hops();
    clock.pass(100);
  }
  for (let at = 0; at < packets; at++) {
    const port = 1024 + at;
    const bytes = at % 2 === 0 ? ackOf(CLIENT, port, VIP, PORT) : ackOf(SERVER, PORT, LOCAL, port);
    const missed = readMissed(bytes);
    if (typeof missed !== 'string') misses[0].listener?.packet(missed);
    await hops();
    clock.pass(1);
    if (at % PACKETS_PER_TURN === 0) await setImmediate();
  }
  for (const engine of engines) engine.order({ kind: 'end', goodbye: undefined });
  await real?.close();
  return misses[0].returned;
}

async function hops(): Promise<void> {
  for (let hop = 0; hop < HOPS; hop++) await Promise.resolve();
}

/** Undefined where the kernel refuses: whoever needs it will say so. */
async function opened(kernel: Replication): Promise<Replication | undefined> {
  try {
    await kernel.open({ records: () => {}, lost: () => {}, failed: () => {} });
    return kernel;
  } catch {
    return undefined;
  }
}
