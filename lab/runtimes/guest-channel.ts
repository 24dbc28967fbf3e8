/**
 * The way into a guest: virtio-serial ports, on the host a unix socket each, behind which the guest's first process does
 * one script at a time (guest-scripts.ts). No network and no daemon in the guest take part.
 */
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { LabError } from '../lab-error.ts';
import { channelSocket } from './guest-boot.ts';
import { until } from './wait.ts';

const OPENS_WITHIN = 20_000;

interface Waiting {
  readonly resolve: (code: number) => void;
  readonly reject: (cause: Error) => void;
}

/** One port. */
class Channel {
  readonly #path: string;
  readonly #waiting = new Map<string, Waiting>();
  #socket: Socket | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Exit code of the script. Rejects when the emulator ends meanwhile. */
  async run(id: string, script: string): Promise<number> {
    const socket = await this.#open();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      socket.write(`${id}\0${script}\0`);
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  async #open(): Promise<Socket> {
    if (this.#socket !== undefined) return this.#socket;
    await until(`the socket ${this.#path}`, OPENS_WITHIN, () => existsSync(this.#path));
    const socket = connect(this.#path);
    this.#socket = socket;
    // A process that has nothing else to do than hold this open is done.
    socket.unref();
    const lines = createInterface({ input: socket }).on('line', (line) => this.#answer(line));
    const ended = new LabError('the guest has ended');
    // It passes the socket's errors on; that the emulator is gone is said by `close`.
    lines.on('error', () => {});
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(ended);
      this.#waiting.clear();
      this.#socket = undefined;
    });
    return socket;
  }

  /** `ID CODE`; an answer to somebody who has gone has an id that is unknown here. */
  #answer(line: string): void {
    const [id = '', code] = line.split(' ');
    this.#waiting.get(id)?.resolve(Number(code));
    this.#waiting.delete(id);
  }
}

/** Several ports; each does one script at a time, and who comes when all are busy waits for its turn. */
export class GuestChannels {
  readonly #all: readonly Channel[];
  readonly #free: Channel[];
  readonly #queue: ((channel: Channel) => void)[] = [];

  /** `indexes`: of the guest's ports. A port takes one process at a time; another that opens it waits. */
  constructor(folder: string, indexes: readonly number[]) {
    this.#all = indexes.map((index) => new Channel(channelSocket(folder, index)));
    this.#free = [...this.#all];
  }

  async run(id: string, script: string): Promise<number> {
    const channel = this.#free.pop() ?? (await new Promise<Channel>((resolve) => this.#queue.push(resolve)));
    try {
      return await channel.run(id, script);
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#free.push(channel);
      else next(channel);
    }
  }

  close(): void {
    for (const channel of this.#all) channel.close();
  }
}
