/**
 * How full the port blocks of this director are: before SYNs are lost for want of a port, which nobody is told of.
 *
 * A port of a local address (LIP) can be used once towards each server. So what fills a block is its connections to the one
 * server that has most of them; as blocks are found by a hash that knows nothing of servers, that is the same share of the
 * connections in every block. From nine tenths on connections are lost, a few in a hundred (the kernel looks at some 240
 * ports of a block, then drops the SYN); the alarm comes at eight.
 *
 * Connections are counted once they are established; UDP flows, for the kernel, are so after two seconds. What short ones
 * (DNS) fill is not seen here, only when the kernel begins to drop connections.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import { BLOCK_PORTS, type PortBlock } from '../hash/port-blocks.ts';

/** Fill at which the alarm is raised, and below which it ends. */
const ALARM = 0.8;
const ALL_CLEAR = 0.7;

export interface AddressFill {
  readonly address: Ipv4;
  /** Own blocks. */
  readonly blocks: number;
  /** Connections from their ports, closed ones among them whose ports the kernel still holds. */
  readonly connections: number;
  /** Of the ports of the blocks, those in use towards the busiest server; 1 = all. */
  readonly fill: number;
}

/** Connections by LIP: of its port blocks at 1 … 63, as `port / 1024`. */
export type BlockCounts = ReadonlyMap<Ipv4, ArrayLike<number>>;

/**
 * Of each LIP that has own blocks, in order of `own`.
 *
 * @param busiest share of the connections that go to the busiest server, 0 … 1 (`busiestShare`)
 */
export function addressFills(own: readonly PortBlock[], counts: BlockCounts, busiest: number): readonly AddressFill[] {
  const byAddress = new Map<Ipv4, PortBlock[]>();
  for (const block of own) {
    const blocks = byAddress.get(block.address);
    if (blocks === undefined) byAddress.set(block.address, [block]);
    else blocks.push(block);
  }
  return [...byAddress].map(([address, blocks]) => {
    const connections = blocks.reduce((sum, { block }) => sum + (counts.get(address)?.[block + 1] ?? 0), 0);
    return {
      address,
      blocks: blocks.length,
      connections,
      fill: (connections * busiest) / (blocks.length * BLOCK_PORTS),
    };
  });
}

/** Of all addresses together. */
export function totalFill(fills: readonly AddressFill[]): number {
  const blocks = fills.reduce((sum, one) => sum + one.blocks, 0);
  return blocks === 0 ? 0 : fills.reduce((sum, one) => sum + one.fill * one.blocks, 0) / blocks;
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
