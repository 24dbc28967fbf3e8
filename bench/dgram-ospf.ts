/**
 * What a packet costs with `dgram-ospf`, beside UDP with `node:dgram`: CPU to send, CPU to receive, and what arrives
 * when a sender floods. Two namespaces joined by a veth pair, sender and receiver in processes of their own; 100-byte
 * payloads, unicast. Needs root.
 */
import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { atMostRatio, type BenchGoal, type BenchRun, figure, median } from './result.ts';

const PEER = 'node:dgram';
const MAIN = fileURLToPath(new URL('./dgram-ospf-main.js', import.meta.url));

export type Kind = 'ospf' | 'udp';

/** What the sender or the receiver counted. CPU is user and system time of its process, first packet to last. */
export interface Count {
  readonly packets: number;
  readonly cpuMicros: number;
  readonly milliseconds: number;
}

export const SENDER_ADDRESS = '10.95.0.1';
export const RECEIVER_ADDRESS = '10.95.0.2';

/** What one round of one kind gave. */
interface Round {
  readonly sent: Count;
  readonly received: Count;
}

class Pair {
  readonly sender = `sl-bs${process.pid}`;
  readonly receiver = `sl-br${process.pid}`;

  constructor() {
    ip(`netns add ${this.sender}`);
    ip(`netns add ${this.receiver}`);
    ip(`-n ${this.sender} link add s0 type veth peer name r0 netns ${this.receiver}`);
    for (const [namespace, name, address] of [
      [this.sender, 's0', SENDER_ADDRESS],
      [this.receiver, 'r0', RECEIVER_ADDRESS],
    ] as const) {
      ip(`-n ${namespace} addr add ${address}/24 dev ${name}`);
      ip(`-n ${namespace} link set ${name} up`);
    }
  }

  /** Receiver first; when it is ready, a sender for `milliseconds`; then both counts. */
  async round(kind: Kind, milliseconds: number): Promise<Round> {
    const receiver = start(this.receiver, ['receive', kind, 'r0']);
    await receiver.line();
    const sender = start(this.sender, ['send', kind, 's0', String(milliseconds)]);
    const sent = JSON.parse(await sender.line()) as Count;
    receiver.end();
    return { sent, received: JSON.parse(await receiver.line()) as Count };
  }

  remove(): void {
    for (const namespace of [this.sender, this.receiver]) ip(`netns del ${namespace}`);
  }
}

function ip(words: string): void {
  execFileSync('ip', words.split(' '), { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** A child whose answers are read line by line; `end` closes its input. */
function start(namespace: string, args: readonly string[]): { line(): Promise<string>; end(): void } {
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, MAIN, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  let wake = () => {};
  let exited = false;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    wake();
  });
  child.once('close', () => {
    exited = true;
    wake();
  });
  return {
    async line() {
      while (!text.includes('\n')) {
        if (exited) throw new Error(`${args.join(' ')} ended without an answer`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const [first = '', ...rest] = text.split('\n');
      text = rest.join('\n');
      return first;
    },
    end: () => void child.stdin.end(),
  };
}

/** The same figure of every round of a kind. */
function column(rounds: readonly Round[], figureOf: (round: Round) => number): readonly number[] {
  return rounds.map(figureOf);
}

const perPacket = ({ cpuMicros, packets }: Count) => cpuMicros / Math.max(1, packets);
const FIGURES = {
  'CPU to receive': ({ received }: Round) => perPacket(received),
  'CPU to send': ({ sent }: Round) => perPacket(sent),
  'received in a flood': ({ received }: Round) => received.packets / (received.milliseconds / 1000),
  'lost in a flood': ({ sent, received }: Round) => (1 - received.packets / sent.packets) * 100,
} as const;

export const run: BenchRun = async ({ quick, progress }) => {
  const rounds: Record<Kind, Round[]> = { ospf: [], udp: [] };
  const pair = new Pair();
  try {
    for (let round = 1; round <= (quick ? 2 : 9); round++) {
      for (const kind of ['ospf', 'udp'] as const) {
        progress(`round ${round}: ${kind}`);
        rounds[kind].push(await pair.round(kind, quick ? 500 : 2000));
      }
    }
  } finally {
    pair.remove();
  }
  const samples: Record<string, readonly number[]> = {};
  const both = (name: keyof typeof FIGURES) => {
    samples[`${name}, dgram-ospf`] = column(rounds.ospf, FIGURES[name]);
    samples[`${name}, ${PEER}`] = column(rounds.udp, FIGURES[name]);
    const value = median(samples[`${name}, dgram-ospf`]!);
    return { value, peer: { name: PEER, value: median(samples[`${name}, ${PEER}`]!) } };
  };
  const cost = (name: 'CPU to receive' | 'CPU to send'): BenchGoal => {
    const { value, peer } = both(name);
    return atMostRatio(name, value, 'us/packet', 1, peer);
  };
  const report = (name: keyof typeof FIGURES, unit: string): BenchGoal => {
    const { value, peer } = both(name);
    return figure(name, value, unit, peer);
  };
  const goals = [
    cost('CPU to receive'),
    cost('CPU to send'),
    report('received in a flood', 'packets/s'),
    report('lost in a flood', '%'),
  ];
  return { goals, samples };
};
