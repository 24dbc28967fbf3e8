/** `sluice lsdb`: the agent chooses the LSAs, so that a large database need not travel to show a part of it. */
import type { ControlClient } from '../api/client.ts';
import { type CliContext, Exit } from './context.ts';
import { LSA_NAMES, renderLsdb, renderLsdbDetail } from './render/routing.ts';
import { type ShowOptions, show } from './show.ts';

export interface LsdbChoice extends ShowOptions {
  readonly type?: string;
  readonly router?: string;
  readonly own?: boolean;
  readonly detail?: boolean;
}

export async function lsdb(context: CliContext, client: ControlClient, options: LsdbChoice): Promise<number> {
  const query = new URLSearchParams();
  if (options.type !== undefined) {
    const types = options.type.split(',').flatMap(typesNamed);
    if (types.length === 0) {
      context.complain(`--type ${options.type}: use ${[...Object.values(LSA_NAMES), 'opaque'].join(', ')} or a number`);
      return Exit.usage;
    }
    query.set('type', types.join());
  }
  if (options.router !== undefined) query.set('router', options.router);
  if (options.own === true) query.set('own', '1');
  if (options.json === true) query.set('detail', '1');
  return show(
    context,
    client,
    `/v1/lsdb?${query.toString()}`,
    options.detail === true ? renderLsdbDetail : renderLsdb,
    options,
  );
}

/** `opaque` stands for all three scopes. */
function typesNamed(name: string): string[] {
  if (/^\d{1,2}$/.test(name)) return [name];
  return Object.entries(LSA_NAMES)
    .filter(([, known]) => known === name || (name === 'opaque' && known.startsWith('opaque-')))
    .map(([type]) => type);
}
