/** `sluice events`: what the agent remembers, and with `--follow` what comes. */
import type { ControlClient } from '../api/client.ts';
import type { EventDocument } from '../api/documents.ts';
import { type CliContext, Exit } from './context.ts';
import { renderEvent } from './render/events.ts';

export interface EventsOptions {
  readonly json?: boolean;
  readonly follow?: boolean;
  readonly since?: number;
}

const POLL = 1000;

/** With `--json`, one event per line. */
export async function events(context: CliContext, client: ControlClient, options: EventsOptions): Promise<number> {
  const line = (event: EventDocument) => (options.json === true ? JSON.stringify(event) : renderEvent(event));
  let since = options.since ?? 0;
  const take = async (wait: number) => {
    for (const event of await client.get(`/v1/events?since=${since}&wait=${wait}`)) {
      context.out(`${line(event)}\n`);
      since = event.seq;
    }
  };
  await take(0);
  while (options.follow === true && !context.signal.aborted) await take(POLL);
  return Exit.done;
}
