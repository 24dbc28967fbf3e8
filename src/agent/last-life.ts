/**
 * What an agent leaves behind for the next one, in case it is killed: which routers were Full on which interface, and what
 * its health checks had found. Pure: text in, answers out; where the text is kept is `life-keeper.ts`'s.
 *
 * All of it is true of one moment, `aliveAt`. Within their dead interval the routers still believe in the adjacency, and
 * within the time that a check needs to find a server down its last verdict is as good as a running agent's. So each
 * question comes with the age up to which the answer is of use; after that, and after a reboot, nothing is known.
 */
import { formatIpv4, type Ipv4, parseIpv4 } from '../core/base/ipv4.ts';
import type { Millis } from '../core/base/machine.ts';
import type { Verdict } from '../core/health/rise-fall.ts';

/** A router that was Full. */
export interface FullNeighbor {
  readonly instance: string;
  readonly interface: string;
  readonly routerId: Ipv4;
}

/** What is worth knowing of a life. */
export interface LifeFacts {
  readonly full: readonly FullNeighbor[];
  /** By the target's key; only what was not unknown. */
  readonly verdicts: Readonly<Record<string, 'up' | 'down'>>;
}

export interface Life extends LifeFacts {
  readonly bootId: string;
  /** Ours: to another router id no neighbor was Full. */
  readonly routerId: Ipv4;
  /** Milliseconds since that boot. */
  readonly aliveAt: Millis;
}

const VERSION = 1;

/** JSON, on one line. */
export function encodeLife({ bootId, routerId, aliveAt, full, verdicts }: Life): string {
  const neighbors = full.map((one) => ({ ...one, routerId: formatIpv4(one.routerId) }));
  const life = { version: VERSION, bootId, routerId: formatIpv4(routerId), aliveAt: Math.round(aliveAt) };
  return `${JSON.stringify({ ...life, full: neighbors, verdicts })}\n`;
}

/** The life, or what is wrong with the text. Never throws. */
export function decodeLife(text: string): Life | { readonly fault: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: 'not JSON' };
  }
  if (!isRecord(value)) return { fault: 'not a JSON object' };
  if (value['version'] !== VERSION) return { fault: `version ${String(value['version'])}, not ${VERSION}` };
  const { bootId, aliveAt, full, verdicts } = value;
  const routerId = addressOf(value['routerId']);
  if (typeof bootId !== 'string') return { fault: 'no bootId' };
  if (routerId === undefined) return { fault: 'no routerId' };
  if (typeof aliveAt !== 'number') return { fault: 'no aliveAt' };
  const neighbors = Array.isArray(full) ? full.map(neighborOf) : [undefined];
  if (!neighbors.every((one) => one !== undefined)) return { fault: 'full is not a list of neighbors' };
  if (!isVerdicts(verdicts)) return { fault: 'verdicts are not up or down' };
  return { bootId, routerId, aliveAt, full: neighbors, verdicts };
}

export interface Present {
  readonly bootId: string;
  readonly routerId: Ipv4;
  /** Milliseconds since boot. */
  now(): Millis;
}

export class LastLife {
  readonly #life: Life | undefined;
  readonly #present: Present;

  /** `life`: as found; it counts only if it was of this boot and under this router id. */
  constructor(life: Life | undefined, present: Present) {
    const same = life?.bootId === present.bootId && life.routerId === present.routerId && life.aliveAt <= present.now();
    this.#life = same ? life : undefined;
    this.#present = present;
  }

  /** Since it was last known to be alive; undefined when nothing is known of it. */
  get age(): Millis | undefined {
    return this.#life === undefined ? undefined : this.#present.now() - this.#life.aliveAt;
  }

  /** Router ids that were Full on the interface. `within`: the dead interval. */
  fullOn(instance: string, name: string, within: Millis): readonly Ipv4[] {
    const full = this.#within(within)?.full ?? [];
    return full.filter((one) => one.instance === instance && one.interface === name).map(({ routerId }) => routerId);
  }

  /** What was last found about a target. `within`: how long a check needs to find a server down. */
  verdict(key: string, within: Millis): Verdict {
    const verdicts = this.#within(within)?.verdicts ?? {};
    return Object.hasOwn(verdicts, key) ? (verdicts[key] ?? 'unknown') : 'unknown';
  }

  #within(limit: Millis): Life | undefined {
    const { age } = this;
    return age !== undefined && age < limit ? this.#life : undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function addressOf(value: unknown): Ipv4 | undefined {
  return typeof value === 'string' ? parseIpv4(value) : undefined;
}

function neighborOf(value: unknown): FullNeighbor | undefined {
  if (!isRecord(value)) return undefined;
  const { instance, interface: name } = value;
  const routerId = addressOf(value['routerId']);
  if (typeof instance !== 'string' || typeof name !== 'string' || routerId === undefined) return undefined;
  return { instance, interface: name, routerId };
}

function isVerdicts(value: unknown): value is Record<string, 'up' | 'down'> {
  return isRecord(value) && Object.values(value).every((verdict) => verdict === 'up' || verdict === 'down');
}
