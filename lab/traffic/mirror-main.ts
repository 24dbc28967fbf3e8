/**
 * Real servers for `bulk` connections: `node dist/lab/traffic/mirror-main.js NAME PORT`. A connection that brings bytes which do
 * not continue what came before is reset, and said on stderr. Says `ready` once it listens.
 */
import { createServer } from 'node:net';
import { Mirror } from './mirror.ts';

/** What this program is told on its command line. */
export type MirrorArguments = readonly [name: string, port: string];

const [name = '', port = ''] = process.argv.slice(2);

const server = createServer({ noDelay: true }, (socket) => {
  const mirror = new Mirror(name);
  socket.on('data', (chunk: Buffer) => {
    const answer = mirror.receive(chunk);
    if ('text' in answer) {
      socket.write(answer.text, 'latin1');
      return;
    }
    process.stderr.write(`${name}: ${answer.complaint}, from ${socket.remoteAddress}:${socket.remotePort}\n`);
    socket.resetAndDestroy();
  });
  // Whoever is at the other end sees it as well, and says so.
  socket.on('error', () => socket.destroy());
});
server.listen({ port: Number(port), host: '0.0.0.0', backlog: 4096 }, () => process.stdout.write('ready\n'));
