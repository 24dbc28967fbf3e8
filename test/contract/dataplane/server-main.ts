/**
 * A real server: on TCP it answers every line by its name; on the line `later` only when told to by the method `push`; on
 * UDP it answers every datagram by its name. Arguments: name, then ports, each with an address before it or of all addresses:
 * without one, UDP answers come from the address of the way out, and not from the one that was asked.
 */
import { createSocket } from 'node:dgram';
import { createServer, type Socket } from 'node:net';
import { serve } from './json-lines.ts';

const [name = '', ...ports] = process.argv.slice(2);
const waiting = new Set<Socket>();
/** Addresses and ports of those who connected or sent since they were last asked for. */
let peers: string[] = [];

function onConnection(socket: Socket): void {
  peers.push(`${socket.remoteAddress}:${socket.remotePort}`);
  socket.on('error', () => {});
  socket.on('close', () => waiting.delete(socket));
  socket.on('data', (bytes) => {
    if (bytes.toString() === 'later\n') waiting.add(socket);
    else socket.write(`${name}\n`);
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
    const socket = createSocket('udp4');
    socket.on('message', (_message, from) => {
      peers.push(`${from.address}:${from.port}`);
      socket.send(name, from.port, from.address);
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
  push: async () => {
    for (const socket of waiting) socket.write(`${name}\n`);
    const pushed = waiting.size;
    waiting.clear();
    return pushed;
  },
});
