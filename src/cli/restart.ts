/** `sluice restart`: the agent ends for a restart that the routers do not notice; whoever supervises it starts the next one. */
import { AgentUnreachable, type ControlClient } from '../api/client.ts';
import type { StatusDocument } from '../api/documents.ts';
import { type CliContext, Exit, pause } from './context.ts';
import { duration } from './render/text.ts';
import { asJson } from './show.ts';

export interface RestartOptions {
  readonly reason: 'restart' | 'upgrade';
  readonly wait: boolean;
  readonly json?: boolean;
}

const POLL = 200;

/** Exit code 1 when no agent has taken over within the grace period. */
export async function restart(context: CliContext, client: ControlClient, options: RestartOptions): Promise<number> {
  const answer = await client.post('/v1/restart', { reason: options.reason });
  if (options.json === true) context.out(`${asJson(answer)}\n`);
  else context.out(`agent ${answer.pid} ends; the next one has ${duration(answer.grace)} to take over\n`);
  if (!options.wait) return Exit.done;
  const deadline = performance.now() + answer.grace;
  while (!context.signal.aborted && performance.now() < deadline) {
    const status = await statusOf(client);
    if (status !== undefined && status.pid !== answer.pid && status.restarts.length === 0) {
      if (options.json !== true) context.out(`agent ${status.pid} has taken over\n`);
      return Exit.done;
    }
    await pause(POLL, context.signal);
  }
  context.complain('no agent has taken over; is anything to start it?');
  return Exit.refused;
}

/** Undefined between two agents. */
async function statusOf(client: ControlClient): Promise<StatusDocument | undefined> {
  try {
    return await client.get('/v1/status');
  } catch (error) {
    if (error instanceof AgentUnreachable) return undefined;
    throw error;
  }
}
