/**
 * Which keys count now. In: the key rings of the interfaces, and the time of day, by which people agree on lifetimes. Out: the
 * keys in force, news when they change, and a loud word when no key is valid and one is used all the same.
 *
 * The time of day may be set at any moment, so it is looked at again now and then, not only when a lifetime ends.
 */
import type { Instant, Millis } from '../../core/base/machine.ts';
import type { KeyRing, KeysInForce, UnixMillis } from '../../core/model/keys.ts';
import { keysAt, nextKeyChange } from '../../core/ospf/authentication/key-ring.ts';
import type { Clock } from '../../io/clock.ts';
import type { EventLog } from '../events.ts';

export interface KeyKeeperOptions {
  readonly clock: Clock;
  readonly timeOfDay: () => UnixMillis;
  readonly events: EventLog;
  /** Other keys may be in force than before. */
  onChange(): void;
}

/** An interface of a routing instance with its keys. */
export interface InterfaceKeys {
  readonly instance: string;
  readonly interface: string;
  readonly ring: KeyRing;
}

const LOOK_AGAIN: Millis = 60_000;
const COMPLAIN_AGAIN: Millis = 600_000;

interface Kept extends InterfaceKeys {
  inForce: KeysInForce;
  /** When that no key is valid was last said. */
  complainedAt: Instant;
}

export class KeyKeeper {
  readonly #options: KeyKeeperOptions;
  #kept = new Map<string, Kept>();
  #cancel: (() => void) | undefined;

  constructor(options: KeyKeeperOptions) {
    this.#options = options;
  }

  /** The rings of all interfaces that have some. */
  configure(rings: readonly InterfaceKeys[]): void {
    const before = this.#kept;
    this.#kept = new Map(
      rings.map((one) => {
        const key = keyOf(one.instance, one.interface);
        const old = before.get(key);
        const inForce = old?.inForce ?? keysAt(one.ring, this.#options.timeOfDay());
        return [key, { ...one, inForce, complainedAt: old?.complainedAt ?? Number.NEGATIVE_INFINITY }];
      }),
    );
    this.#review();
  }

  /** The keys that count on an interface now; undefined when it has none. */
  inForce(instance: string, interfaceName: string): KeysInForce | undefined {
    return this.#kept.get(keyOf(instance, interfaceName))?.inForce;
  }

  stop(): void {
    this.#cancel?.();
  }

  #review(): void {
    const now = this.#options.timeOfDay();
    for (const kept of this.#kept.values()) this.#reviewOne(kept, now);
    this.#sleep(now);
    this.#options.onChange();
  }

  #reviewOne(kept: Kept, now: UnixMillis): void {
    const { clock, events } = this.#options;
    const about = { instance: kept.instance, interface: kept.interface };
    const from = kept.inForce.send?.id;
    kept.inForce = keysAt(kept.ring, now);
    const to = kept.inForce.send?.id;
    if (from !== to) events.emit('key-changed', { ...about, from, to });
    if (kept.inForce.standing === 'valid') kept.complainedAt = Number.NEGATIVE_INFINITY;
    else if (clock.now() >= kept.complainedAt + COMPLAIN_AGAIN) {
      kept.complainedAt = clock.now();
      events.emit('keys-fault', { ...about, message: complaint(kept.inForce) });
    }
  }

  #sleep(now: UnixMillis): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#kept.size === 0) return;
    const changes = [...this.#kept.values()].map(({ ring }) => nextKeyChange(ring, now) ?? Number.POSITIVE_INFINITY);
    const delay = Math.min(LOOK_AGAIN, ...changes.map((at) => at - now));
    this.#cancel = this.#options.clock.after(delay, () => this.#review());
  }
}

function keyOf(instance: string, interfaceName: string): string {
  return `${instance} ${interfaceName}`;
}

function complaint({ send, standing }: KeysInForce): string {
  return standing === 'expired'
    ? `every key has expired; key ${send?.id} is used on, until the file has a valid one`
    : `no key is valid yet; key ${send?.id}, the next, is used already`;
}
