/** What an operator should do about an error that keeps the agent from running. */

import { messageOf } from '../core/base/message-of.ts';
import { KernelError } from '../io/kernel-error.ts';

const PACKAGES: Readonly<Record<string, string>> = { nft: 'nftables' };
const PRIVILEGES = 'the agent needs root, or the capabilities NET_ADMIN and NET_RAW';

/** The error's own words and, where something can be done about it, what. */
export function explain(error: unknown): string {
  const message = messageOf(error);
  const advice = adviceFor(error);
  return advice === undefined ? message : `${message}; ${advice}`;
}

function adviceFor(error: unknown): string | undefined {
  if (!(error instanceof KernelError)) return isDenied(error) ? PRIVILEGES : undefined;
  if (error.request === 'exec' && (error.errno === 'ENOENT' || error.errno === 'EACCES')) {
    const program = String(error.values['program']);
    return `the program ${program} is needed: apt-get install ${PACKAGES[program] ?? program}`;
  }
  return error.errno === 'EPERM' || error.errno === 'EACCES' ? PRIVILEGES : undefined;
}

/** Node's own errors: the folders of the control socket and of the state. */
function isDenied(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPERM' || error.code === 'EACCES');
}
