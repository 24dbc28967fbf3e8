/**
 * A real server in a few lines of node:net, with the answers the lab's nginx is configured to give, and knobs to
 * misbehave. For tests of the load client only.
 */

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

export interface Misbehaviour {
  /** Instead of its n-th answer on a connection: reset, close, keep silent, or speak as another server. */
  readonly atRequest?: { readonly count: number; readonly act: 'reset' | 'close' | 'silence' | 'impostor' };
  /** Stop the stream after that many bytes, or skip one record there. */
  readonly stream?: { readonly after: number; readonly act: 'silence' | 'skip' };
}

export interface RealServer {
  readonly port: number;
  connections: number;
  misbehave(how: Misbehaviour): void;
  close(): Promise<void>;
}

const CHUNK = 8192;
const PACE = 125;
const FILE = 16 * 1024 * 1024;

/** Listens on 127.0.0.1 on a free port. */
export async function startRealServer(name: string): Promise<RealServer> {
  let how: Misbehaviour = {};
  const sockets = new Set<Socket>();
  const real = { port: 0, connections: 0, misbehave, close };
  function misbehave(next: Misbehaviour): void {
    how = next;
  }
  const server: Server = createServer((socket) => {
    real.connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(socket, name, real.connections, () => how);
  });
  async function close(): Promise<void> {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  real.port = (server.address() as AddressInfo).port;
  return real;
}

function serve(socket: Socket, name: string, connection: number, how: () => Misbehaviour): void {
  let requests = 0;
  let pending = '';
  socket.setNoDelay(true);
  socket.on('data', (chunk) => {
    pending += chunk.toString('latin1');
    for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
      const path = /^GET (\S+) /.exec(pending)?.[1] ?? '';
      pending = pending.slice(end + 4);
      requests += 1;
      if (path === '/stream') stream(socket, name, how);
      else
        answer(socket, `${name} ${connection} ${requests} ${path.slice('/at/'.length)}\n`, requests, how().atRequest);
    }
  });
}

function answer(socket: Socket, body: string, requests: number, trouble: Misbehaviour['atRequest']): void {
  const act = trouble?.count === requests ? trouble.act : undefined;
  if (act === 'reset') socket.resetAndDestroy();
  else if (act === 'close') socket.end();
  else if (act !== 'silence')
    socket.write(head(body.length) + (act === 'impostor' ? body.replace(/^\S+/, 'zz') : body));
}

function stream(socket: Socket, name: string, how: () => Misbehaviour): void {
  let offset = 0;
  socket.write(head(FILE));
  const timer = setInterval(() => {
    const trouble = how().stream;
    const due = trouble !== undefined && offset >= trouble.after;
    if (due && trouble.act === 'silence') return;
    if (due) offset += 16;
    let text = '';
    for (const end = offset + CHUNK; offset < end; offset += 16) {
      text += `${name.padEnd(4)}:${String(offset).padStart(10, '0')}\n`;
    }
    socket.write(text);
  }, PACE);
  socket.on('close', () => clearInterval(timer));
}

function head(length: number): string {
  return `HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\nConnection: keep-alive\r\n\r\n`;
}
