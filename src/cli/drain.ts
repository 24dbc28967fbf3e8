/** `sluice drain` and `undrain`: ask, then show the steps until the director is drained. */
import type { ControlClient } from '../api/client.ts';
import type { LifecycleDocument } from '../api/documents.ts';
import { type CliContext, Exit } from './context.ts';
import { renderEvent } from './render/events.ts';
import { duration } from './render/text.ts';
import { asJson } from './show.ts';

export interface DrainOptions {
  readonly deadline?: number;
  readonly wait: boolean;
  readonly json?: boolean;
}

const POLL = 1000;
/** The events that tell how a drain proceeds. */
const PROGRESS = new Set([
  'drain-step',
  'vip-metric',
  'vip-withdrawing',
  'vip-withdrawn',
  'vip-unprogrammed',
  'state-changed',
]);

/** Exit code 1 when the director leaves `draining` for anything but `drained`. */
export async function drain(context: CliContext, client: ControlClient, options: DrainOptions): Promise<number> {
  const seen = await client.get('/v1/events');
  const answer = await client.post('/v1/drain', options.deadline === undefined ? {} : { deadline: options.deadline });
  if (!options.wait) {
    context.out(`${options.json === true ? asJson(answer) : renderLifecycle(answer)}\n`);
    return Exit.done;
  }
  if (options.json !== true) context.out(`${renderLifecycle(answer)}\n`);
  let since = seen.at(-1)?.seq ?? 0;
  while (!context.signal.aborted) {
    // Asked first: what led to this state is then among the events that follow.
    const { state } = await client.get('/v1/status');
    const wait = state === 'draining' ? POLL : 0;
    for (const event of await client.get(`/v1/events?since=${since}&wait=${wait}`)) {
      since = event.seq;
      if (PROGRESS.has(event.event)) {
        context.out(`${options.json === true ? JSON.stringify(event) : renderEvent(event)}\n`);
      }
    }
    if (state === 'drained') return Exit.done;
    if (state === 'active' || state === 'failed') {
      context.complain(`the drain was given up: the director is ${state}`);
      return Exit.refused;
    }
  }
  context.complain('stopped watching; the drain goes on in the agent');
  return Exit.refused;
}

export async function undrain(
  context: CliContext,
  client: ControlClient,
  options: { readonly json?: boolean },
): Promise<number> {
  const answer = await client.post('/v1/undrain');
  context.out(`${options.json === true ? asJson(answer) : renderLifecycle(answer)}\n`);
  return Exit.done;
}

function renderLifecycle({ state, deadline }: LifecycleDocument): string {
  return deadline === null ? state : `${state}, at most ${duration(deadline)} more`;
}
