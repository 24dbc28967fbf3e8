/** `sluice drain-server` and `undrain-server`: ask, then show how many connections are left until the server is drained. */
import type { ControlClient } from '../api/client.ts';
import type { ServerDocument } from '../api/documents.ts';
import { type CliContext, Exit } from './context.ts';
import { duration, plural } from './render/text.ts';
import { asJson } from './show.ts';

export interface DrainServerOptions {
  readonly deadline?: number;
  readonly wait: boolean;
  readonly json?: boolean;
}

const POLL = 1000;

/** Exit code 1 when the server is taken back before it is drained. */
export async function drainServer(
  context: CliContext,
  client: ControlClient,
  name: { readonly service: string; readonly server: string },
  { deadline, wait, json }: DrainServerOptions,
): Promise<number> {
  const say = (row: ServerDocument) => context.out(`${json === true ? asJson(row) : renderDrain(row)}\n`);
  let since = (await client.get('/v1/events')).at(-1)?.seq ?? 0;
  let row = await client.post('/v1/drain-server', deadline === undefined ? name : { ...name, deadline });
  say(row);
  while (wait && row.phase !== 'drained' && !context.signal.aborted) {
    // Whatever happens is a reason to look at once.
    since = (await client.get(`/v1/events?since=${since}&wait=${POLL}`)).at(-1)?.seq ?? since;
    const rows = await client.get('/v1/servers');
    const next = rows.find(({ service, server }) => service === name.service && server === name.server);
    if (next === undefined) return Exit.done;
    if (next.phase !== row.phase || next.active !== row.active) say(next);
    row = next;
    if (row.phase !== 'serving') continue;
    context.complain('the drain was given up: the server is taken back');
    return Exit.refused;
  }
  if (!wait || row.phase === 'drained') return Exit.done;
  context.complain('stopped watching; the drain goes on in the agent');
  return Exit.refused;
}

export async function undrainServer(
  context: CliContext,
  client: ControlClient,
  name: { readonly service: string; readonly server: string },
  { json }: { readonly json?: boolean },
): Promise<number> {
  const row = await client.post('/v1/undrain-server', name);
  context.out(`${json === true ? asJson(row) : renderDrain(row)}\n`);
  return Exit.done;
}

/** `web r2: draining, 12 connections, at most 42 s more` */
function renderDrain({ service, server, phase, active, phaseEnds }: ServerDocument): string {
  const left = active === null ? 'connections not known' : plural(active, 'connection');
  const ends = phaseEnds === null ? '' : `, at most ${duration(phaseEnds)} more`;
  return `${service} ${server}: ${phase}, ${left}${ends}`;
}
