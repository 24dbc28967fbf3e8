/**
 * Attacks on a director that listens, over real sockets: by who has no key, by who stands between two directors, and by
 * a director gone mad. The test asks for few, the soak `sync-security` for many.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { projectRoot } from '../../../lab/project.ts';
import { Prng } from '../../../src/core/base/prng.ts';
import type { SyncKey } from '../../../src/core/model/sync-keys.ts';
import { encodeFrame } from '../../../src/core/sync/frames/codec.ts';
import { HEADER_BYTES } from '../../../src/core/sync/frames/codes.ts';
import {
  type ConnectionRecord,
  Op,
  Protocol,
  RECORD_BYTES,
  writeRecord,
} from '../../../src/core/sync/records/record.ts';
import { handshakeKey, TLS } from '../../../src/io/mesh/tls.ts';
import { key } from './director.ts';
import { CLUSTER, ROUTER_IDS, type VictimReport } from './victim-protocol.ts';

export interface AttackSizes {
  /** Connections of each kind of stranger. */
  readonly strangers: number;
  /** Authenticated streams that are altered on the way. */
  readonly altered: number;
  /** Frames behind each alteration. */
  readonly behind: number;
  /** Mutated frames on authenticated streams. */
  readonly mutated: number;
}

export interface Attack {
  readonly name: string;
  /** Connections that were made, and frames that were sent and must not count. */
  readonly connections: number;
  readonly frames: number;
  /** What the victim made of it: all that it had not been given rightly. */
  readonly opened: number;
  readonly records: number;
  readonly applied: number;
  readonly refused: Readonly<Record<string, number>>;
  /** MiB, at the end. */
  readonly rss: number;
}

export interface AttackReport {
  readonly attacks: readonly Attack[];
  /** Mutated frames on authenticated streams: how many did not decode, and how many are frames all the same. */
  readonly mad: { readonly sent: number; readonly undecodable: number; readonly wellFormed: number };
  /** MiB of the victim before, and after every tenth of the mutated frames. */
  readonly rss: readonly number[];
  /** Whether the victim lived to the end. */
  readonly alive: boolean;
}

export async function attack(
  sizes: AttackSizes,
  seed: number,
  progress: (line: string) => void,
): Promise<AttackReport> {
  const victim = await Victim.start();
  try {
    const attacker = new Attacker(victim, seed);
    const attacks: Attack[] = [];
    for (const [name, act] of attacker.attacks(sizes)) {
      const before = await victim.report();
      const { connections, frames, rightly } = await act();
      const after = await victim.settled();
      attacks.push({
        name,
        connections,
        frames,
        opened: after.opened - before.opened - rightly.streams,
        records: after.records - before.records - rightly.records,
        applied: after.applied - before.applied - rightly.records,
        refused: difference(before.refused, after.refused),
        rss: after.rss / MEBIBYTE,
      });
      progress(`${name}: ${connections} connections, ${frames} frames; ${JSON.stringify(attacks.at(-1)!.refused)}`);
    }
    const { rss, ...mad } = await attacker.goMad(sizes.mutated, progress);
    return { attacks, mad, rss, alive: victim.alive };
  } finally {
    victim.end();
  }
}

const MEBIBYTE = 1 << 20;

function difference(before: VictimReport['refused'], after: VictimReport['refused']): Record<string, number> {
  const rows = Object.entries(after).map(([reason, count]) => [reason, count - (before[reason] ?? 0)] as const);
  return Object.fromEntries(rows.filter(([, count]) => count > 0));
}

class Victim {
  readonly #child: ChildProcess;
  readonly port: number;
  readonly #lines: AsyncIterator<string>;
  #id = 1;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, port: number) {
    this.#child = child;
    this.#lines = lines;
    this.port = port;
  }

  static async start(): Promise<Victim> {
    const child = spawn(process.execPath, [join(projectRoot, 'dist/test/contract/mesh/victim-main.js')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const port = await new Victim(child, lines, 0).#call<number>('port');
    return new Victim(child, lines, port);
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  report(): Promise<VictimReport> {
    return this.#call('report');
  }

  /** A report at a moment when no stream is open and nothing has happened for a while. */
  async settled(): Promise<VictimReport> {
    for (let last = await this.report(); ; ) {
      // Bytes on their way over lo and through the victim's loop take a few of them; that no more come is no event.
      await new Promise((resolve) => setTimeout(resolve, 50));
      const now = await this.report();
      const quiet = now.opened === now.closed && now.bytes === last.bytes;
      if (quiet && JSON.stringify(now.refused) === JSON.stringify(last.refused)) return now;
      last = now;
    }
  }

  end(): void {
    this.#child.stdin!.end();
  }

  async #call<T>(method: string): Promise<T> {
    this.#child.stdin!.write(`${JSON.stringify({ id: this.#id++, method })}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('the victim has ended');
    return (JSON.parse(value) as { result: T }).result;
  }
}

interface Done {
  readonly connections: number;
  readonly frames: number;
  /** What the victim takes rightly: the streams of a true director, and what it said before it was altered. */
  readonly rightly: { readonly streams: number; readonly records: number };
}

const NOTHING = { streams: 0, records: 0 };
const HOST = '127.0.0.2';

class Attacker {
  readonly #victim: Victim;
  readonly #random: Prng;
  #sequence = 1;

  constructor(victim: Victim, seed: number) {
    this.#victim = victim;
    this.#random = new Prng(seed);
  }

  *attacks({ strangers, altered, behind }: AttackSizes): Generator<readonly [string, () => Promise<Done>]> {
    yield ['plain TCP with frames', () => this.#plain(strangers, 20)];
    yield ['wrong key', () => this.#knock(strangers, { keyed: key('1', false, 'guess'), name: 'd1' })];
    yield ['right key, unknown director', () => this.#knock(strangers, { keyed: key('1'), name: 'd9' })];
    yield ['replayed stream', () => this.#replay(strangers)];
    yield ['altered on the way', () => this.#alter(altered, behind)];
  }

  async #plain(connections: number, frames: number): Promise<Done> {
    for (let count = 0; count < connections; count++) {
      const socket = connectTcp(this.#victim.port, HOST);
      const ended = gone(socket);
      for (let frame = 0; frame < frames; frame++) socket.write(this.#frame());
      socket.end();
      await ended;
    }
    return { connections, frames: connections * frames, rightly: NOTHING };
  }

  async #knock(connections: number, claim: { readonly keyed: SyncKey; readonly name: string }): Promise<Done> {
    for (let count = 0; count < connections; count++) {
      const socket = this.#dial(this.#victim.port, HOST, claim.keyed, claim.name);
      socket.write(this.#frame());
      await gone(socket);
    }
    return { connections, frames: connections, rightly: NOTHING };
  }

  /** A true stream of 20 frames is recorded once, and its client's bytes are sent again: whole, or a part of them. */
  async #replay(connections: number): Promise<Done> {
    const wire = await Wire.open(this.#victim.port);
    const socket = this.#dial(wire.port, Wire.HOST);
    await connected(socket);
    socket.write(this.#hello());
    for (let frame = 0; frame < 20; frame++) socket.write(this.#frame());
    socket.end();
    await gone(socket);
    const recorded = wire.recorded();
    wire.close();
    for (let count = 0; count < connections; count++) {
      const socket = connectTcp(this.#victim.port, HOST);
      const ended = gone(socket);
      const whole = count % 2 === 0;
      socket.end(whole ? recorded : recorded.subarray(0, this.#random.u32() % recorded.length));
      await ended;
    }
    return { connections, frames: connections * 20, rightly: { streams: 1, records: 20 } };
  }

  /** Each stream says one frame rightly; then the wire alters what follows. */
  async #alter(connections: number, behind: number): Promise<Done> {
    const wire = await Wire.open(this.#victim.port);
    for (let count = 0; count < connections; count++) {
      const socket = this.#dial(wire.port, Wire.HOST);
      await connected(socket);
      socket.write(Buffer.concat([this.#hello(), this.#frame()]));
      await wire.passed();
      wire.alter = ALTERATIONS[count % ALTERATIONS.length]!(this.#random);
      const ended = gone(socket);
      for (let frame = 0; frame < behind; frame++) {
        socket.write(this.#frame());
        if (frame === behind >> 1) await new Promise((resolve) => setImmediate(resolve));
      }
      socket.end();
      await ended;
      wire.alter = undefined;
    }
    wire.close();
    return { connections, frames: connections * behind, rightly: { streams: connections, records: connections } };
  }

  /** A director with the right key sends frames that are cut, spoilt or lie about their length. */
  async goMad(
    count: number,
    progress: (line: string) => void,
  ): Promise<AttackReport['mad'] & { readonly rss: readonly number[] }> {
    const first = await this.#victim.settled();
    const rss = [first.rss / MEBIBYTE];
    const tenth = Math.ceil(count / 10);
    let socket: TLSSocket | undefined;
    let hellos = 0;
    for (let sent = 1; sent <= count; sent++) {
      if (socket === undefined || socket.destroyed || socket.writableEnded) {
        socket = this.#dial(this.#victim.port, HOST);
        await connected(socket);
        socket.write(this.#hello());
        hellos++;
      }
      const { bytes, last } = this.#spoil(this.#someFrame());
      const room = socket.write(bytes);
      if (last) {
        socket.end();
        await gone(socket);
      } else if (!room || sent % 50 === 0) await drainedOrGone(socket);
      if (sent % tenth !== 0) continue;
      socket.end();
      await gone(socket);
      const { rss: now, undecodable } = await this.#victim.settled();
      rss.push(now / MEBIBYTE);
      progress(
        `${sent} mutated frames: ${undecodable - first.undecodable} did not decode, ${(now / MEBIBYTE).toFixed(1)} MiB`,
      );
    }
    const last = await this.#victim.settled();
    const undecodable = last.undecodable - first.undecodable;
    return { sent: count, undecodable, wellFormed: last.frames - first.frames - undecodable - hellos, rss };
  }

  #dial(port: number, host: string, keyed = key('1'), name = 'd1'): TLSSocket {
    const psk = handshakeKey(keyed, name, 'd2');
    const socket = connectTls({
      ...TLS,
      host,
      port,
      pskCallback: () => ({ psk, identity: `${keyed.id}/${name}` }),
      checkServerIdentity: () => new Error('a certificate'),
    });
    socket.on('error', () => {}).resume();
    return socket;
  }

  /** What the victim wants to hear first. */
  #hello(): Uint8Array {
    this.#sequence = 1;
    return encodeFrame({
      kind: 'hello',
      versions: { min: 1, max: 1 },
      empty: false,
      routerId: ROUTER_IDS.d1,
      bootEpoch: '00000000000000d1',
      configHash: 'ab'.repeat(8),
      tableDigest: '00'.repeat(8),
      name: 'd1',
      cluster: CLUSTER,
      services: [],
    });
  }

  /** A batch that the victim would take. */
  #frame(count = 1): Uint8Array {
    const records = new Uint8Array(count * RECORD_BYTES);
    for (let at = 0; at < records.length; at += RECORD_BYTES) writeRecord(records, at, this.#record());
    return encodeFrame({ kind: 'batch', sequence: this.#sequence++, records });
  }

  #record(): ConnectionRecord {
    const client = this.#random.u32();
    const clientPort = 1 + (this.#random.u32() % 65_535);
    return {
      client,
      vip: 0xcb00710a,
      clientPort,
      vipPort: 443,
      protocol: Protocol.tcp,
      op: Op.put,
      state: 3,
      flags: 3,
      server: 0x0a020015,
      local: client,
      serverPort: 443,
      localPort: clientPort,
      service: 7,
      owner: ROUTER_IDS.d1,
      epoch: 1,
      timeout: 60,
      windowScale: 0x77,
      birth: 0,
    };
  }

  /** Of any kind that has something to spoil. */
  #someFrame(): Uint8Array {
    const id = this.#random.u32();
    const ranges = new Uint8Array(32).fill(0xff);
    const digests = Uint32Array.from({ length: 512 }, (_, at) => at % 5);
    const tuple = new Uint8Array(13).fill(6);
    const frames: readonly (() => Uint8Array)[] = [
      () => this.#frame(1 + (id % 4)),
      () => this.#frame(1),
      () => encodeFrame({ kind: 'bulkBegin', id, owner: 0x0aff0001, expected: 9, ranges }),
      () => encodeFrame({ kind: 'bulkEnd', id, owners: [{ owner: 0x0aff0001, connections: 9, digest: [1, 2] }] }),
      () => encodeFrame({ kind: 'digest', owner: 0x0aff0001, connections: 9, digests }),
      () => encodeFrame({ kind: 'query', id, side: 'client', tuple }),
      () => encodeFrame({ kind: 'goodbye', reason: 'leaving', text: 'so long' }),
    ];
    return frames[this.#random.u32() % frames.length]!();
  }

  /** `last`: where the next frame would begin is not said any more. */
  #spoil(frame: Uint8Array): { readonly bytes: Uint8Array; readonly last: boolean } {
    const spoilt = Uint8Array.from(frame);
    const at = this.#random.u32() % frame.length;
    const behind = HEADER_BYTES + (at % (frame.length - HEADER_BYTES));
    const way = this.#random.u32() % 30;
    if (way === 0) return { bytes: spoilt.subarray(0, at), last: true };
    if (way === 1) {
      spoilt[at % 4]! ^= 1 << (this.#random.u32() % 8);
      return { bytes: spoilt, last: true };
    }
    if (way < 12) {
      new DataView(spoilt.buffer).setUint32(0, behind - HEADER_BYTES);
      return { bytes: spoilt.subarray(0, behind), last: false };
    }
    // The kind and what stands beside it, or the payload: a bit, or some bytes.
    const place = way < 15 ? 4 + (at % 4) : behind;
    if (way < 22) spoilt[place]! ^= 1 << (this.#random.u32() % 8);
    else for (let byte = place; byte < place + 4; byte++) spoilt[byte] = this.#random.u32();
    return { bytes: spoilt, last: false };
  }
}

/** What is done to a chunk of the wire; undefined: it is left out and the connection is cut. */
type Alteration = (chunk: Buffer) => readonly Buffer[] | undefined;

/** Of the first TLS record of any chunk: what stands behind it in the chunk comes behind what was altered. */
const SURE = 60;

/** One alteration each: of one chunk, the others pass. */
const ALTERATIONS: readonly ((random: Prng) => Alteration)[] = [
  (random) =>
    once((chunk) => {
      chunk[random.u32() % SURE]! ^= 1 << (random.u32() % 8);
      return [chunk];
    }),
  (random) => once((chunk) => [chunk.subarray(0, random.u32() % SURE)]),
  () => () => undefined,
  () => once((chunk) => [Buffer.alloc(chunk.length, 0x17)]),
  (random) => once((chunk) => [Buffer.from([0x17, 3, 3, 0x40, random.u32() & 0xff]), chunk]),
];

function once(alter: (chunk: Buffer) => readonly Buffer[]): Alteration {
  let done = false;
  return (chunk) => {
    if (done) return [chunk];
    done = true;
    return alter(chunk);
  };
}

/** A wire that leads to the victim, records the last connection's bytes, and alters them when it is told to. */
class Wire {
  static readonly HOST = '127.0.0.50';
  readonly #server: Server;
  alter: Alteration | undefined;
  #chunks: Buffer[] = [];
  #waiting: (() => void) | undefined;

  private constructor(victim: number) {
    this.#server = createServer((client) => {
      const behind = connectTcp(victim, HOST);
      this.#chunks = [];
      client.on('data', (chunk) => this.#pass(chunk, client, behind));
      client.on('end', () => behind.end());
      behind.pipe(client);
      client.on('error', () => behind.destroy());
      behind.on('error', () => client.destroy());
      behind.on('close', () => client.destroy());
    });
  }

  static async open(victim: number): Promise<Wire> {
    const wire = new Wire(victim);
    await new Promise<void>((resolve) => wire.#server.listen(0, Wire.HOST, resolve));
    return wire;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** All that the client of the last connection has said. */
  recorded(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** The next chunk has passed as it is. */
  passed(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  close(): void {
    this.#server.close();
  }

  #pass(chunk: Buffer, client: Socket, behind: Socket): void {
    this.#chunks.push(chunk);
    const pieces = this.alter === undefined ? [chunk] : this.alter(chunk);
    if (pieces === undefined) {
      client.destroy();
      behind.end();
      return;
    }
    for (const piece of pieces) behind.write(piece);
    this.#waiting?.();
    this.#waiting = undefined;
  }
}

function gone(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve();
  socket.on('error', () => {}).resume();
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function connected(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('close', () => reject(new Error('the victim has not let d1 in')));
  });
}

/** Until what was written is on its way. */
function drainedOrGone(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    if (socket.writableNeedDrain) socket.once('drain', () => resolve());
    else setImmediate(resolve);
    socket.once('close', () => resolve());
  });
}
