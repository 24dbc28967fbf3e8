import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { Writer } from '../../../src/core/base/writer.ts';
import { decodeFrame, encodeFrame, type Frame } from '../../../src/core/sync/frames/codec.ts';
import { FrameKind } from '../../../src/core/sync/frames/codes.ts';
import { FrameReader } from '../../../src/core/sync/frames/frame-reader.ts';
import { rangeOf, readRecord, recordHash, recordsOf, serviceHash } from '../../../src/core/sync/records/record.ts';
import { toggleDigest } from '../../../src/core/sync/records/record-digest.ts';
import { decodeIpv6Record, encodeIpv6Record } from '../../../src/core/sync/records/record-ipv6.ts';
import { fromHex, toHex } from '../../vectors/ospf/handmade.ts';
import { frameText, ipv6RecordText, recordText } from './frame-text.ts';

interface Vector {
  readonly title: string;
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** The entries of a file: comments, bytes, `=`, text; a blank line between them. */
function vectors(name: string): readonly Vector[] {
  const file = readFileSync(new URL(`../../vectors/sync/${name}.txt`, import.meta.url), 'utf8');
  const entries = file.split('\n\n').filter((entry) => entry.includes('\n=\n'));
  return entries.map((entry) => {
    const [head = '', text = ''] = entry.split('\n=\n');
    const lines = head.split('\n').filter((line) => line !== '');
    const title = lines.filter((line) => line.startsWith('#')).map((line) => line.slice(2));
    const bytes = fromHex(lines.filter((line) => !line.startsWith('#')).join(''));
    return { title: title.join(' '), bytes, text: text.trimEnd() };
  });
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');

function framesIn(bytes: Uint8Array): readonly (Frame | undefined)[] {
  const frames: (Frame | undefined)[] = [];
  new FrameReader((kind, payload) => frames.push(decodeFrame(kind, payload))).push(bytes);
  return frames;
}

/** What is wrong with these bytes. */
function refusal(bytes: Uint8Array): string {
  try {
    return `accepted as ${framesIn(bytes)[0]?.kind}`;
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
}

describe('records', () => {
  test.each(vectors('records'))('$title', ({ bytes, text }) => {
    const record = readRecord(bytes, 0);
    const hash = recordHash(bytes, 0);
    const digest = new Uint32Array(2);
    toggleDigest(digest, 0, bytes, 0);
    const sums = `hash ${hex(hash)}, range ${rangeOf(hash)}, digest ${[...digest].map(hex).join(' ')}`;
    expect(`${recordText(record)}\n${sums}`).toBe(text);
    expect(toHex(recordsOf([record]))).toBe(toHex(bytes));
  });

  test.each(vectors('ipv6-records'))('IPv6: $title', ({ bytes, text }) => {
    expect(ipv6RecordText(bytes)).toBe(text);
    const w = new Writer();
    encodeIpv6Record(w, decodeIpv6Record(bytes));
    expect(toHex(w.view())).toBe(toHex(bytes));
  });
});

describe('frames', () => {
  const all = vectors('frames');

  test.each(all)('$title', ({ bytes, text }) => {
    const frames = framesIn(bytes);
    expect(frames).toHaveLength(1);
    expect(frameText(frames[0]!)).toBe(text);
    expect(toHex(encodeFrame(frames[0]!))).toBe(toHex(bytes));
  });

  test('every kind is there', () => {
    const kinds = new Set(all.map(({ bytes }) => bytes[4]));
    expect([...kinds].sort((a, b) => a! - b!)).toEqual(Object.values(FrameKind).sort((a, b) => a - b));
  });

  test('one behind the other they are a stream', () => {
    const stream = Uint8Array.from(all.flatMap(({ bytes }) => [...bytes]));
    expect(framesIn(stream).map((frame) => frameText(frame!))).toEqual(all.map(({ text }) => text));
  });
});

describe('refused', () => {
  test.each(vectors('refused'))('$title', ({ bytes, text }) => {
    expect(refusal(bytes)).toBe(text);
  });
});

describe('names of services', () => {
  test.each(vectors('service-hashes'))('$title', ({ bytes, text }) => {
    expect(hex(serviceHash(String.fromCharCode(...bytes)))).toBe(text);
  });
});
