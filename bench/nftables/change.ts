/** What the benchmarks of the nftables plane change, and the text of the change for an nft without a driver. */
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { transactionSteps } from '../../src/core/dataplane/nft/text.ts';
import { planSteps } from '../../src/core/dataplane/plan.ts';
import { RulesetMemory, wantedSteps } from '../../src/core/dataplane/rules/wanted.ts';
import { assignServerIds } from '../../src/core/dataplane/server-ids.ts';
import type { DesiredDataplane, DesiredServer, ServerState } from '../../src/core/model/dataplane.ts';
import type { KernelTables } from '../../src/drivers/dataplane/kernel-tables.ts';
import { inSlices } from '../../src/drivers/dataplane/slices.ts';

const SERVERS = 10;
const FIRST_VIP = ipv4('203.0.113.0');
const FIRST_SERVER = ipv4('10.2.0.1');

/** `services` of ten servers each; `state` is that of the first service's first server, all others are up. */
export function dataplane(services: number, state: ServerState): DesiredDataplane {
  const server = (service: number, index: number): DesiredServer => ({
    name: `r${index}`,
    address: FIRST_SERVER + service * SERVERS + index,
    weight: 1,
    state: service === 0 && index === 0 ? state : 'up',
  });
  return {
    upstream: ['eth1', 'eth2'],
    services: Array.from({ length: services }, (_, i) => ({
      name: `service${i}`,
      vips: [FIRST_VIP + i],
      ports: [80],
      protocol: 'tcp' as const,
      servers: Array.from({ length: SERVERS }, (_server, index) => server(i, index)),
    })),
  };
}

/** What the driver would give to `nft -f -` now. */
export async function textTo(desired: DesiredDataplane, tables: KernelTables): Promise<readonly string[]> {
  const { tables: found } = await tables.read();
  const ids = assignServerIds(desired, found, new Map());
  const wanted = await inSlices(wantedSteps(desired, ids, found, new RulesetMemory()));
  return inSlices(transactionSteps(await inSlices(planSteps(wanted, found))));
}

/** Milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}
