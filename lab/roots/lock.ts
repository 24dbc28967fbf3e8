/**
 * A lock between processes: whoever listens on an abstract socket of that name has it. The kernel gives the name back
 * however its owner ends, so there is no stale lock to judge; waiters hold a connection to the owner and are told its
 * process id on it.
 */
import { connect, createServer, type Server } from 'node:net';

/**
 * Runs `work` while holding the lock `name`. An owner is waited for without a limit, since its work (a download) has none
 * either; `onWait` is told the owner's process id, once per owner.
 */
export async function withLock<T>(name: string, onWait: (pid: number) => void, work: () => Promise<T>): Promise<T> {
  const address = `\0${name}`;
  let server = await take(address);
  while (server === undefined) {
    await ownerEnds(address, onWait);
    server = await take(address);
  }
  try {
    return await work();
  } finally {
    server.close();
    for (const waiter of waiting.get(server) ?? []) waiter.destroy();
  }
}

const waiting = new WeakMap<Server, Set<{ destroy(): void }>>();

function take(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const waiters = new Set<{ destroy(): void }>();
    const server = createServer((socket) => {
      waiters.add(socket);
      socket.on('error', () => {});
      socket.write(`${process.pid}\n`);
    });
    waiting.set(server, waiters);
    server.on('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE') resolve(undefined);
      else reject(cause);
    });
    server.listen(address, () => resolve(server));
  });
}

function ownerEnds(address: string, onWait: (pid: number) => void): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('data', (bytes) => onWait(Number(bytes.toString())));
    // Refused or reset: the owner has just gone.
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}
