/**
 * Tells the speakers which prefixes to announce, and keeps track of what the neighbors can have heard.
 *
 * In: the wished VIPs, the director's own addresses, which classes of them each speaker announces, and each speaker's news of
 * what went out. Out: `Speaker.set`, and the events that prove the order: `vip-announcing` when a VIP is to be handed to
 * the speakers, `vip-announced` and `vip-withdrawn` when a speaker has told its neighbors. The speakers are told by
 * `publish`, all classes at once: a second change of an LSA would have to wait for the first.
 * Whether a VIP may be announced is decided elsewhere (`src/core/announce`).
 */
import { formatIpv4, type Ipv4 } from '../core/base/ipv4.ts';
import type { PrefixClass } from '../core/model/cluster.ts';
import { type AnnouncedAs, AS_STUB, formatAnnouncedAs } from '../core/model/routing.ts';
import type { AnnouncedPrefix } from '../core/ospf/events.ts';
import type { Speaker } from '../drivers/routing/port.ts';
import type { EventLog } from './events.ts';
import type { OwnAddress } from './wishes/own-addresses.ts';

export interface Announcement {
  readonly metric: number;
  readonly lsa: AnnouncedAs;
}

/** By VIP. */
export type Announcements = ReadonlyMap<Ipv4, Announcement>;

export class Announcer {
  readonly #events: EventLog;
  readonly #speakers = new Map<Speaker, readonly PrefixClass[]>();
  #wished: Announcements = new Map();
  #own: readonly OwnAddress[] = [];
  #inside: ReadonlySet<Ipv4> = new Set();
  #isPublished = true;
  /** As last told to the neighbors by any of the speakers. */
  #heard: Announcements = new Map();
  #heardLocal: ReadonlySet<Ipv4> = new Set();

  constructor(events: EventLog) {
    this.#events = events;
  }

  /** The speaker, which announces these classes, is told what is wished now. */
  add(speaker: Speaker, classes: readonly PrefixClass[]): void {
    this.#speakers.set(speaker, classes);
    speaker.set(this.#prefixes(classes));
  }

  remove(speaker: Speaker): void {
    this.#speakers.delete(speaker);
    this.update();
  }

  /** Those that announce a class. */
  speakers(one: PrefixClass): Speaker[] {
    return [...this.#speakers].flatMap(([speaker, classes]) => (classes.includes(one) ? [speaker] : []));
  }

  /** The VIPs that the neighbors can have heard of from us; of several metrics the best. */
  heard(): Announcements {
    return this.#heard;
  }

  /** The same of the director's own addresses. */
  heardLocal(): ReadonlySet<Ipv4> {
    return this.#heardLocal;
  }

  /** `reasons`: why a VIP's announcement has changed, for the event. */
  set(wished: Announcements, reasons: ReadonlyMap<Ipv4, string>): void {
    const before = this.#wished;
    if (keyOf(before) === keyOf(wished)) return;
    this.#wished = new Map(wished);
    this.#isPublished = false;
    for (const [vip, { metric, lsa }] of wished) {
      const old = before.get(vip);
      const about = { vip: formatIpv4(vip), reason: reasons.get(vip) };
      const form = formatAnnouncedAs(lsa);
      if (old === undefined || formatAnnouncedAs(old.lsa) !== form) {
        this.#events.emit('vip-announcing', { ...about, metric, lsa: form });
      } else if (old.metric !== metric) this.#events.emit('vip-metric', { ...about, from: old.metric, to: metric });
    }
    for (const vip of before.keys()) {
      if (!wished.has(vip)) this.#events.emit('vip-withdrawing', { vip: formatIpv4(vip), reason: reasons.get(vip) });
    }
  }

  /** The director's own addresses, as far as they are to be announced. */
  setOwn(own: readonly OwnAddress[]): void {
    if (JSON.stringify(this.#own) === JSON.stringify(own)) return;
    this.#own = own;
    this.#isPublished = false;
  }

  /** These VIPs are announced with the class `local`. */
  setInside(vips: ReadonlySet<Ipv4>): void {
    if ([...this.#inside].join() === [...vips].join()) return;
    this.#inside = vips;
    this.#isPublished = false;
  }

  /** The class with which a VIP is announced. */
  classOf(vip: Ipv4): Exclude<PrefixClass, 'snat'> {
    return this.#inside.has(vip) ? 'local' : 'vip';
  }

  /** Tells the speakers what has been set since the last time. */
  publish(): void {
    if (this.#isPublished) return;
    this.#isPublished = true;
    for (const [speaker, classes] of this.#speakers) speaker.set(this.#prefixes(classes));
  }

  /** A speaker has told its neighbors something. Returns whether the picture has changed. */
  update(): boolean {
    const [before, localBefore] = [this.#heard, this.#heardLocal];
    const out = [...this.#speakers.keys()].flatMap((speaker) => speaker.announced());
    this.#heardLocal = new Set(out.flatMap((one) => (isOwn(one) ? [one.prefix.address] : [])));
    this.#heard = bestByVip(out.filter((one) => !isOwn(one)));
    for (const [vip, { metric }] of this.#heard) {
      if (before.get(vip)?.metric !== metric) this.#events.emit('vip-announced', { vip: formatIpv4(vip), metric });
    }
    for (const vip of before.keys()) {
      if (!this.#heard.has(vip)) this.#events.emit('vip-withdrawn', { vip: formatIpv4(vip) });
    }
    return keyOf(before) !== keyOf(this.#heard) || [...localBefore].join() !== [...this.#heardLocal].join();
  }

  #prefixes(classes: readonly PrefixClass[]): AnnouncedPrefix[] {
    const vips = [...this.#wished].filter(([address]) => classes.includes(this.classOf(address)));
    const own = this.#own.filter((one) => classes.includes(one.class));
    return [
      ...vips.map(([address, one]) => ({ prefix: host(address), ...one })),
      ...own.map(({ address, shared, metric }) => {
        return { prefix: host(address), metric, lsa: AS_STUB, ...(shared ? { shared } : { local: true }) };
      }),
    ];
  }
}

function isOwn({ local, shared }: AnnouncedPrefix): boolean {
  return local === true || shared === true;
}

function host(address: Ipv4): AnnouncedPrefix['prefix'] {
  return { address, length: 32 };
}

function bestByVip(announced: readonly AnnouncedPrefix[]): Announcements {
  const best = new Map<Ipv4, Announcement>();
  for (const { prefix, metric, lsa } of announced) {
    const known = best.get(prefix.address);
    if (known === undefined || metric < known.metric) best.set(prefix.address, { metric, lsa });
  }
  return best;
}

function keyOf(announcements: Announcements): string {
  return [...announcements]
    .map(([vip, { metric, lsa }]) => `${vip} ${metric} ${formatAnnouncedAs(lsa)}`)
    .sort()
    .join();
}
