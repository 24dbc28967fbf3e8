/**
 * Runs inside a namespace and does with dgram-ospf what its parent says: one JSON command per line in, one JSON reply
 * or event per line out. Commands carry `id`; replies repeat it. See `remote.ts` for the parent's side.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { createSocket, type OspfSocket, type SystemError } from 'dgram-ospf';
import type { Command, OnMessage, Reply } from './remote.ts';

interface Entry {
  readonly socket: OspfSocket;
  onMessage: OnMessage;
}

const sockets = new Map<string, Entry>();

function say(line: Reply): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function find(name: string): Entry {
  const entry = sockets.get(name);
  if (entry === undefined) throw new Error(`no socket ${name}`);
  return entry;
}

/** An interface's index by name, or a number given as such. */
function indexOf(name: string): number {
  return /^\d+$/.test(name) ? Number(name) : Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'));
}

function open(name: string, link: string, onMessage: OnMessage): { readonly recvBufferSize: number } {
  const socket = createSocket({ ifindex: indexOf(link) });
  const entry: Entry = { socket, onMessage };
  sockets.set(name, entry);
  socket.on('message', (packet, info) => {
    const uniform = packet.every((byte) => byte === packet[0]);
    say({ event: 'message', socket: name, first: packet[0] ?? -1, uniform, length: packet.length, ...info });
    if (entry.onMessage === 'close') socket.close();
    if (entry.onMessage === 'throw') throw new Error(`handler of ${name}`);
  });
  socket.on('error', (error) => say({ event: 'error', socket: name, code: error.code }));
  socket.on('close', () => say({ event: 'close', socket: name }));
  return { recvBufferSize: socket.getRecvBufferSize() };
}

function send(name: string, to: string, size: number, fill: number): Promise<{ readonly bytes: number }> {
  return new Promise((resolve, reject) => {
    find(name).socket.send(Buffer.alloc(size, fill), to, (error, bytes) =>
      error ? reject(error) : resolve({ bytes }),
    );
  });
}

function burst(name: string, to: string, size: number, count: number): void {
  for (let i = 0; i < count; i++) find(name).socket.send(Buffer.alloc(size, i), to);
}

/** Sockets among this process's descriptors. */
function countSockets(): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return links.filter((target) => target.startsWith('socket:')).length;
}

/** Workers that each open a socket and are terminated with it open. */
async function workers(link: string, count: number): Promise<{ readonly before: number; readonly after: number }> {
  const before = countSockets();
  const code = `
    const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(import.meta.resolve('dgram-ospf'))}).then(({ createSocket }) => {
      createSocket({ ifindex: ${indexOf(link)} }).addMembership('224.0.0.5');
      parentPort.postMessage('open');
    });`;
  for (let i = 0; i < count; i++) {
    const worker = new Worker(code, { eval: true });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
  }
  return { before, after: countSockets() };
}

function block(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

async function perform(command: Command): Promise<object | undefined> {
  switch (command.do) {
    case 'open':
      return open(command.socket, command.link, command.onMessage);
    case 'join':
      find(command.socket).socket.addMembership(command.group);
      return undefined;
    case 'leave':
      find(command.socket).socket.dropMembership(command.group);
      return undefined;
    case 'send':
      return send(command.socket, command.to, command.size, command.fill);
    case 'burst':
      burst(command.socket, command.to, command.size, command.count);
      return undefined;
    case 'dropped':
      return { dropped: find(command.socket).socket.dropped };
    case 'block':
      say({ event: 'blocked' });
      block(command.milliseconds);
      return undefined;
    case 'workers':
      return workers(command.link, command.count);
    case 'close':
      find(command.socket).socket.close();
      return undefined;
    case 'forget':
      for (const { socket } of sockets.values()) socket.close();
      sockets.clear();
      return undefined;
  }
}

process.on('uncaughtException', (error) => say({ event: 'uncaught', message: error.message }));
const lines = createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  const command = JSON.parse(line) as Command & { readonly id: number };
  try {
    say({ reply: command.id, ...(await perform(command)) });
  } catch (error) {
    const { code, syscall, message } = error as SystemError;
    say({ reply: command.id, error: { code, syscall, message } });
  }
});
lines.on('close', () => {
  for (const { socket } of sockets.values()) socket.close();
});
