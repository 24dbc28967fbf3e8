/**
 * What an agent leaves behind for the next one, should it be killed or end for a restart: which routers were Full on which
 * interface and who was designated there, which prefixes it announced, and what its health checks had found. Pure: text in,
 * answers out; where the text is kept is `keepers/life-keeper.ts`'s.
 *
 * All of it is true of one moment, `aliveAt`. Within their dead interval the routers still believe in the adjacency, after a
 * planned restart they do until its grace period is over (RFC 3623), and within the time that a check needs to find a server
 * down its last verdict is as good as a running agent's. So each question comes with the age up to which the answer is of
 * use; after that, and after a reboot, nothing is known.
 */
import { formatIpv4, formatPrefix, type Ipv4, type Prefix, parseIpv4, parsePrefix } from '../../core/base/ipv4.ts';
import type { Instant, Millis } from '../../core/base/machine.ts';
import type { Verdict } from '../../core/health/rise-fall.ts';
import { INITIAL_SEQUENCE } from '../../core/ospf/codes.ts';
import type { EarlierInterface, EarlierLife } from '../../core/ospf/events.ts';

/** A router that was Full, and who was designated on that link (interface addresses; 0 for nobody). */
export interface FullNeighbor {
  readonly instance: string;
  readonly interface: string;
  readonly routerId: Ipv4;
  readonly designatedRouter: Ipv4;
  readonly backupDesignatedRouter: Ipv4;
}

/** A prefix that an instance announced. */
export interface AnnouncedBefore {
  readonly instance: string;
  readonly prefix: Prefix;
}

/** What is worth knowing of a life. */
export interface LifeFacts {
  readonly full: readonly FullNeighbor[];
  readonly announced: readonly AnnouncedBefore[];
  /** By the target's key; only what was not unknown. */
  readonly verdicts: Readonly<Record<string, 'up' | 'down'>>;
}

export interface Life extends LifeFacts {
  readonly bootId: string;
  /** Ours: to another router id no neighbor was Full. */
  readonly routerId: Ipv4;
  /** Milliseconds since that boot. */
  readonly aliveAt: Millis;
  /** It ended on purpose, and asked the routers to wait until then; milliseconds since that boot. */
  readonly graceUntil: Millis | undefined;
}

const VERSION = 2;

/** JSON, on one line. */
export function encodeLife({ bootId, routerId, aliveAt, graceUntil, full, announced, verdicts }: Life): string {
  const life = { version: VERSION, bootId, routerId: formatIpv4(routerId), aliveAt: Math.round(aliveAt) };
  const grace = graceUntil === undefined ? {} : { graceUntil: Math.round(graceUntil) };
  const neighbors = full.map((one) => ({
    ...one,
    routerId: formatIpv4(one.routerId),
    designatedRouter: formatIpv4(one.designatedRouter),
    backupDesignatedRouter: formatIpv4(one.backupDesignatedRouter),
  }));
  const prefixes = announced.map(({ instance, prefix }) => ({ instance, prefix: formatPrefix(prefix) }));
  return `${JSON.stringify({ ...life, ...grace, full: neighbors, announced: prefixes, verdicts })}\n`;
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
  const { bootId, aliveAt, graceUntil, verdicts } = value;
  const routerId = addressOf(value['routerId']);
  if (typeof bootId !== 'string') return { fault: 'no bootId' };
  if (routerId === undefined) return { fault: 'no routerId' };
  if (typeof aliveAt !== 'number') return { fault: 'no aliveAt' };
  if (graceUntil !== undefined && typeof graceUntil !== 'number') return { fault: 'graceUntil is not a number' };
  const full = listOf(value['full'], neighborOf);
  if (full === undefined) return { fault: 'full is not a list of neighbors' };
  const announced = listOf(value['announced'], announcedOf);
  if (announced === undefined) return { fault: 'announced is not a list of prefixes' };
  if (!isVerdicts(verdicts)) return { fault: 'verdicts are not up or down' };
  return { bootId, routerId, aliveAt, graceUntil, full, announced, verdicts };
}

export interface Present {
  readonly bootId: string;
  readonly routerId: Ipv4;
  /** Milliseconds since boot. */
  now(): Millis;
}

/** On what terms a life is continued. */
export interface Continuation {
  /** By the clock that the answer's instants are of. */
  readonly now: Instant;
  dead(interfaceName: string): Millis;
  /** How long it may take until all is announced again. */
  readonly announceWithin: Millis;
  /** For how long the neighbors of a killed agent are asked to wait. */
  readonly grace: Millis;
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

  /** What of an instance the neighbors believe to be there still; undefined when nothing is. */
  earlier(instance: string, { now, dead, announceWithin, grace }: Continuation): EarlierLife | undefined {
    const [life, age] = [this.#life, this.age];
    if (life === undefined || age === undefined) return undefined;
    const graceLeft = life.graceUntil === undefined ? 0 : life.graceUntil - this.#present.now();
    const planned = graceLeft > 0;
    const full = life.full.filter((one) => one.instance === instance && (planned || age < dead(one.interface)));
    if (full.length === 0) return undefined;
    return {
      planned,
      until: now + (planned ? graceLeft : grace),
      announceBy: now + announceWithin,
      expected: life.announced.flatMap((one) => (one.instance === instance ? [one.prefix] : [])),
      interfaces: interfacesOf(full),
      sequence: graceSequence(this.#present.now()),
    };
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

/** Grows with the time since boot, so that a later life has the greater number and none has to be kept. */
export function graceSequence(sinceBoot: Millis): number {
  return INITIAL_SEQUENCE + Math.floor(sinceBoot / 1000);
}

function interfacesOf(full: readonly FullNeighbor[]): EarlierInterface[] {
  return [...new Set(full.map((one) => one.interface))].map((name) => {
    const rows = full.filter((one) => one.interface === name);
    const { designatedRouter, backupDesignatedRouter } = rows[0]!;
    return {
      interface: name,
      routerIds: rows.map(({ routerId }) => routerId),
      designatedRouter,
      backupDesignatedRouter,
    };
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function addressOf(value: unknown): Ipv4 | undefined {
  return typeof value === 'string' ? parseIpv4(value) : undefined;
}

function listOf<T>(value: unknown, read: (one: unknown) => T | undefined): T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const all = value.map(read);
  return all.every((one) => one !== undefined) ? all : undefined;
}

function neighborOf(value: unknown): FullNeighbor | undefined {
  if (!isRecord(value)) return undefined;
  const { instance, interface: name } = value;
  const routerId = addressOf(value['routerId']);
  const designatedRouter = addressOf(value['designatedRouter']);
  const backupDesignatedRouter = addressOf(value['backupDesignatedRouter']);
  if (typeof instance !== 'string' || typeof name !== 'string') return undefined;
  if (routerId === undefined || designatedRouter === undefined || backupDesignatedRouter === undefined)
    return undefined;
  return { instance, interface: name, routerId, designatedRouter, backupDesignatedRouter };
}

function announcedOf(value: unknown): AnnouncedBefore | undefined {
  if (!isRecord(value)) return undefined;
  const { instance, prefix: text } = value;
  const prefix = typeof text === 'string' ? parsePrefix(text) : undefined;
  return typeof instance === 'string' && prefix !== undefined ? { instance, prefix } : undefined;
}

function isVerdicts(value: unknown): value is Record<string, 'up' | 'down'> {
  return isRecord(value) && Object.values(value).every((verdict) => verdict === 'up' || verdict === 'down');
}
