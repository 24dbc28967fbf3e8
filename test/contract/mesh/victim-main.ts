/**
 * A director that listens for d1, in a process of its own, so that its memory is nobody else's. What comes goes to the machine of
 * the mesh, and to a reader that counts frames and goes on behind one that is none, where the mesh has ended the stream. Ends
 * when its standard input ends, and with an error when anything is thrown that nobody catches.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { decodeFrame } from '../../../src/core/sync/frames/codec.ts';
import { FrameReader } from '../../../src/core/sync/frames/frame-reader.ts';
import { Mesh } from '../../../src/core/sync/mesh/mesh.ts';
import type { MeshInput } from '../../../src/core/sync/mesh/mesh-events.ts';
import { Field, Op, RECORD_BYTES } from '../../../src/core/sync/records/record.ts';
import { systemClock } from '../../../src/io/clock.ts';
import { DeadlineTimer } from '../../../src/io/deadline-timer.ts';
import { type MeshTransport, openMesh } from '../../../src/io/mesh-transport.ts';
import { serve } from '../dataplane/json-lines.ts';
import { D1, RING } from './director.ts';
import { CLUSTER, ROUTER_IDS, type VictimReport } from './victim-protocol.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const seen = { opened: 0, closed: 0, bytes: 0, frames: 0, records: 0, applied: 0, undecodable: 0 };
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

const director = (name: keyof typeof ROUTER_IDS) => {
  return { name, routerId: ROUTER_IDS[name], endpoint: { address: ROUTER_IDS[name], port: 7171 } };
};
const machine = new Mesh(
  {
    epoch: '00000000000000d2',
    settings: {
      cluster: CLUSTER,
      self: director('d2'),
      peers: [director('d1')],
      keys: [],
      configHash: 'ab'.repeat(32),
      tableDigest: '00'.repeat(8),
      syncTimeout: 1000,
      grace: 120_000,
      services: [],
      plane: { services: [], upstream: [] },
    },
  },
  systemClock.now(),
);
const timer = new DeadlineTimer(systemClock, () => feed({ kind: 'timer' }));

function feed(input: MeshInput): void {
  for (const effect of machine.handle(input, systemClock.now())) {
    if (effect.kind === 'apply') seen.applied += puts(effect.records);
    else if (effect.kind === 'send') transport().send(effect.peer, effect.bytes);
    else if (effect.kind === 'dumpKernel') feed({ kind: 'kernelDump', records: new Uint8Array(0), last: true });
    else if (effect.kind === 'disconnect') feed({ ...effect, kind: 'closed' });
  }
  timer.set(machine.deadline);
}

function puts(records: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < records.length; at += RECORD_BYTES) if (records[at + Field.op] === Op.put) count++;
  return count;
}

let reader = new FrameReader(onFrame);
let transport: () => MeshTransport;
const listening = new Promise<number>((resolve) => {
  const mesh = openMesh(
    { listen: { address: '127.0.0.2', port: 0 }, ring: RING, self: 'd2', peers: [D1] },
    {
      opened: (peer, stream) => {
        seen.opened++;
        reader = new FrameReader(onFrame);
        feed({ kind: 'opened', peer, stream });
      },
      bytes: (peer, stream, bytes) => {
        seen.bytes += bytes.length;
        feed({ kind: 'bytes', peer, stream, bytes });
        try {
          reader.push(bytes);
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error;
          mesh.disconnect(peer, error.message);
        }
      },
      closed: (peer, stream, reason) => {
        seen.closed++;
        feed({ kind: 'closed', peer, stream, reason });
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
  transport = () => mesh;
});
feed({ kind: 'timer' });

serve({
  port: () => listening,
  report: async (): Promise<VictimReport> => {
    collectGarbage();
    collectGarbage();
    return { ...seen, refused: { ...refused }, rss: process.memoryUsage().rss };
  },
});
