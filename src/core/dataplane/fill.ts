/**
 * How full the port blocks of this director are: before SYNs are lost for want of a port, which nobody is told of.
 *
 * A port of a local address (LIP) can be used once towards each server. So what fills a block is its connections to the one
 * server that has most of them; as blocks are found by a hash that knows nothing of servers, that is the same share of the
 * connections in every block. From nine tenths on connections are lost, a few in a hundred (the kernel looks at some 240
 * ports of a block, then drops the SYN); the alarm comes at eight.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import { BLOCK_PORTS, type PortBlock } from '../hash/port-blocks.ts';

/** Fill at which the alarm is raised, and below which it ends. */
const ALARM = 0.8;
const ALL_CLEAR = 0.7;

export interface Fill {
  /** Own blocks. */
  readonly blocks: number;
  /** Connections from their ports, closed ones among them whose ports the kernel still holds. */
  readonly connections: number;
  /** Of the ports of the blocks, those in use towards the busiest server; 1 = all. */
  readonly fill: number;
}

export interface AddressFill extends Fill {
  readonly address: Ipv4;
}

/** Connections by LIP: of its port blocks at 1 … 63, as `port / 1024`. */
export type BlockCounts = ReadonlyMap<Ipv4, ArrayLike<number>>;

function fillOf(blocks: readonly PortBlock[], counts: BlockCounts, busiest: number): Fill {
  const connections = blocks.reduce((sum, { address, block }) => sum + (counts.get(address)?.[block + 1] ?? 0), 0);
  return {
    blocks: blocks.length,
    connections,
    fill: blocks.length === 0 ? 0 : (connections * busiest) / (blocks.length * BLOCK_PORTS),
  };
}

/**
 * Of each LIP that has own blocks, in order of `own`.
 *
 * @param busiest share of the connections that go to the busiest server, 0 … 1 (`busiestShare`)
 */
export function addressFills(own: readonly PortBlock[], counts: BlockCounts, busiest: number): readonly AddressFill[] {
  return [...new Set(own.map(({ address }) => address))].map((address) => {
    const blocks = own.filter((one) => one.address === address);
    return { address, ...fillOf(blocks, counts, busiest) };
  });
}

/** Of all own blocks together. */
export function totalFill(own: readonly PortBlock[], counts: BlockCounts, busiest: number): Fill {
  return fillOf(own, counts, busiest);
}

/**
 * The share of the busiest server. Servers of several services under one address are one: the port may be the same.
 *
 * @param connections of each server, by its address; may name an address several times
 * @returns as if they were even when there are none
 */
export function busiestShare(connections: readonly (readonly [server: Ipv4, count: number])[]): number {
  const byServer = new Map<Ipv4, number>();
  for (const [server, count] of connections) byServer.set(server, (byServer.get(server) ?? 0) + count);
  if (byServer.size === 0) return 0;
  const all = [...byServer.values()];
  const total = all.reduce((a, b) => a + b, 0);
  return total === 0 ? 1 / all.length : Math.max(...all) / total;
}

/** Is there reason for alarm, given whether there was? */
export function isFilling(fill: number, before: boolean): boolean {
  return fill >= (before ? ALL_CLEAR : ALARM);
}
