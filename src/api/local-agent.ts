/**
 * Finds the agent of this network namespace. The agent holds an abstract unix socket, whose name lives in the network
 * namespace, and tells whoever connects who it is and where its control socket is.
 */
import { connect } from 'node:net';

/** Abstract (leading NUL), so it belongs to the network namespace and the kernel frees it when its holder dies. */
export const NAMESPACE_SOCKET = '\0sluice-agent';
const ANSWER_TIMEOUT = 1000;

export interface AgentIdentity {
  readonly pid: number;
  readonly name: string;
  /** Path of the control socket. */
  readonly socket: string;
}

/** Who is the agent of this network namespace? Undefined when there is none. */
export function namespaceHolder(): Promise<AgentIdentity | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const peer = connect(NAMESPACE_SOCKET);
    peer.setTimeout(ANSWER_TIMEOUT, () => peer.destroy());
    peer.setEncoding('utf8');
    peer.on('data', (chunk: string) => {
      text += chunk;
    });
    peer.on('error', () => {});
    peer.on('close', () => resolve(parseIdentity(text)));
  });
}

function parseIdentity(text: string): AgentIdentity | undefined {
  try {
    return JSON.parse(text) as AgentIdentity;
  } catch {
    return undefined;
  }
}
