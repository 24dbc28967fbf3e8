/** Scenarios of netlink-batch inside a namespace of its own, by JSON lines. The messages are those of connections. */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { NetlinkReader, NetlinkSocket, type SocketOptions } from 'netlink-batch';
import { walkAnswers } from '../../../src/core/netlink/answers.ts';
import { asLoaded32, assemble, Bpf, DROP, PASS } from '../../../src/core/netlink/bpf.ts';
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../../../src/core/netlink/conntrack-codes.ts';
import { FLOW_WORDS, Flow, readFlow } from '../../../src/core/netlink/flow.ts';
import { FlowRequests } from '../../../src/core/netlink/flow-requests.ts';
import { serve } from '../dataplane/json-lines.ts';

const NETFILTER = 12;
const NEW = 1;
const CHUNK = 100;
const SLOT_BYTES = 1088;

const writer = new NetlinkSocket({ protocol: NETFILTER, slotBytes: SLOT_BYTES, batch: 256, recvBufferSize: 4 << 20 });
const requests = new FlowRequests(CHUNK);
const flow = new Uint32Array(FLOW_WORDS);
flow[Flow.protocol] = 6;
flow[Flow.destination] = flow[Flow.replySource] = 0x0a000001;
flow[Flow.dport] = flow[Flow.replySport] = 80;
flow[Flow.status] = IPS_SEEN_REPLY | IPS_ASSURED;
flow[Flow.timeout] = 60;
flow[Flow.state] = 3;
let next = 0;
let sequence = 1;

/** Points at the i-th connection. */
function aim(i: number): void {
  flow[Flow.source] = flow[Flow.replyDestination] = 0x0b000000 + (i >>> 14);
  flow[Flow.sport] = flow[Flow.replyDport] = 1024 + (i & 0x3fff);
}

/** Makes new entries, a hundred a call; all is done when it returns. */
function make(count: number, socket = writer): void {
  for (let left = count; left > 0; left -= CHUNK) {
    requests.begin(sequence);
    for (let i = 0; i < Math.min(left, CHUNK); i++) {
      aim(next++);
      requests.create(flow);
    }
    sequence += requests.count;
    socket.send(requests.finish());
    while (socket.receive() !== 0);
  }
}

function listen(options: Partial<SocketOptions>): NetlinkSocket {
  const shape = { protocol: NETFILTER, groups: [NEW], slotBytes: SLOT_BYTES, batch: 256, recvBufferSize: 32 << 20 };
  return new NetlinkSocket({ ...shape, ...options });
}

serve({
  ready: async () => {},

  /** Refusals among many requests of one datagram, by their number, as soon as it was sent. */
  async refusals() {
    const first = next;
    make(3);
    requests.begin(sequence);
    for (const i of [first, next, first + 1, next + 1]) {
      aim(i);
      requests.create(flow);
    }
    aim(1_000_000);
    requests.get(flow);
    aim(first);
    requests.get(flow);
    next += 2;
    writer.send(requests.finish());
    const settled: [number, number][] = [];
    const found: [number, number][] = [];
    const answer = new Uint32Array(FLOW_WORDS);
    const view = new DataView(writer.bytes.buffer, writer.bytes.byteOffset);
    for (let rows = writer.receive(); rows > 0; rows = writer.receive()) {
      for (let row = 0; row < rows; row++) {
        walkAnswers(view, writer.table[2 * row]!, writer.table[2 * row + 1]!, sequence, requests.count, {
          settled: (index, errno) => settled.push([index, errno]),
          message: (index, _type, at, end) => {
            if (readFlow(view, at, end, answer)) found.push([index, answer[Flow.sport]! - flow[Flow.sport]!]);
          },
        });
      }
    }
    sequence += requests.count;
    return { settled, found };
  },

  /** How many calls so many messages came in, which were there before the loop got to them. */
  async batches({ count }) {
    const calls: number[] = [];
    const socket = listen({ onBatch: (rows) => calls.push(rows) });
    make(Number(count));
    await sleep(50);
    socket.close();
    return calls;
  },

  /** How long single messages waited (ms), and in how many calls many came. */
  async rests() {
    let [calls, messages] = [0, 0];
    let told = () => {};
    const socket = listen({
      rest: { from: 200, within: 8, milliseconds: 1 },
      onBatch: (rows) => {
        calls += 1;
        messages += rows;
        told();
      },
    });
    const waits: number[] = [];
    // Bursts: 10,000 a second are not a load.
    for (let i = 0; i < 30; i++) {
      await sleep(2);
      const before = performance.now();
      const heard = new Promise<void>((resolve) => {
        told = resolve;
      });
      make(20);
      await heard;
      waits.push(performance.now() - before);
    }
    [calls, messages] = [0, 0];
    let made = 0;
    const start = performance.now();
    for (; made < 5000; made += 10) {
      make(10);
      await new Promise(setImmediate);
    }
    const milliseconds = performance.now() - start;
    await sleep(20);
    socket.close();
    return { waits: waits.sort((a, b) => a - b), busy: { calls, messages, made, milliseconds } };
  },

  /** What the writer causes is kept out by its port; what another causes is not. */
  async echo() {
    let heard = 0;
    const notMine = assemble([
      { code: Bpf.loadWord, k: 12 },
      { code: Bpf.ifEqual, k: asLoaded32(writer.portId), yes: DROP, no: PASS },
    ]);
    const onBatch = (rows: number) => {
      heard += rows;
    };
    const socket = listen({ filter: notMine, onBatch });
    const other = new NetlinkSocket({ protocol: NETFILTER });
    make(200);
    make(7, other);
    await sleep(20);
    socket.filter(assemble([{ code: Bpf.loadNumber }]));
    make(200);
    await sleep(20);
    socket.close();
    other.close();
    return heard;
  },

  /** Too many for the buffer: loss is told, and listening goes on. */
  async overrun() {
    const told: string[] = [];
    const socket = listen({
      recvBufferSize: 65_536,
      onBatch: () => told.push('batch'),
      onLost: () => told.push('lost'),
    });
    make(2000);
    await sleep(20);
    told.push('then');
    make(1);
    await sleep(20);
    socket.close();
    return told;
  },

  /** Longer than a slot: that counts as lost. */
  async long() {
    let [lost, rows] = [0, 0];
    const onBatch = (count: number) => {
      rows += count;
    };
    const onLost = () => {
      lost += 1;
    };
    const socket = listen({ slotBytes: 64, onBatch, onLost });
    make(1);
    await sleep(20);
    socket.close();
    return { lost, rows };
  },

  async errors() {
    const codeOf = (act: () => unknown) => {
      try {
        act();
      } catch (error) {
        return (error as { code?: string }).code ?? (error as Error).message;
      }
      return 'none';
    };
    const closed = new NetlinkSocket({ protocol: NETFILTER });
    closed.close();
    closed.close();
    return [
      codeOf(() => listen({ groups: [4000], onBatch: () => {} })),
      codeOf(() => listen({ filter: [[0xff, 0, 0, 0]], onBatch: () => {} })),
      codeOf(() => listen({ batch: 1000 })),
      codeOf(() => closed.receive()),
      codeOf(() => new NetlinkSocket({ protocol: 250 })),
    ];
  },

  /** Closing within a call ends the telling; a reader beside it goes on. */
  async closing() {
    let [calls, messages] = [0, 0];
    const socket = listen({
      batch: 4,
      onBatch: () => {
        calls += 1;
        socket.close();
      },
    });
    const reader = new NetlinkReader({ protocol: NETFILTER, groups: [NEW] });
    reader.on('message', () => {
      messages += 1;
    });
    make(20);
    await sleep(20);
    const ended = new Promise((resolve) => reader.on('close', () => resolve(undefined)));
    reader.close();
    await ended;
    return { calls, messages };
  },

  /** Workers that are ended with open sockets that rest: how many descriptors are left of them. */
  async workers() {
    const count = () => readdirSync('/proc/self/fd').length;
    const source = `import { NetlinkSocket } from ${JSON.stringify(import.meta.resolve('netlink-batch'))};
      import { parentPort } from 'node:worker_threads';
      new NetlinkSocket({ protocol: 12, groups: [1], rest: { from: 1, within: 8, milliseconds: 50 }, onBatch() {} });
      parentPort.postMessage('open');`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    const before = count();
    for (let i = 0; i < 10; i++) {
      const worker = new Worker(url);
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      make(100);
      await sleep(2);
      await worker.terminate();
    }
    return count() - before;
  },
});
