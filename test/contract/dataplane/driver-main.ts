/** Runs the nftables driver inside a director's namespace (Node cannot enter one by itself), by JSON lines. */
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import { NftablesDataplane } from '../../../src/drivers/dataplane/nftables.ts';
import { serve } from './json-lines.ts';

const driver = new NftablesDataplane();

serve({
  open: () => driver.open(),
  apply: (request) => driver.apply(request['desired'] as DesiredDataplane),
  counters: () => driver.counters(),
  remove: () => driver.remove(),
});
