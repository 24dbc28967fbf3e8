/** `sluice explain`: which real server a new connection would get on this director, and why. */
import type { ControlClient } from '../api/client.ts';
import { type CliContext, Exit } from './context.ts';
import { renderExplanation } from './render/explanation.ts';
import { type ShowOptions, show } from './show.ts';

export interface Endpoint {
  readonly address: string;
  readonly port: string;
}

export interface ExplainOptions extends ShowOptions {
  readonly protocol?: 'tcp' | 'udp';
  readonly mark?: number;
}

/** Refused when no server can be named. */
export function explain(
  context: CliContext,
  client: ControlClient,
  from: Endpoint,
  to: Endpoint,
  options: ExplainOptions,
): Promise<number> {
  const query = new URLSearchParams({ client: from.address, clientPort: from.port, vip: to.address, port: to.port });
  if (options.protocol !== undefined) query.set('protocol', options.protocol);
  if (options.mark !== undefined) query.set('mark', String(options.mark));
  return show(context, client, `/v1/explain?${query.toString()}`, renderExplanation, options, ({ server }) =>
    server === null ? Exit.refused : Exit.done,
  );
}
