/**
 * One agent per network namespace. The lock is the abstract unix socket of `src/api/local-agent.ts`: its name lives in the
 * network namespace, like everything that two agents would fight over, and the kernel frees it when its holder dies,
 * however it dies. Whoever connects is told who holds it.
 */
import { createServer, type Server } from 'node:net';
import { type AgentIdentity, NAMESPACE_SOCKET, namespaceHolder } from '../api/local-agent.ts';

export interface NamespaceClaim {
  release(): Promise<void>;
}

/** Another agent holds this network namespace; `holder` is undefined when it did not say who it is. */
export class NamespaceTaken extends Error {
  readonly holder: AgentIdentity | undefined;

  constructor(holder: AgentIdentity | undefined) {
    const who = holder === undefined ? '' : `: ${holder.name}, pid ${holder.pid}, control socket ${holder.socket}`;
    super(`an agent already runs in this network namespace${who}`);
    this.name = 'NamespaceTaken';
    this.holder = holder;
  }
}

/** Throws `NamespaceTaken`. */
export async function claimNamespace(identity: AgentIdentity): Promise<NamespaceClaim> {
  const server = createServer((peer) => {
    peer.on('error', () => {});
    peer.end(JSON.stringify(identity));
  });
  try {
    await listen(server);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new NamespaceTaken(await namespaceHolder());
  }
  server.unref();
  return { release: () => new Promise((resolve) => void server.close(() => resolve())) };
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(NAMESPACE_SOCKET, () => {
      server.off('error', reject);
      server.on('error', () => {});
      resolve();
    });
  });
}
