/**
 * The scheduler `mh` of IPVS (net/netfilter/ipvs/ip_vs_mh.c, with the size that Debian's kernels are built with): which server
 * a slot belongs to and which one a new flow gets, exactly as the kernel finds them.
 *
 * It differs from the table of the nftables plane (`maglev.ts`): in its size and hash, in that a server takes all turns of its
 * weight in a row, and in that the order of the servers counts. The table knows nothing of drained servers: a weight that is
 * set to 0 leaves a server its slots, and with `mh-fallback` a flow that meets one tries other slots until a server takes it.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import { NO_SERVER } from './maglev.ts';
import { sipHash13 } from './siphash.ts';

/** CONFIG_IP_VS_MH_TAB_INDEX is 12: the greatest prime below 2^12. */
export const IPVS_MH_SLOTS = 4093;
/** IP_VS_MH_TAB_BITS: no server takes more turns in a row than fit into so many bits. */
const TURN_BITS = 6;

const FIRST_KEY = 2_654_435_761;
const SECOND_KEY = 2_654_446_892;

export interface IpvsServer {
  readonly address: Ipv4;
  readonly port: number;
  /** The last one that was not 0; 0 = it never had another, and has no slots. */
  readonly weight: number;
}

/** The number that the kernel hashes; it wraps at 32 bits, as there. */
function keyOf(address: Ipv4, port: number, offset = 0): number {
  return (address + port + offset) >>> 0;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/** How many turns in a row each server has. */
function turnsOf(servers: readonly IpvsServer[]): readonly number[] {
  const weights = servers.map(({ weight }) => weight);
  const common = weights.reduce(divisor, 0);
  const bits = 32 - Math.clz32(Math.max(...weights) / common);
  const shift = Math.max(bits - TURN_BITS, 0);
  return weights.map((weight) => (weight === 0 ? 0 : Math.max((weight / common) >> shift, 1)));
}

/**
 * The table of a service.
 *
 * @param servers in the order in which the kernel lists them, the newest first; at most `IPVS_MH_SLOTS`
 * @returns for each slot an index into `servers`; all `NO_SERVER` when no server has a weight
 */
export function ipvsMhTable(servers: readonly IpvsServer[]): Uint16Array {
  const table = new Uint16Array(IPVS_MH_SLOTS).fill(NO_SERVER);
  if (servers.length > IPVS_MH_SLOTS) throw new RangeError(`${servers.length} servers in ${IPVS_MH_SLOTS} slots`);
  if (servers.every(({ weight }) => weight === 0)) return table;
  const turns = turnsOf(servers);
  const walkers = servers.map(({ address, port }) => ({
    slot: sipHash13(keyOf(address, port), FIRST_KEY) % IPVS_MH_SLOTS,
    skip: (sipHash13(keyOf(address, port), SECOND_KEY) % (IPVS_MH_SLOTS - 1)) + 1,
  }));
  for (let left = IPVS_MH_SLOTS; ; ) {
    for (const [index, walker] of walkers.entries()) {
      for (let turn = 0; turn < turns[index]!; turn++) {
        while (table[walker.slot] !== NO_SERVER) walker.slot = (walker.slot + walker.skip) % IPVS_MH_SLOTS;
        table[walker.slot] = index;
        if (--left === 0) return table;
      }
    }
  }
}

/** The slot of a flow; `port` 0 where the service has not the flag `mh-port`. */
export function ipvsMhSlot(client: Ipv4, port: number, offset = 0): number {
  return sipHash13(keyOf(client, port, offset), FIRST_KEY) % IPVS_MH_SLOTS;
}

/**
 * The server that a new flow gets, with the flag `mh-fallback`.
 *
 * @param table from `ipvsMhTable`
 * @param takes by server: has it a weight now, and fewer connections than its upper threshold?
 * @param port the client's; 0 where the service has not the flag `mh-port`
 * @returns an index into the servers; `NO_SERVER` where the kernel refuses the flow
 */
export function ipvsMhServer(table: Uint16Array, takes: readonly boolean[], client: Ipv4, port: number): number {
  const slot = ipvsMhSlot(client, port);
  const first = table[slot]!;
  if (first === NO_SERVER || takes[first] === true) return first;
  for (let step = 0; step < IPVS_MH_SLOTS; step++) {
    const server = table[ipvsMhSlot(client, port, (slot + step) % IPVS_MH_SLOTS)]!;
    if (takes[server] === true) return server;
  }
  return NO_SERVER;
}
