/**
 * A director that listens for d1 and takes its frames, in a process of its own, so that its memory is nobody else's. Ends when
 * its standard input ends, and with an error when anything is thrown that nobody catches.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { FrameReader } from '../../../src/core/sync/frame-reader.ts';
import { decodeFrame } from '../../../src/core/sync/frames/codec.ts';
import { RECORD_BYTES } from '../../../src/core/sync/record.ts';
import { systemClock } from '../../../src/io/clock.ts';
import { openMesh } from '../../../src/io/mesh-transport.ts';
import { serve } from '../dataplane/json-lines.ts';
import { D1, RING } from './director.ts';

/** What it has seen so far. */
export interface VictimReport {
  readonly opened: number;
  readonly closed: number;
  readonly bytes: number;
  readonly frames: number;
  /** Records of frames that decode. */
  readonly records: number;
  /** Frames that do not. */
  readonly undecodable: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Bytes of the process, after everything that can be collected was. */
  readonly rss: number;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const seen = { opened: 0, closed: 0, bytes: 0, frames: 0, records: 0, undecodable: 0 };
const refused: Record<string, number> = {};

function onFrame(kind: number, payload: Uint8Array): void {
  seen.frames++;
  try {
    const frame = decodeFrame(kind, payload);
    if (frame !== undefined && 'records' in frame) seen.records += frame.records.length / RECORD_BYTES;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    seen.undecodable++;
  }
}

let reader = new FrameReader(onFrame);
const listening = new Promise<number>((resolve) => {
  const mesh = openMesh(
    { listen: { address: '127.0.0.2', port: 0 }, ring: RING, self: 'd2', peers: [D1] },
    {
      opened: () => {
        seen.opened++;
        reader = new FrameReader(onFrame);
      },
      bytes: (peer, _, bytes) => {
        seen.bytes += bytes.length;
        try {
          reader.push(bytes);
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error;
          mesh.disconnect(peer, error.message);
        }
      },
      closed: () => {
        seen.closed++;
      },
      writable: () => {},
      refused: ({ reason }) => {
        refused[reason] = (refused[reason] ?? 0) + 1;
      },
      unreachable: () => {},
      listening: resolve,
      failed: (error) => {
        throw error;
      },
    },
    systemClock,
  );
});

serve({
  port: () => listening,
  report: async (): Promise<VictimReport> => {
    collectGarbage();
    collectGarbage();
    return { ...seen, refused: { ...refused }, rss: process.memoryUsage().rss };
  },
});
