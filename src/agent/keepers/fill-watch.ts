/**
 * Watches how full this director's port blocks are (FullNAT), and whether the kernel has begun to drop new connections.
 *
 * In: the data plane as wished, connections by port block as they are counted from the kernel's events, and the counters of
 * connection tracking, which are read every few seconds. Out: `local-address-fill` when an address comes to 80 % and when it
 * is below 70 % again, `conntrack-drops` when connections were dropped; figures for whoever asks.
 */
import { formatIpv4, type Ipv4 } from '../../core/base/ipv4.ts';
import type { Instant, Millis } from '../../core/base/machine.ts';
import {
  type AddressFill,
  addressFills,
  type BlockCounts,
  busiestShare,
  isFilling,
} from '../../core/dataplane/fill.ts';
import { lipOwners, OwnBlocks, usesFullnat } from '../../core/hash/lips.ts';
import { ownershipDigest, type PortBlock } from '../../core/hash/port-blocks.ts';
import type { DesiredDataplane } from '../../core/model/dataplane.ts';
import type { ConntrackStatistics } from '../../core/netlink/conntrack-statistics.ts';
import type { Clock } from '../../io/clock.ts';
import type { EventLog } from '../events.ts';

export interface FillWatchOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  /** Connections by local address and port block; undefined while they are not known. */
  blockCounts(): BlockCounts | undefined;
  /** Other blocks are ours: copies of what others carried hold ports there, and were not counted as they were made. */
  recount(): void;
  /** Active connections of a real server of a service; undefined while they are not known. */
  active(service: string, server: Ipv4): number | undefined;
  statistics(): Promise<ConntrackStatistics>;
}

const INTERVAL: Millis = 2000;
/** While connections go on being dropped they are told of this often. */
const DROPS_AGAIN: Millis = 60_000;

export class FillWatch {
  readonly #options: FillWatchOptions;
  readonly #ownBlocks = new OwnBlocks();
  #desired: DesiredDataplane | undefined;
  /** As when the copies in them were last counted. */
  #blocks: readonly PortBlock[] | undefined;
  readonly #filling = new Set<Ipv4>();
  /** As last told. */
  #told: ConntrackStatistics | undefined;
  #toldAt: Instant = Number.NEGATIVE_INFINITY;
  #statistics: ConntrackStatistics | undefined;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(options: FillWatchOptions) {
    this.#options = options;
  }

  /** What the data plane is to be; the first call begins the watch. */
  want(desired: DesiredDataplane): void {
    const isFirst = this.#desired === undefined;
    this.#desired = desired;
    this.#noteBlocks(desired);
    if (isFirst && !this.#closed) void this.#look();
  }

  /** Of connection tracking, as last read. */
  get statistics(): ConntrackStatistics | undefined {
    return this.#statistics;
  }

  /** Of each local address with port blocks of this director; undefined while connections are not counted. */
  fills(): readonly AddressFill[] | undefined {
    if (this.#desired === undefined || !usesFullnat(this.#desired)) return [];
    const counts = this.#options.blockCounts();
    if (counts === undefined) return undefined;
    const servers = this.#desired.services.flatMap((service) => {
      if (service.fullnat !== true) return [];
      return service.servers.map(({ address }) => [address, this.#options.active(service.name, address) ?? 0] as const);
    });
    return addressFills(this.#ownBlocks.of(this.#desired), counts, busiestShare(servers));
  }

  /** Fingerprint of who owns which port blocks, the same on directors that agree; undefined without FullNAT. */
  digest(): string | undefined {
    if (this.#desired === undefined || !usesFullnat(this.#desired)) return undefined;
    const owners = lipOwners(this.#desired);
    return owners && ownershipDigest(owners);
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  #noteBlocks(desired: DesiredDataplane): void {
    const blocks = usesFullnat(desired) ? this.#ownBlocks.of(desired) : undefined;
    if (this.#blocks !== undefined && blocks !== undefined && blocks !== this.#blocks) this.#options.recount();
    this.#blocks = blocks;
  }

  async #look(): Promise<void> {
    this.#tellFills();
    try {
      this.#tellDrops(await this.#options.statistics());
    } catch {
      // Whoever may not read these counters may not program the data plane either, and that is told.
    }
    if (!this.#closed) this.#cancel = this.#options.clock.after(INTERVAL, () => void this.#look());
  }

  #tellFills(): void {
    const fills = this.fills();
    if (fills === undefined) return;
    for (const { address, fill, connections } of fills) {
      const before = this.#filling.has(address);
      const now = isFilling(fill, before);
      if (now === before) continue;
      this.#tellFill(address, now, { percent: Math.floor(fill * 100), connections });
    }
    for (const address of this.#filling) {
      if (!fills.some((one) => one.address === address)) this.#tellFill(address, false, {});
    }
  }

  #tellFill(address: Ipv4, filling: boolean, values: Readonly<Record<string, number>>): void {
    if (filling) this.#filling.add(address);
    else this.#filling.delete(address);
    const state = filling ? 'filling' : 'cleared';
    this.#options.events.emit('local-address-fill', { address: formatIpv4(address), state, ...values });
  }

  #tellDrops(now: ConntrackStatistics): void {
    this.#statistics = now;
    const before = this.#told ?? now;
    this.#told ??= now;
    const [insertFailed, drop] = [now.insertFailed - before.insertFailed, now.drop - before.drop];
    const at = this.#options.clock.now();
    if ((insertFailed <= 0 && drop <= 0) || at - this.#toldAt < DROPS_AGAIN) return;
    this.#told = now;
    this.#toldAt = at;
    this.#options.events.emit('conntrack-drops', { insertFailed, drop });
  }
}
