/** Runs the nftables driver inside a director's namespace (Node cannot enter one by itself), by JSON lines. */
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import { NetlinkConntrack } from '../../../src/drivers/conntrack/netlink.ts';
import { KernelTables } from '../../../src/drivers/dataplane/kernel-tables.ts';
import { NftablesDataplane } from '../../../src/drivers/dataplane/nftables.ts';
import type { ServiceClient } from '../../../src/drivers/dataplane/port.ts';
import { addConnections, type Connection, listConnections } from './connections.ts';
import { serve } from './json-lines.ts';

const driver = new NftablesDataplane();
let told = 0;
const tables = new KernelTables();
const conntrack = new NetlinkConntrack();

serve({
  open: () => driver.open(),
  watch: async () =>
    driver.watch(() => {
      told += 1;
    }),
  told: async () => told,
  guard: (request) => driver.guard(request['desired'] as DesiredDataplane),
  present: () => driver.isPresent(),
  apply: (request) => driver.apply(request['desired'] as DesiredDataplane),
  counters: () => driver.counters(),
  remembered: (request) => driver.remembered(request['service'] as string, request['client'] as number),
  clients: (request) => driver.clients(request['service'] as string),
  remember: (request) => driver.remember(request['service'] as string, request['clients'] as readonly ServiceClient[]),
  generation: () => tables.generation(),
  /** Translated UDP connections by way of an address of ours. */
  statistics: () => conntrack.statistics(),
  connections: (request) => listConnections(Number(request['address'])),
  /** As if they had been heard of from another director. */
  add: (request) => addConnections(request['connections'] as readonly Connection[]),
  remove: () => driver.remove(),
  takeMisses: (request) => driver.takeMisses(Number(request['lifetime'])),
});
