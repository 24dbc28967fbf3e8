/** `sluice upstream-view`: does every upstream router spread every VIP over every director that should take part? */
import type { ControlClient } from '../api/client.ts';
import { type CliContext, Exit } from './context.ts';
import { missingMembers, renderUpstreamView } from './render/upstream-view.ts';
import { type ShowOptions, show } from './show.ts';

export async function upstreamView(
  context: CliContext,
  client: ControlClient,
  router: string | undefined,
  options: ShowOptions & { readonly maxPaths?: number },
): Promise<number> {
  const query = new URLSearchParams();
  if (router !== undefined) query.set('router', router);
  if (options.maxPaths !== undefined) query.set('maxPaths', String(options.maxPaths));
  return show(context, client, `/v1/upstream-view?${query.toString()}`, renderUpstreamView, options, (routers) =>
    routers.length === 0 || missingMembers(routers) > 0 ? Exit.refused : Exit.done,
  );
}
