/** Frames of a peer that holds the key and writes nonsense: nothing escapes, nothing grows, no stranger's record is taken. */
import { expect, test } from 'vitest';
import { Prng } from '../../src/core/base/prng.ts';
import { FrameKind } from '../../src/core/sync/frames/codes.ts';
import type { MeshEffect } from '../../src/core/sync/mesh/mesh-events.ts';
import { THOROUGH } from '../sizes.ts';
import { SyncNetwork } from './sync-network.ts';

const STRIKES = THOROUGH ? 100_000 : 2000;

const HEADER = 8;
const KIND = 4;
/** Kinds that carry a number: chunks of bulks, batches, refreshes. */
const NUMBERED: ReadonlySet<number> = new Set([FrameKind.bulkChunk, FrameKind.batch, FrameKind.refresh]);

/** Everything that d1 says to d2 while much happens, frame by frame. */
function conversation(): readonly Uint8Array[] {
  const network = new SyncNetwork(3, 5);
  const said: Uint8Array[] = [];
  const [a, b, c] = network.directors as [
    (typeof network.directors)[0],
    (typeof network.directors)[0],
    (typeof network.directors)[0],
  ];
  network.onBytes = (from, to, bytes) => {
    if (from === a && to === b) said.push(bytes);
  };
  for (const director of [a, b, c]) network.start(director);
  network.run(2000);
  for (let key = 0; key < 60; key++) [a, b, c][key % 3]!.kernel.open({ key, server: key % 5 });
  network.run(100);
  for (let key = 0; key < 60; key += 4) a.kernel.packet({ key, server: key % 5 });
  for (let key = 1; key < 60; key += 5) a.kernel.close({ key, server: key % 5 }, network.now);
  network.crash(c);
  network.handle(a, { kind: 'query', id: 1, side: 'client', tuple: new Uint8Array(13) });
  network.run(60_000);
  // A second hello may raise the version that is expected from then on, and all further streams would be refused.
  return said.filter((bytes, index) => index === 0 || bytes[KIND] !== FrameKind.hello);
}

/** Another payload under a header that fits, so that the next frame is found; its number is the one that is due. */
function spoil(prng: Prng, frame: Uint8Array, due: number): Uint8Array {
  const length = prng.unit() < 0.1 ? HEADER + Math.floor(prng.unit() * (frame.length - HEADER)) : frame.length;
  const spoiled = frame.slice(0, length);
  for (let n = prng.unit() * 4; n > 0 && length > HEADER; n--) {
    spoiled[HEADER + Math.floor(prng.unit() * (length - HEADER))] = Math.floor(prng.unit() * 256);
  }
  const view = new DataView(spoiled.buffer);
  view.setUint32(0, length - HEADER);
  if (NUMBERED.has(spoiled[KIND]!) && length >= HEADER + 4) view.setUint32(HEADER, due);
  return spoiled;
}

test(`${STRIKES} spoiled frames behind a good hello`, () => {
  const [hello, ...said] = conversation();
  const prng = new Prng(7);
  const network = new SyncNetwork(3, 5);
  const [, victim] = network.directors as [unknown, (typeof network.directors)[0]];
  network.start(victim);
  const mesh = victim.mesh!;
  let stream = 1;
  let taken = 0;
  let now = 3000;
  const handle = (input: Parameters<typeof mesh.handle>[0]): readonly MeshEffect[] => mesh.handle(input, now);
  handle({ kind: 'kernelDump', records: new Uint8Array(0), last: true });
  handle({ kind: 'opened', peer: 'd1', stream });
  handle({ kind: 'bytes', peer: 'd1', stream, bytes: hello! });
  for (let strike = 0; strike < STRIKES; strike++) {
    now += 1;
    const bytes = spoil(prng, said[Math.floor(prng.unit() * said.length)]!, taken + 1);
    const effects = handle({ kind: 'bytes', peer: 'd1', stream, bytes });
    if (NUMBERED.has(bytes[KIND]!)) taken++;
    if (!effects.some(({ kind }) => kind === 'disconnect')) continue;
    taken = 0;
    handle({ kind: 'closed', peer: 'd1', stream, reason: 'garbage' });
    stream++;
    handle({ kind: 'opened', peer: 'd1', stream });
    handle({ kind: 'bytes', peer: 'd1', stream, bytes: hello! });
  }
  expect(stream).toBeGreaterThan(STRIKES / 20);
  expect(mesh.ownership.counts.strangers).toBeGreaterThan(0);
  expect([...mesh.table.owners()].every((owner) => network.directors.some(({ routerId }) => routerId === owner))).toBe(
    true,
  );
  expect(mesh.table.size).toBeLessThan(STRIKES);
});
