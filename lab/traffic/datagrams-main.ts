/**
 * Datagrams over UDP, one end or the other:
 *   node dist/lab/traffic/datagrams-main.js answer NAME ADDRESS:PORT …   a server: answers NAME and whom it sees, until it is ended
 *   node dist/lab/traffic/datagrams-main.js ask '{"target":"203.0.113.10:53",…}'   a client: `DatagramOptions`
 *
 * Output of the server: a line once it listens. Of the client: one line, `DatagramOutcome[]` as JSON. Judging is the caller's.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export interface DatagramOptions {
  readonly target: string;
  /** Local addresses; a socket for each, all at the same time. */
  readonly sources: readonly string[];
  /** Of each socket, one after the other. */
  readonly count: number;
  /** Milliseconds for an answer. */
  readonly patience: number;
}

export interface DatagramOutcome {
  readonly source: string;
  /** Undefined: no answer came. */
  readonly server?: string;
  /** The client as the server saw it. */
  readonly seenAs?: string;
  readonly complete: boolean;
}

function endpoint(text: string): { address: string; port: number } {
  const [address = '', port] = text.split(':');
  return { address, port: Number(port) };
}

/** Bound to an address, since an answer has to come from the one that was asked. */
async function answer(name: string, endpoints: readonly string[]): Promise<void> {
  for (const { address, port } of endpoints.map(endpoint)) {
    const socket = createSocket('udp4');
    socket.on('message', (number, client) => {
      socket.send(`${number.toString('latin1')} ${name} ${client.address}`, client.port, client.address);
    });
    socket.bind(port, address);
    await once(socket, 'listening');
  }
  process.stdout.write('listening\n');
}

async function askFrom(source: string, { target, count, patience }: DatagramOptions): Promise<DatagramOutcome[]> {
  const { address, port } = endpoint(target);
  const socket = createSocket('udp4');
  // An ICMP error is no answer.
  socket.on('error', () => {});
  socket.bind(0, source);
  await once(socket, 'listening');
  const outcomes: DatagramOutcome[] = [];
  for (let number = 0; number < count; number++) {
    const heard = new Promise<string | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), patience);
      socket.removeAllListeners('message').on('message', (bytes) => {
        const text = bytes.toString('latin1');
        // Of an earlier one, which was given up.
        if (!text.startsWith(`${number} `)) return;
        clearTimeout(timer);
        resolve(text);
      });
    });
    socket.send(String(number), port, address);
    const [, server, seenAs] = (await heard)?.split(' ') ?? [];
    const complete = server !== undefined && seenAs !== undefined;
    outcomes.push(complete ? { source, server, seenAs, complete } : { source, complete });
  }
  socket.close();
  return outcomes;
}

const [role, first = '', ...more] = process.argv.slice(2);
if (role === 'answer') await answer(first, more);
else {
  const options = JSON.parse(first) as DatagramOptions;
  const outcomes = await Promise.all(options.sources.map((source) => askFrom(source, options)));
  process.stdout.write(`${JSON.stringify(outcomes.flat())}\n`);
}
