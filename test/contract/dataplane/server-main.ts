/**
 * A real server: on TCP it answers every line by its name; on the line `later` only when told to by the method `push`; on
 * UDP it answers every datagram by its name. Arguments: name, then ports.
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

const listening = ports.map(Number).flatMap((port) => [
  new Promise<void>((resolve) => createServer(onConnection).listen(port, '0.0.0.0', 511, resolve)),
  new Promise<void>((resolve) => {
    const socket = createSocket('udp4');
    socket.on('message', (_message, from) => {
      peers.push(`${from.address}:${from.port}`);
      socket.send(name, from.port, from.address);
    });
    socket.bind(port, resolve);
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
  push: async () => {
    for (const socket of waiting) socket.write(`${name}\n`);
    const pushed = waiting.size;
    waiting.clear();
    return pushed;
  },
});
