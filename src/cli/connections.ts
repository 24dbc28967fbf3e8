/** `sluice connections`: those that are known here, page by page, so that a big table is neither kept nor waited for. */
import type { ControlClient } from '../api/client.ts';
import type { ConnectionDocument } from '../api/sync-documents.ts';
import { type CliContext, Exit } from './context.ts';
import { renderConnections } from './render/sync.ts';

export interface ConnectionsOptions {
  readonly client?: string;
  readonly vip?: string;
  readonly server?: string;
  readonly owner?: string;
  readonly local?: string;
  readonly limit?: number;
  readonly json?: boolean;
}

const FILTERS = ['client', 'vip', 'server', 'owner', 'local'] as const;

/** With `--json`, one connection per line. Refused when none matches. */
export async function connections(
  context: CliContext,
  client: ControlClient,
  options: ConnectionsOptions,
): Promise<number> {
  const query = new URLSearchParams();
  for (const name of FILTERS) {
    const value = options[name];
    if (value !== undefined) query.set(name, value);
  }
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let shown = 0;
  for (let cursor: number | null = 0; cursor !== null && left > 0 && !context.signal.aborted; ) {
    query.set('cursor', String(cursor));
    const page = await client.get(`/v1/connections?${query.toString()}`);
    const some = page.connections.slice(0, left);
    if (some.length > 0) context.out(options.json === true ? lines(some) : `${renderConnections(some, shown === 0)}\n`);
    shown += some.length;
    left -= some.length;
    cursor = page.cursor;
  }
  return shown === 0 ? Exit.refused : Exit.done;
}

function lines(list: readonly ConnectionDocument[]): string {
  return list.map((connection) => `${JSON.stringify(connection)}\n`).join('');
}
