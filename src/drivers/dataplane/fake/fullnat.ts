/** Whom the server of a connection sees, for the fake: it interprets the elements of FullNAT, as the kernel would. */
import { formatIpv4 } from '../../../core/base/ipv4.ts';
import { BLOCKS_MAP, FULLNAT_SET, NO_BLOCK_COUNTER } from '../../../core/dataplane/names.ts';
import { BLOCK_SLOT_SEED } from '../../../core/hash/block-slots.ts';
import { slotOf } from '../../../core/hash/jhash.ts';
import { BLOCK_PORTS } from '../../../core/hash/port-blocks.ts';
import { type CountingTable, type FakeFlow, plusOne } from './direct.ts';

/**
 * In the block that the hash finds the first free port, from the predicted one on if ports are by offset.
 *
 * @param id of the server
 * @param server protocol, address and port
 * @param taken sources in use, each with its server; the one that is chosen is added
 * @param exhausted called when there is a block, but all its ports are taken
 * @returns `ADDRESS:PORT`; `undefined` when the connection is dropped
 */
export function sourceSeen(
  table: CountingTable,
  flow: FakeFlow,
  id: string,
  server: string,
  taken: Set<string>,
  exhausted: () => void,
): string | undefined {
  if (table.sets.get(FULLNAT_SET)?.elements.has(id) !== true) return `${formatIpv4(flow.source)}:${flow.sport}`;
  const source = blockSource(table, { chain: 'postrouting', map: BLOCKS_MAP }, flow, server, taken);
  if (source !== undefined) return source;
  if ((table.sets.get(BLOCKS_MAP)?.elements.size ?? 0) > 0) exhausted();
  else table.counters.set(NO_BLOCK_COUNTER, plusOne(table.counters.get(NO_BLOCK_COUNTER)));
  return undefined;
}

/**
 * The same for one map of blocks, and the chain whose rules use it.
 *
 * @param there where the flow leads
 * @returns `undefined` when there is no block or its ports are taken
 */
export function blockSource(
  table: CountingTable,
  { chain, map }: { readonly chain: string; readonly map: string },
  flow: Pick<FakeFlow, 'source' | 'sport'>,
  there: string,
  taken: Set<string>,
): string | undefined {
  const blocks = table.sets.get(map)?.elements ?? new Map<string, string>();
  const block = blocks.get(String(slotOf(flow.source, flow.sport, BLOCK_SLOT_SEED, blocks.size)));
  const [, address, low] = /^(\S+) \. (\d+)-\d+$/.exec(block ?? '') ?? [];
  const stamps = table.chains.get(chain)?.stamps ?? [];
  const offset = stamps.some((stamp) => stamp.endsWith(' port-offset')) ? flow.sport : 0;
  for (let step = 0; address !== undefined && step < BLOCK_PORTS; step++) {
    const source = `${address}:${Number(low) + ((offset + step) % BLOCK_PORTS)}`;
    if (taken.has(`${source} ${there}`)) continue;
    taken.add(`${source} ${there}`);
    return source;
  }
  return undefined;
}
