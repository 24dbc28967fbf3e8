/** What the daemons of a node say. */
import { readFile } from 'node:fs/promises';

interface Logged {
  readonly folder: string;
}

export function logFile(node: Logged): string {
  return `${node.folder}.log`;
}

/** The last ten lines of a node's log. */
export async function logTail(node: Logged): Promise<string> {
  const text = await readFile(logFile(node), 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-10).join('\n');
}
