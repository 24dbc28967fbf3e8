/**
 * Sender or receiver of the benchmark `dgram-ospf`, inside a namespace: `send KIND INTERFACE MS` or
 * `receive KIND INTERFACE`. The receiver says `ready`; both end with one JSON line, a `Count`.
 */
import { createSocket as createUdpSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createSocket } from 'dgram-ospf';
import { type Count, type Kind, RECEIVER_ADDRESS, SENDER_ADDRESS } from './dgram-ospf.ts';

const PORT = 4789;
const PAYLOAD = Buffer.alloc(100, 0x5a);
const RECEIVE_BYTES = 4 * 1024 * 1024;
/** Packets per loop turn of the sender. */
const BURST = 64;
/** After the sender's end, until the receiver has read what is in its buffer. */
const DRAIN_MS = 200;

class Meter {
  packets = 0;
  #cpu = process.cpuUsage();
  #begin = performance.now();
  #end = this.#begin;
  #spent = 0;

  /** Called after each packet; starting and waiting count only between the first packet and the last. */
  tick(): void {
    if (this.packets++ === 0) {
      this.#cpu = process.cpuUsage();
      this.#begin = performance.now();
    }
    if (this.packets % BURST === 0) this.#mark();
  }

  count(): Count {
    return { packets: this.packets, cpuMicros: this.#spent, milliseconds: this.#end - this.#begin };
  }

  #mark(): void {
    const { user, system } = process.cpuUsage(this.#cpu);
    this.#spent = user + system;
    this.#end = performance.now();
  }
}

function openOspf(link: string) {
  return createSocket({ ifindex: Number(readFileSync(`/sys/class/net/${link}/ifindex`, 'utf8')) });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function receive(kind: Kind, link: string): Promise<void> {
  const meter = new Meter();
  const close = kind === 'ospf' ? receiveOspf(link, meter) : await receiveUdp(meter);
  say('ready');
  process.stdin.resume().once('end', () => {
    setTimeout(() => {
      say(JSON.stringify(meter.count()));
      close();
    }, DRAIN_MS);
  });
}

function receiveOspf(link: string, meter: Meter): () => void {
  const socket = openOspf(link);
  socket.on('message', () => meter.tick());
  return () => void socket.close();
}

async function receiveUdp(meter: Meter): Promise<() => void> {
  const socket = createUdpSocket({ type: 'udp4', recvBufferSize: RECEIVE_BYTES });
  socket.on('message', () => meter.tick());
  await new Promise<void>((resolve) => socket.bind(PORT, RECEIVER_ADDRESS, resolve));
  return () => socket.close();
}

async function send(kind: Kind, link: string, milliseconds: number): Promise<void> {
  const meter = new Meter();
  const { once, close } = kind === 'ospf' ? ospfSender(link) : await udpSender();
  const until = performance.now() + milliseconds;
  const turn = () => {
    for (let i = 0; i < BURST; i++) {
      once();
      meter.tick();
    }
    if (performance.now() < until) {
      setImmediate(turn);
      return;
    }
    say(JSON.stringify(meter.count()));
    close();
  };
  turn();
}

function ospfSender(link: string) {
  const socket = openOspf(link);
  return { once: () => socket.send(PAYLOAD, RECEIVER_ADDRESS), close: () => void socket.close() };
}

async function udpSender() {
  const socket = createUdpSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, SENDER_ADDRESS, resolve));
  return { once: () => socket.send(PAYLOAD, PORT, RECEIVER_ADDRESS), close: () => socket.close() };
}

const [role, kind, link = '', milliseconds] = process.argv.slice(2);
if (role === 'send') await send(kind as Kind, link, Number(milliseconds));
else if (role === 'receive') await receive(kind as Kind, link);
