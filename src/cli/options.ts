/** What the options of several commands have in common: which agent is meant, and how values are written. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ControlClient } from '../api/client.ts';
import type { SocketOptions } from './connect.ts';
import { parseDuration } from './duration.ts';

export const RUN_DIR = '/run/sluice';

/** Adds the options that say which agent is meant. */
export function speaksToAgent(command: Command): Command {
  return command
    .addOption(new Option('--socket <path>', 'control socket of the agent'))
    .addOption(new Option('--name <director>', 'agent of this name (default: the one in this network namespace)'))
    .addOption(new Option('--run-dir <dir>', 'where control sockets are').default(RUN_DIR))
    .option('--json', 'print JSON');
}

export async function clientFor(options: SocketOptions): Promise<ControlClient> {
  const { connectAgent } = await import('./connect.ts');
  return connectAgent(options);
}

export function asDuration(text: string): number {
  const value = parseDuration(text);
  if (value === undefined) throw new InvalidArgumentError('Write a duration with its unit, such as 500ms, 30s or 5m.');
  return value;
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Write a whole number.');
  return Number(text);
}
