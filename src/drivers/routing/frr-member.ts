/**
 * A routing instance in the FRR of this host, and what it is to have there now: what it wishes, with two exceptions. What an
 * earlier agent has left stays for a while; and a prefix that was changed a moment ago is not changed again, because routers
 * take no second instance of an LSA within a second.
 *
 * In: the instance's wish, what FRR's configuration had at the first look, when something was sent. Pure but for asking the
 * instance; frr-daemon.ts drives it.
 */
import { formatPrefix, type Ipv4 } from '../../core/base/ipv4.ts';
import type { Instant, Millis } from '../../core/base/machine.ts';
import type { FrrPrefix } from '../../core/frr/instance.ts';
import { asAnnounced } from '../../core/frr/wish.ts';
import type { FrrSettings } from '../../core/model/routing.ts';

/** A routing instance, to the daemon. */
export interface FrrClient {
  readonly name: string;
  /** `''` for `router ospf`, `1` for `router ospf 1`. */
  readonly process: string;
  readonly area: Ipv4;
  /** What it wishes to be announced. */
  wished(): readonly FrrPrefix[];
  /** How long what an earlier agent left may stay without being wished. */
  readonly keepInherited: Millis;
  /** Everything has been looked at again. Returns whether all is as it wishes. */
  looked(): boolean;
  /** For the event log. */
  tell(message: string): void;
}

/** By prefix. */
export type FrrWish = ReadonlyMap<string, FrrPrefix>;

/** Routers take no second instance of an LSA within a second, and FRR repeats it only five seconds later. */
const FLOOR: Millis = 1100;

interface Sent {
  readonly prefix: FrrPrefix;
  readonly at: Instant;
}

export class FrrMember {
  readonly client: FrrClient;
  /** As last put into the configuration, by prefix. */
  #sent: ReadonlyMap<string, Sent> = new Map();
  /** When those that were taken out last were. */
  readonly #gone = new Map<string, Instant>();
  /** Left by an earlier agent, and not wished yet; undefined until the configuration has been read. */
  #inherited: Map<string, FrrPrefix> | undefined;
  readonly #inheritedUntil: Instant;

  constructor(client: FrrClient, now: Instant) {
    this.client = client;
    this.#inheritedUntil = now + client.keepInherited;
  }

  get hasInherited(): boolean {
    return this.#inherited !== undefined;
  }

  /** At the first look: what an earlier agent has left counts as wished for a while. */
  inherit(found: readonly FrrPrefix[]): void {
    this.#inherited = new Map(found.map((one) => [formatPrefix(one.prefix), one]));
  }

  /** Prefixes of an earlier agent that stay for a while though nobody wishes them. */
  inherited(now: Instant): { readonly prefixes: number; readonly left: Millis } {
    const left = Math.max(0, this.#inheritedUntil - now);
    return { prefixes: left === 0 ? 0 : (this.#inherited?.size ?? 0), left };
  }

  /** What the instance is to have now; `due`: when something of it that has to wait may be changed. */
  wish(announce: FrrSettings['announce'], now: Instant): { readonly wish: FrrWish; readonly due: Instant | undefined } {
    const wished = new Map(this.client.wished().map((one) => [formatPrefix(one.prefix), asAnnounced(one, announce)]));
    const inherited = this.#stillInherited(wished, now);
    let due = inherited.size > 0 ? this.#inheritedUntil : undefined;
    const wait = (at: Instant) => {
      if (now - at >= FLOOR) return false;
      due = earliest(due, at + FLOOR);
      return true;
    };
    const wish = new Map<string, FrrPrefix>([...inherited, ...wished]);
    for (const [text, { prefix, at }] of this.#sent) {
      const next = wish.get(text);
      if ((next === undefined || !sameForm(next, prefix)) && wait(at)) wish.set(text, prefix);
    }
    for (const [text, at] of this.#gone) {
      if (!wait(at)) this.#gone.delete(text);
      else if (!this.#sent.has(text)) wish.delete(text);
    }
    return { wish, due };
  }

  #stillInherited(wished: FrrWish, now: Instant): FrrWish {
    for (const text of wished.keys()) this.#inherited?.delete(text);
    if (now >= this.#inheritedUntil) this.#inherited?.clear();
    return this.#inherited ?? new Map();
  }

  /** The configuration has this now. */
  noteSent(wish: FrrWish, now: Instant): void {
    const before = this.#sent;
    for (const text of before.keys()) if (!wish.has(text)) this.#gone.set(text, now);
    this.#sent = new Map(
      [...wish].map(([text, prefix]): [string, Sent] => {
        const old = before.get(text);
        return [text, old !== undefined && sameForm(old.prefix, prefix) ? old : { prefix, at: now }];
      }),
    );
  }
}

export function earliest(a: Instant | undefined, b: Instant): Instant {
  return a === undefined ? b : Math.min(a, b);
}

function sameForm(a: FrrPrefix, b: FrrPrefix): boolean {
  return a.metric === b.metric && JSON.stringify(formOf(a)) === JSON.stringify(formOf(b));
}

/** What becomes of types 5 and 7 alike is FRR's affair. */
function formOf({ lsa }: FrrPrefix): readonly (number | string)[] {
  return lsa.kind === 'stub' ? [lsa.kind] : [lsa.metricType, lsa.tag];
}
