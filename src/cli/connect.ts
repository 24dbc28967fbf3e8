/** Which agent is meant: `--socket`, else `--name` in the run directory, else the agent of this network namespace. */
import { ControlClient } from '../api/client.ts';
import { namespaceHolder } from '../api/local-agent.ts';

export interface SocketOptions {
  readonly socket?: string;
  readonly name?: string;
  readonly runDir: string;
}

/** The last resort is this host's name, so that the error that follows names a socket that one can look for. */
export async function connectAgent(options: SocketOptions): Promise<ControlClient> {
  if (options.socket !== undefined) return new ControlClient(options.socket);
  if (options.name !== undefined) return new ControlClient(`${options.runDir}/${options.name}.sock`);
  const local = await namespaceHolder();
  if (local !== undefined) return new ControlClient(local.socket);
  const { hostname } = await import('node:os');
  return new ControlClient(`${options.runDir}/${hostname()}.sock`);
}
