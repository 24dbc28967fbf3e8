/**
 * Streams of frames of which some are spoiled, through reader, decoders and table: what may come of it is frames and
 * DecodeErrors, and what was accepted can be said again.
 */

import { DecodeError, type DecodeReason } from '../../../src/core/base/decode-error.ts';
import { Prng } from '../../../src/core/base/prng.ts';
import { decodeFrame, encodeFrame, type Frame } from '../../../src/core/sync/frames/codec.ts';
import { HEADER_BYTES, MAX_PAYLOAD } from '../../../src/core/sync/frames/codes.ts';
import { FrameReader } from '../../../src/core/sync/frames/frame-reader.ts';
import { Field, Op, RECORD_BYTES, recordFault } from '../../../src/core/sync/records/record.ts';
import { ConnectionTable, NO_SLOT } from '../../../src/core/sync/table/connection-table.ts';
import { joinBytes } from '../../bytes.ts';
import { toHex } from '../../vectors/ospf/handmade.ts';
import { pieces, randomFrame, spoil } from './spoil.ts';

export interface FuzzReport {
  /** Spoiled frames that were sent. */
  frames: number;
  /** Frames that decoded: the whole ones before, and many a spoiled one. */
  accepted: number;
  unknown: number;
  readonly refused: Partial<Record<DecodeReason, number>>;
  /** What came out that is no DecodeError, or was accepted and is no good; with the stream. */
  readonly faults: string[];
}

/** Streams after which the table is emptied. */
const EMPTIED_AFTER = 1000;

/** @param sample is called about a hundred times, at like moments, for whoever watches the memory */
export function fuzzFrames(seed: number, count: number, sample: () => void = () => undefined): FuzzReport {
  const prng = new Prng(seed);
  const report: FuzzReport = { frames: 0, accepted: 0, unknown: 0, refused: {}, faults: [] };
  const table = new ConnectionTable({ seed });
  for (let n = 0; n < count; n++) {
    // Between two whole ones, so that what a spoiled frame leaves behind meets another.
    strike(joinBytes(randomFrame(prng), spoil(prng, randomFrame(prng)), randomFrame(prng)), prng, table, report);
    report.frames++;
    if (n % EMPTIED_AFTER === 0) empty(table, report);
    if (n % Math.ceil(count / 100) === 0) sample();
  }
  empty(table, report);
  return report;
}

function strike(stream: Uint8Array, prng: Prng, table: ConnectionTable, report: FuzzReport): void {
  const reader = new FrameReader((kind, payload) => {
    const frame = decodeFrame(kind, payload);
    if (frame === undefined) report.unknown++;
    else accept(frame, table, report);
  });
  try {
    for (const piece of pieces(prng, stream)) {
      reader.push(piece);
      if (reader.pending > MAX_PAYLOAD + HEADER_BYTES) report.faults.push(`${reader.pending} bytes are held`);
    }
  } catch (error) {
    if (error instanceof DecodeError) report.refused[error.reason] = (report.refused[error.reason] ?? 0) + 1;
    else report.faults.push(`${error} for ${toHex(stream)}`);
  }
}

function accept(frame: Frame, table: ConnectionTable, report: FuzzReport): void {
  report.accepted++;
  const said = encodeFrame(frame);
  const again = encodeFrame(decodeFrame(said[4]!, said.subarray(HEADER_BYTES))!);
  if (toHex(again) !== toHex(said)) report.faults.push(`said again it is another frame: ${toHex(said)}`);
  if ('records' in frame) take(frame.records, table, report);
}

/** As a receiver that believes everything. */
function take(records: Uint8Array, table: ConnectionTable, report: FuzzReport): void {
  for (let at = 0; at < records.length; at += RECORD_BYTES) {
    if (recordFault(records, at) !== undefined) report.faults.push(`accepted: ${toHex(records)}`);
    if (records[at + Field.op] !== Op.delete) {
      table.put(records, at, 0);
      continue;
    }
    const slot = table.find(records, at);
    if (slot !== NO_SLOT) table.remove(slot);
  }
}

/** All out again; digests have to say so. */
function empty(table: ConnectionTable, report: FuzzReport): void {
  const owners = [...table.owners()];
  table.walk(0, Number.MAX_SAFE_INTEGER, (slot) => table.remove(slot));
  const left = owners.filter((owner) => table.countOf(owner) !== 0 || table.digest(owner).some((word) => word !== 0));
  if (table.size !== 0 || left.length > 0) report.faults.push(`${table.size} left, digests of ${left.join()}`);
}
