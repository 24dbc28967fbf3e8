/**
 * How many connections each real server has, from what the kernel tells of them one by one.
 *
 * In: connections that are new, changed or destroyed, and now and then all that there are, when events were lost; as words of
 * src/core/netlink/flow.ts. Out: connections by server id, and the port blocks of source addresses (FullNAT) that they take up.
 *
 * A connection is tracked from when both ends have sent (ASSURED; an attacker's SYNs never get there) until the kernel
 * destroys its entry. It is active as long as it is tracked and, with TCP, not closed by both ends: entries of closed ones
 * stay for minutes, and hold their source port, but no server waits for them. Which states are told is up to the rules: where
 * no closing is told of, a connection is active until it is destroyed. A copy of what another director carries is not active
 * here, until a packet of its client makes it ours; it holds its source port.
 *
 * What is remembered of each is one number for another: 100,000 new connections a second are counted here.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import { IPS_ASSURED, IPS_SRC_NAT, TCP_CONNTRACK_CLOSE, TCP_CONNTRACK_LAST_ACK } from '../netlink/conntrack-codes.ts';
import { Flow, NO_STATE } from '../netlink/flow.ts';
import { REPLICA_BIT, SERVER_ID_MASK } from './mark.ts';
import { TrackedEntries } from './tracked-entries.ts';

/** Beside the server id, in what is remembered of a connection. */
const CLOSED = 0x10000;
const COPY = 0x20000;

/** Ports of one block (see the port blocks of FullNAT), as a power of two. */
const BLOCK_BITS = 10;
const BLOCKS = 64;

/** Bits of the client's address and port: an entry is known by them and by the kernel's number, which is one by chance only. */
function clientBits(flow: Uint32Array): number {
  return (Math.imul(flow[Flow.source]!, 0x9e3779b1) ^ Math.imul(flow[Flow.sport]!, 0x85ebca6b)) >>> 0;
}

function isClosed(tcpState: number): boolean {
  return tcpState >= TCP_CONNTRACK_LAST_ACK && tcpState <= TCP_CONNTRACK_CLOSE;
}

export class ConnectionCounts {
  readonly #tracked = new TrackedEntries();
  readonly #active = new Map<number, number>();
  readonly #blocks = new Map<Ipv4, Uint32Array>();

  /** All that are tracked, closed ones among them. */
  get tracked(): number {
    return this.#tracked.size;
  }

  active(serverId: number): number {
    return this.#active.get(serverId) ?? 0;
  }

  /** Of connections with a translated source: address to how many have a port of each block (port / 1,024). */
  portBlocks(): ReadonlyMap<Ipv4, Uint32Array> {
    return this.#blocks;
  }

  /** Nothing is known; all that there are follow. */
  clear(): void {
    this.#tracked.clear();
    this.#active.clear();
    this.#blocks.clear();
  }

  /** The connection is as given now. */
  changed(flow: Uint32Array): void {
    if ((flow[Flow.status]! & IPS_ASSURED) === 0) return;
    const id = flow[Flow.id]!;
    const client = clientBits(flow);
    const before = this.#tracked.get(id, client);
    const mark = flow[Flow.mark]!;
    const state = flow[Flow.state]!;
    const closed = state === NO_STATE ? Math.max(before, 0) & CLOSED : isClosed(state) ? CLOSED : 0;
    const now = (mark & SERVER_ID_MASK) | closed | ((mark & REPLICA_BIT) === 0 ? 0 : COPY);
    if (now === before) return;
    if (before < 0) this.#countBlock(flow, 1);
    else this.#countActive(before, -1);
    this.#countActive(now, 1);
    this.#tracked.set(id, client, now);
  }

  destroyed(flow: Uint32Array): void {
    const before = this.#tracked.delete(flow[Flow.id]!, clientBits(flow));
    if (before < 0) return;
    this.#countActive(before, -1);
    this.#countBlock(flow, -1);
  }

  #countActive(remembered: number, by: 1 | -1): void {
    if ((remembered & (CLOSED | COPY)) !== 0) return;
    const id = remembered & SERVER_ID_MASK;
    this.#active.set(id, this.active(id) + by);
  }

  #countBlock(flow: Uint32Array, by: 1 | -1): void {
    if ((flow[Flow.status]! & IPS_SRC_NAT) === 0) return;
    const local = flow[Flow.replyDestination]!;
    let counts = this.#blocks.get(local);
    if (counts === undefined) {
      counts = new Uint32Array(BLOCKS);
      this.#blocks.set(local, counts);
    }
    counts[flow[Flow.replyDport]! >>> BLOCK_BITS]! += by;
  }
}
