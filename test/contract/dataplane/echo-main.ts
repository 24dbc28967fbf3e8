/** Bulk data: `serve ADDRESS PORT` sends back what it gets; without arguments the client of that, by JSON lines. */
import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { serve } from './json-lines.ts';

const CHUNK = 64 * 1024;

/** Sends `bytes` and reads them back; `same`, or what went wrong. */
function exchange(source: string, host: string, port: number, bytes: number, timeout: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress: source });
    const [sent, received] = [createHash('sha256'), createHash('sha256')];
    let left = bytes;
    let missing = bytes;
    const end = (result: string) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(timeout, () => end('timeout'));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on('close', () => end('closed'));
    const write = () => {
      while (left > 0) {
        const chunk = Buffer.alloc(Math.min(CHUNK, left), left % 251);
        left -= chunk.length;
        sent.update(chunk);
        if (!socket.write(chunk)) return;
      }
    };
    socket.on('connect', write).on('drain', write);
    socket.on('data', (chunk) => {
      received.update(chunk);
      missing -= chunk.length;
      if (missing <= 0) end(sent.digest('hex') === received.digest('hex') ? 'same' : 'other bytes');
    });
  });
}

const [role, address, port] = process.argv.slice(2);
const listening =
  role === 'serve'
    ? new Promise<void>((resolve) => {
        const server = createServer((socket) => socket.on('error', () => {}).pipe(socket));
        server.listen(Number(port), address, resolve);
      })
    : Promise.resolve();

serve({
  ready: async () => listening,
  exchange: (request) =>
    exchange(
      String(request['source']),
      String(request['vip']),
      Number(request['port']),
      Number(request['bytes']),
      Number(request['timeout']),
    ),
});
