/**
 * A real server: it answers every line on TCP, and every datagram on UDP, by its name; `from` by its name and whom it came
 * from (`s1 10.8.0.1:2048`), `bulk N` by N bytes with the end of the line, the line `later` only when told to by the method `push`, and a datagram that begins with `note`
 * not at all: it is noted with whom it came from. Arguments: name, then ports, each with an address before it or of all
 * addresses: without one, UDP answers come from the address of the way out, and not from the one that was asked.
 */
import { createSocket } from 'node:dgram';
import { createServer, type Socket } from 'node:net';
import { serve } from './json-lines.ts';

const [name = '', ...ports] = process.argv.slice(2);
const sockets = new Set<Socket>();
const waiting = new Set<Socket>();
/** Addresses and ports of those who connected or sent since they were last asked for. */
let peers: string[] = [];
let noted: (readonly [text: string, from: string])[] = [];

function answerTo(word: string, from: string): string {
  const [, bytes] = /^bulk (\d+)$/.exec(word) ?? [];
  if (bytes !== undefined) return 'x'.repeat(Number(bytes) - 1);
  return word === 'from' ? `${name} ${from}` : name;
}

function onConnection(socket: Socket): void {
  peers.push(`${socket.remoteAddress}:${socket.remotePort}`);
  socket.on('error', () => {});
  sockets.add(socket);
  socket.on('close', () => {
    sockets.delete(socket);
    waiting.delete(socket);
  });
  socket.on('data', (bytes) => {
    // The end of a long line is still to come.
    if (bytes.at(-1) !== 10) return;
    if (bytes.toString() === 'later\n') waiting.add(socket);
    else socket.write(`${answerTo(bytes.toString().trim(), `${socket.remoteAddress}:${socket.remotePort}`)}\n`);
  });
}

const endpoints = ports
  .map((text) => /^(?:(.+):)?(\d+)$/.exec(text)!)
  .map(([, address = '0.0.0.0', port]) => {
    return { address, port: Number(port) };
  });
const listening = endpoints.flatMap(({ address, port }) => [
  new Promise<void>((resolve) => createServer(onConnection).listen(port, address, 511, resolve)),
  new Promise<void>((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.on('message', (bytes, { address, port: from }) => {
      const text = bytes.toString();
      peers.push(`${address}:${from}`);
      if (text.startsWith('note')) noted.push([text, `${address}:${from}`]);
      else socket.send(answerTo(text, `${address}:${from}`), from, address);
    });
    socket.bind(port, address, resolve);
  }),
]);

serve({
  ready: async () => {
    await Promise.all(listening);
  },
  peers: async () => {
    const seen = peers;
    peers = [];
    return seen;
  },
  /** Ends the connections that wait, by FIN or by RST. */
  end: async (request) => {
    for (const socket of waiting) {
      if (request['how'] === 'reset') socket.resetAndDestroy();
      else socket.end();
    }
    waiting.clear();
  },
  /** What was noted since it was last asked for. */
  notes: async () => {
    const all = noted;
    noted = [];
    return all;
  },
  /** Connections that are open as far as this end knows. */
  sockets: async () => sockets.size,
  waiting: async () => waiting.size,
  push: async () => {
    for (const socket of waiting) socket.write(`${name}\n`);
    const pushed = waiting.size;
    waiting.clear();
    return pushed;
  },
});
