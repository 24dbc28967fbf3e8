/**
 * Tells the speakers which VIPs to announce, and keeps track of what the neighbors can have heard.
 *
 * In: the wished announcements, and each speaker's news of what went out. Out: `Speaker.set`, and the events that prove the
 * order: `vip-announcing` when a VIP is handed to the speakers, `vip-announced` and `vip-withdrawn` when a speaker has told
 * its neighbors. Whether a VIP may be announced is decided elsewhere (`src/core/announce`).
 */
import { formatIpv4, type Ipv4 } from '../core/base/ipv4.ts';
import { AS_STUB } from '../core/model/routing.ts';
import type { AnnouncedPrefix } from '../core/ospf/events.ts';
import type { Speaker } from '../drivers/routing/port.ts';
import type { EventLog } from './events.ts';

/** VIP to metric. */
export type Announcements = ReadonlyMap<Ipv4, number>;

export class Announcer {
  readonly #events: EventLog;
  readonly #speakers = new Set<Speaker>();
  #wished: Announcements = new Map();
  /** VIP to metric, as last told to the neighbors by any of the speakers. */
  #heard: Announcements = new Map();

  constructor(events: EventLog) {
    this.#events = events;
  }

  /** The speaker, which announces VIPs, is told what is wished now. */
  add(speaker: Speaker): void {
    this.#speakers.add(speaker);
    speaker.set(prefixesOf(this.#wished));
  }

  remove(speaker: Speaker): void {
    this.#speakers.delete(speaker);
    this.update();
  }

  /** What the neighbors can have heard from us, with the metric. */
  heard(): Announcements {
    return this.#heard;
  }

  /** `reasons`: why a VIP's announcement has changed, for the event. */
  set(wished: Announcements, reasons: ReadonlyMap<Ipv4, string>): void {
    const before = this.#wished;
    if (prefixesKey(before) === prefixesKey(wished)) return;
    this.#wished = new Map(wished);
    for (const [vip, metric] of wished) {
      const old = before.get(vip);
      const about = { vip: formatIpv4(vip), reason: reasons.get(vip) };
      if (old === undefined) this.#events.emit('vip-announcing', { ...about, metric });
      else if (old !== metric) this.#events.emit('vip-metric', { ...about, from: old, to: metric });
    }
    for (const vip of before.keys()) {
      if (!wished.has(vip)) this.#events.emit('vip-withdrawing', { vip: formatIpv4(vip), reason: reasons.get(vip) });
    }
    for (const speaker of this.#speakers) speaker.set(prefixesOf(wished));
  }

  /** A speaker has told its neighbors something. Returns whether the picture has changed. */
  update(): boolean {
    const before = this.#heard;
    this.#heard = new Map([...this.#speakers].flatMap((speaker) => speaker.announced().map(vipMetric)));
    for (const [vip, metric] of this.#heard) {
      if (before.get(vip) !== metric) this.#events.emit('vip-announced', { vip: formatIpv4(vip), metric });
    }
    for (const vip of before.keys()) {
      if (!this.#heard.has(vip)) this.#events.emit('vip-withdrawn', { vip: formatIpv4(vip) });
    }
    return prefixesKey(before) !== prefixesKey(this.#heard);
  }
}

function prefixesOf(wished: Announcements): AnnouncedPrefix[] {
  return [...wished].map(([address, metric]) => ({ prefix: { address, length: 32 }, metric, lsa: AS_STUB }));
}

function vipMetric({ prefix, metric }: AnnouncedPrefix): [Ipv4, number] {
  return [prefix.address, metric];
}

function prefixesKey(wished: Announcements): string {
  return [...wished]
    .map(([vip, metric]) => `${vip} ${metric}`)
    .sort()
    .join();
}
