/**
 * A director gone mad in the mesh: it has the key, and between frames in their right order and number come spoiled ones. What
 * may come of it is an end of its own stream; the mesh goes on, and a sane peer notices nothing.
 */

import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { Prng } from '../../../src/core/base/prng.ts';
import type { SyncSettings } from '../../../src/core/model/sync.ts';
import { decodeFrame, encodeFrame } from '../../../src/core/sync/frames/codec.ts';
import { HEADER_BYTES } from '../../../src/core/sync/frames/codes.ts';
import { FrameReader } from '../../../src/core/sync/frames/frame-reader.ts';
import { Mesh } from '../../../src/core/sync/mesh/mesh.ts';
import type { MeshEffect, MeshInput } from '../../../src/core/sync/mesh/mesh-events.ts';
import { recordsOf } from '../../../src/core/sync/records/record.ts';
import { NO_SLOT } from '../../../src/core/sync/table/connection-table.ts';
import { toHex } from '../../vectors/ospf/handmade.ts';
import { CONNECTION } from './arbitraries.ts';
import { below, pieces, randomFrame, spoil } from './spoil.ts';

export interface MeshFuzzReport {
  frames: number;
  /** Streams of the mad director that were ended. */
  ended: number;
  readonly faults: string[];
}

/** A mesh is replaced after so many steps: some of what is spoiled is a connection like another, and stays. */
const LIFE = 2000;
const STEP_MILLIS = 5;
const MOST_SWALLOWED = 500;

const SELVES = ['victim', 'mad', 'sane'].map((name, at) => {
  return { name, routerId: 0x0aff0001 + at, endpoint: { address: 0x0a020001 + at, port: 7171 } };
});

const SETTINGS: SyncSettings = {
  ...{ cluster: 'edge', self: SELVES[0]!, peers: SELVES.slice(1), keys: [], configHash: 'ab'.repeat(32) },
  ...{
    tableDigest: '00'.repeat(8),
    syncTimeout: 20_000,
    grace: 120_000,
    services: [],
    plane: { services: [], upstream: [] },
  },
};

function helloOf(name: string, bootEpoch: string): Uint8Array {
  const { routerId } = SELVES.find((self) => self.name === name)!;
  return encodeFrame({
    ...{ kind: 'hello', versions: { min: 1, max: 1 }, empty: false, routerId, bootEpoch },
    ...{ configHash: 'ab'.repeat(8), tableDigest: '00'.repeat(8), name, cluster: 'edge', services: [] },
  });
}

/** What a peer has said on its stream, to go on with the right number. */
class Speech {
  readonly stream: number;
  taken = 0;
  readonly #reader = new FrameReader((kind, payload) => {
    const frame = decodeFrame(kind, payload);
    if (frame !== undefined && 'sequence' in frame && 'records' in frame) this.taken = frame.sequence;
  });

  constructor(stream: number) {
    this.stream = stream;
  }

  /** Bytes of a frame that is longer than what was said of it. */
  get pending(): number {
    return this.#reader.pending;
  }

  said(bytes: Uint8Array): void {
    try {
      this.#reader.push(bytes);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
}

class Scene {
  readonly report: MeshFuzzReport;
  readonly #prng: Prng;
  readonly #mesh: Mesh;
  #now = 0;
  #streams = 0;
  #mad = new Speech(0);
  #sane = new Speech(0);
  #isOver = true;

  constructor(prng: Prng, report: MeshFuzzReport) {
    this.#prng = prng;
    this.report = report;
    this.#mesh = new Mesh({ epoch: '0123456789abcdef', settings: SETTINGS }, 0);
    this.#feed({ kind: 'kernelDump', records: new Uint8Array(0), last: true });
    this.#sane = this.#open('sane', '00000000000000aa');
  }

  step(): void {
    this.#now += STEP_MILLIS;
    // A length that lies would swallow whatever follows.
    if (this.#mad.pending > MOST_SWALLOWED) this.#hangUp();
    if (this.#isOver) {
      this.#isOver = false;
      this.#mad = this.#open('mad', '00000000000000bb');
    }
    const frame = this.#numbered(randomFrame(this.#prng));
    const isSpoiled = below(this.#prng, 2) === 0;
    const bytes = isSpoiled ? spoil(this.#prng, frame) : frame;
    if (isSpoiled) this.report.frames++;
    for (const piece of pieces(this.#prng, bytes)) if (!this.#isOver) this.#say('mad', this.#mad, piece);
    if (below(this.#prng, 20) === 0) this.#say('sane', this.#sane, encodeFrame({ kind: 'alive', counter: 1 }));
    if (below(this.#prng, 50) === 0) this.#feed({ kind: 'kernel', records: recordsOf([this.#connection()]) });
    this.#feed({ kind: 'timer' });
  }

  #hangUp(): void {
    this.#isOver = true;
    this.#feed({ kind: 'closed', peer: 'mad', stream: this.#mad.stream, reason: 'it has hung up' });
  }

  /** Is the sane peer still heard? */
  end(): void {
    const record = { ...this.#connection(), client: 0x01020304, owner: SELVES[2]!.routerId, epoch: 1 };
    const sequence = this.#sane.taken + 1;
    this.#say('sane', this.#sane, encodeFrame({ kind: 'batch', sequence, records: recordsOf([record]) }));
    if (this.#mesh.table.find(recordsOf([record]), 0) === NO_SLOT)
      this.report.faults.push('the sane peer is not heard');
  }

  #connection() {
    return { ...CONNECTION, clientPort: below(this.#prng, 64), owner: 0, epoch: 0 };
  }

  #numbered(frame: Uint8Array): Uint8Array {
    const decoded = decodeFrame(frame[4]!, frame.subarray(HEADER_BYTES))!;
    if (!('records' in decoded && 'sequence' in decoded)) return frame;
    return encodeFrame({ ...decoded, sequence: this.#mad.taken + 1 });
  }

  #open(peer: string, bootEpoch: string): Speech {
    const speech = new Speech(++this.#streams);
    this.#feed({ kind: 'opened', peer, stream: speech.stream });
    this.#say(peer, speech, helloOf(peer, bootEpoch));
    return speech;
  }

  #say(peer: string, speech: Speech, bytes: Uint8Array): void {
    speech.said(bytes);
    this.#feed({ kind: 'bytes', peer, stream: speech.stream, bytes });
  }

  #feed(input: MeshInput): void {
    let effects: readonly MeshEffect[] = [];
    try {
      effects = this.#mesh.handle(input, this.#now);
    } catch (error) {
      const what = input.kind === 'bytes' ? toHex(input.bytes) : input.kind;
      this.report.faults.push(`${error} of ${what}`);
    }
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: MeshEffect): void {
    if (effect.kind === 'dumpKernel') this.#feed({ kind: 'kernelDump', records: new Uint8Array(0), last: true });
    if (effect.kind === 'lookUp') this.#feed({ kind: 'lookedUp', token: effect.token, record: undefined });
    if (effect.kind === 'listService') this.#feed({ kind: 'listed', token: effect.token, records: new Uint8Array(0) });
    if (effect.kind === 'send' && effect.peer === 'sane') this.#acknowledge(effect.bytes);
    if (effect.kind !== 'disconnect') return;
    if (effect.peer !== 'mad') this.report.faults.push(`${effect.peer}: ${effect.reason}`);
    this.report.ended++;
    this.#isOver = true;
    this.#feed({ kind: 'closed', peer: effect.peer, stream: effect.stream, reason: effect.reason });
  }

  #acknowledge(bytes: Uint8Array): void {
    new FrameReader((kind, payload) => {
      const frame = decodeFrame(kind, payload);
      if (frame === undefined || !('records' in frame && 'sequence' in frame)) return;
      this.#say('sane', this.#sane, encodeFrame({ kind: 'ack', sequence: frame.sequence }));
    }).push(bytes);
  }
}

/** @param sample is called about a hundred times, at like moments, for whoever watches the memory */
export function fuzzMesh(seed: number, steps: number, sample: () => void = () => undefined): MeshFuzzReport {
  const prng = new Prng(seed);
  const report: MeshFuzzReport = { frames: 0, ended: 0, faults: [] };
  for (let done = 0; done < steps; done += LIFE) {
    const scene = new Scene(prng, report);
    for (let n = 0; n < Math.min(LIFE, steps - done); n++) scene.step();
    scene.end();
    if ((done / LIFE) % Math.ceil(steps / LIFE / 100) === 0) sample();
  }
  return report;
}
