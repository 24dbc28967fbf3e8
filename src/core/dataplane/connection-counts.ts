/**
 * How many connections each real server has, from what the kernel tells of them one by one.
 *
 * In: connections that are new, changed or destroyed, and now and then all that there are, when events were lost. Out:
 * connections by server id, and the port blocks of source addresses (FullNAT) that they take up.
 *
 * A connection is tracked from when both ends have sent (ASSURED; an attacker's SYNs never get there) until the kernel
 * destroys its entry. It is active as long as it is tracked and, with TCP, not closed by both ends: entries of closed ones
 * stay for minutes, and hold their source port, but no server waits for them. Which states are told is up to the rules: where
 * no closing is told of, a connection is active until it is destroyed.
 *
 * What is remembered of each is one number for another: 100,000 new connections a second are counted here.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import { STEP, type Steps } from '../base/steps.ts';
import type { Connection } from '../netlink/conntrack.ts';
import { IPS_ASSURED, IPS_SRC_NAT, TCP_CONNTRACK_CLOSE, TCP_CONNTRACK_LAST_ACK } from '../netlink/conntrack-codes.ts';
import { SERVER_ID_MASK } from './mark.ts';

/** Beside the server id, in what is remembered of a connection. */
const ACTIVE = 0x10000;

/** Ports of one block (see the port blocks of FullNAT), as a power of two. */
const BLOCK_BITS = 10;
const BLOCKS = 64;

/** The kernel's number of the entry, and 21 bits of the client's address and port, as that number is one by chance only. */
function keyOf({ id, original: { source, sport } }: Connection): number {
  return id * 0x200000 + ((Math.imul(source, 0x9e3779b1) ^ Math.imul(sport, 0x85ebca6b)) & 0x1fffff);
}

function isClosed(tcpState: number): boolean {
  return tcpState >= TCP_CONNTRACK_LAST_ACK && tcpState <= TCP_CONNTRACK_CLOSE;
}

export class ConnectionCounts {
  readonly #tracked = new Map<number, number>();
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

  /** The connection is as given now. */
  changed(connection: Connection): void {
    if ((connection.status & IPS_ASSURED) === 0) return;
    const key = keyOf(connection);
    const before = this.#tracked.get(key);
    const { tcpState } = connection;
    const wasActive = before === undefined || (before & ACTIVE) !== 0;
    const isActive = tcpState === undefined ? wasActive : !isClosed(tcpState);
    const now = (connection.mark & SERVER_ID_MASK) | (isActive ? ACTIVE : 0);
    if (now === before) return;
    if (before === undefined) this.#countBlock(connection, 1);
    else this.#countActive(before, -1);
    this.#countActive(now, 1);
    this.#tracked.set(key, now);
  }

  destroyed(connection: Connection): void {
    const key = keyOf(connection);
    const before = this.#tracked.get(key);
    if (before === undefined) return;
    this.#tracked.delete(key);
    this.#countActive(before, -1);
    this.#countBlock(connection, -1);
  }

  /** These are all that there are. Until the last step it is a part of them that is counted. */
  *replaceSteps(connections: readonly Connection[]): Steps<void> {
    this.#tracked.clear();
    this.#active.clear();
    this.#blocks.clear();
    for (const [at, connection] of connections.entries()) {
      if (at > 0 && at % STEP === 0) yield;
      this.changed(connection);
    }
  }

  #countActive(remembered: number, by: 1 | -1): void {
    if ((remembered & ACTIVE) === 0) return;
    const id = remembered & SERVER_ID_MASK;
    this.#active.set(id, this.active(id) + by);
  }

  #countBlock({ status, reply: { destination, dport } }: Connection, by: 1 | -1): void {
    if ((status & IPS_SRC_NAT) === 0) return;
    let counts = this.#blocks.get(destination);
    if (counts === undefined) {
      counts = new Uint32Array(BLOCKS);
      this.#blocks.set(destination, counts);
    }
    counts[dport >>> BLOCK_BITS]! += by;
  }
}
