/**
 * What becomes of the connections and slots of each real server when it is drained, leaves the file, dies and comes back.
 *
 * In: looks at all services with their servers (who is up, how many connections each has), and what the operator asks. Out:
 * for the data plane the standing of each server, also of those that have left the file and drain; and wishes: connections
 * to be deleted, steps to be told of.
 *
 *   serving -> draining   asked for, or it has left the file: its slots move, its connections live on
 *   draining -> ending    the deadline has passed: both ends of what is left hear RST when they send (TCP)
 *   draining, ending -> drained   nothing is left; what remains of entries is deleted, so that the next packet of a client
 *                         that was idle meets another server, and a UDP flow moves
 *   any -> serving        taken back; a drained one that has left the file is forgotten instead
 *
 * A server that dies is `cut` while another one is up: its connections end the same way, at once. While none is up they are
 * left alone: every verdict being wrong is likelier than every server being dead (see `src/core/hash/service-table.ts`). One that comes
 * back has its slots back in tenths.
 *
 * Not here: who is up (src/core/health), how it is done (src/core/dataplane).
 */
import type { Ipv4 } from '../base/ipv4.ts';
import type { Instant, Machine, Millis } from '../base/machine.ts';
import type { ServerChanges } from '../model/cluster.ts';
import type { ServerState } from '../model/dataplane.ts';
import type { Protocol } from '../model/protocol.ts';

export type ServerPhase = 'serving' | 'draining' | 'ending' | 'drained';

export interface ServerFacts {
  readonly name: string;
  readonly address: Ipv4;
  readonly weight: number;
  readonly limit?: number | undefined;
  readonly isUp: boolean;
}

export interface ServiceFacts {
  readonly name: string;
  readonly protocol: Protocol;
  /**
   * What holds a client to a server: connections that are tracked; with direct routing flows of which nothing is known, or
   * nothing but the slots.
   */
  readonly keeps: 'connections' | 'flows' | 'nothing';
  readonly changes: ServerChanges;
  /** Of the file. */
  readonly servers: readonly ServerFacts[];
  /** Active connections by address, of those that have any; undefined while they are not known. */
  readonly connections: ReadonlyMap<Ipv4, number> | undefined;
}

/** By their names in the file. */
export interface ServerName {
  readonly service: string;
  readonly server: string;
}

export type ServersInput =
  /** All services, as they are now. Also the answer to a deadline. */
  | { readonly kind: 'look'; readonly services: readonly ServiceFacts[] }
  /** `within`: in place of the service's own time. */
  | ({ readonly kind: 'drain'; readonly within?: Millis | undefined } & ServerName)
  | ({ readonly kind: 'undrain' } & ServerName);

export type ServersEffect =
  | ({
      readonly kind: 'step';
      readonly from: ServerPhase;
      readonly to: ServerPhase | 'forgotten';
      readonly reason: string;
    } & ServerName)
  | { readonly kind: 'deleteConnections'; readonly service: string; readonly address: Ipv4 };

export interface Standing {
  readonly name: string;
  readonly address: Ipv4;
  /** 0: it has left the file. */
  readonly weight: number;
  readonly limit: number | undefined;
  readonly phase: ServerPhase;
  readonly state: ServerState;
  readonly isUp: boolean;
  /** Both ends of its connections hear RST; flows of direct routing are not held any more. */
  readonly ended: boolean;
  /** How many tenths of its slots it has; undefined = all. */
  readonly tenths: number | undefined;
  /** When the phase ends at the latest; undefined = by nothing but a command. */
  readonly until: Instant | undefined;
}

/** Both ends have so long to hear that it is over. A server that sends nothing in this time learns it from its own timers. */
const LINGER: Millis = 5000;
/** Until a moved slot is in the data plane, and the last handshake on the old way is through, nothing counts as empty. */
const SETTLE: Millis = 2000;
/** How often the connections of a draining server are looked at. */
const EVERY: Millis = 1000;
const TENTHS = 10;

interface Life {
  readonly service: string;
  /** Of the last look that had it. */
  facts: ServerFacts;
  isGone: boolean;
  phase: ServerPhase;
  /** When the phase began, and when it ends at the latest. */
  since: Instant;
  until: Instant | undefined;
  /** It came back then, and may not have all of its slots yet. */
  back: Instant | undefined;
  /** It is dead since then, and its connections are ended. */
  cut: Instant | undefined;
  /** What was left when it was cut is deleted. */
  isCleared: boolean;
}

interface Step {
  readonly to: ServerPhase;
  readonly reason: string;
  /** Until when, if not for good. */
  readonly until?: Instant;
  readonly clears?: boolean;
}

interface Situation {
  readonly life: Life;
  readonly service: ServiceFacts;
  /** Is it to take no new connections? Why. */
  readonly away: string | undefined;
  /** How long its connections may go on. */
  readonly within: Millis;
  readonly now: Instant;
}

const takenBack = { to: 'serving', reason: 'taken back' } as const;
const isDue = ({ life, now }: Situation): boolean => life.until !== undefined && now >= life.until;

function isEmpty({ life, service, now }: Situation): boolean {
  if (now < life.since + SETTLE) return false;
  if (service.keeps === 'nothing') return true;
  if (service.keeps === 'flows' || service.connections === undefined) return false;
  return (service.connections.get(life.facts.address) ?? 0) === 0;
}

/** Phase to what follows it now, if anything. */
const NEXT: Readonly<Record<ServerPhase, (situation: Situation) => Step | undefined>> = {
  serving: ({ away, within, now }) =>
    away === undefined ? undefined : { to: 'draining', reason: away, until: now + within },
  draining: (situation) => {
    const { away, service, now } = situation;
    if (away === undefined) return takenBack;
    if (isEmpty(situation))
      return { to: 'drained', reason: 'no connections are left', clears: service.keeps === 'connections' };
    if (!isDue(situation)) return undefined;
    const reason = 'the deadline has passed';
    if (service.keeps !== 'connections') return { to: 'drained', reason };
    return service.protocol === 'tcp'
      ? { to: 'ending', reason, until: now + LINGER }
      : { to: 'drained', reason, clears: true };
  },
  ending: (situation) => {
    if (situation.away === undefined) return { ...takenBack, clears: true };
    return isDue(situation) ? { to: 'drained', reason: 'what was left is ended', clears: true } : undefined;
  },
  drained: ({ away }) => (away === undefined ? takenBack : undefined),
};

const nameKey = ({ service, server }: ServerName): string => `${service} ${server}`;

export class ServerLifecycles implements Machine<ServersInput, ServersEffect> {
  /** By service and address. */
  readonly #lives = new Map<string, Map<Ipv4, Life>>();
  /** What the operator has asked for, by name. */
  readonly #asked = new Map<string, ServerName & { readonly within: Millis | undefined }>();
  #services: readonly ServiceFacts[] = [];
  #deadline: Instant | undefined;

  /** `drained`: what the operator asked of an earlier agent. */
  constructor(drained: readonly ServerName[] = []) {
    for (const { service, server } of drained)
      this.#asked.set(nameKey({ service, server }), { service, server, within: undefined });
  }

  get deadline(): Instant | undefined {
    return this.#deadline;
  }

  /** The servers that the operator has asked to be drained, whether the file has them or not. */
  asked(): readonly ServerName[] {
    return [...this.#asked.values()].map(({ service, server }) => ({ service, server }));
  }

  /** The servers of a service in the file's order, then those that have left it; none for a service that was never looked at. */
  standings(service: string, now: Instant): readonly Standing[] {
    const facts = this.#services.find(({ name }) => name === service);
    if (facts === undefined) return [];
    return [...(this.#lives.get(service)?.values() ?? [])].map((life) => standingOf(life, facts, now));
  }

  handle(input: ServersInput, now: Instant): readonly ServersEffect[] {
    if (input.kind === 'look') this.#services = input.services;
    else if (input.kind === 'drain') this.#ask(input, now);
    else this.#asked.delete(nameKey(input));
    const effects = this.#services.flatMap((service) => this.#look(service, now));
    for (const name of this.#lives.keys())
      if (!this.#services.some((one) => one.name === name)) this.#lives.delete(name);
    this.#deadline = this.#nextLook(now);
    return effects;
  }

  /** Asked for again with another time: the new one counts from now on. */
  #ask({ service, server, within }: ServerName & { readonly within?: Millis | undefined }, now: Instant): void {
    this.#asked.set(nameKey({ service, server }), { service, server, within });
    for (const life of this.#lives.get(service)?.values() ?? []) {
      if (life.facts.name === server && life.phase === 'draining' && within !== undefined) life.until = now + within;
    }
  }

  #look(service: ServiceFacts, now: Instant): ServersEffect[] {
    const lives = this.#known(service, now);
    const effects: ServersEffect[] = [];
    for (const [address, life] of lives) {
      effects.push(...this.#advance(service, life, now));
      if (life.isGone && life.phase === 'drained') {
        lives.delete(address);
        effects.push({
          kind: 'step',
          ...nameOf(life),
          from: 'drained',
          to: 'forgotten',
          reason: 'it has left the file',
        });
      }
    }
    for (const life of lives.values()) effects.push(...cutOrNot(service, life, [...lives.values()], now));
    return effects;
  }

  /** Brings what is known of the service's servers up to date, in the file's order. */
  #known(service: ServiceFacts, now: Instant): Map<Ipv4, Life> {
    const before = this.#lives.get(service.name) ?? new Map<Ipv4, Life>();
    const lives = new Map<Ipv4, Life>();
    for (const facts of service.servers) {
      const life = before.get(facts.address) ?? newLife(service.name, facts, now);
      if (facts.isUp && !life.facts.isUp) life.back = now;
      life.facts = facts;
      life.isGone = false;
      lives.set(facts.address, life);
    }
    for (const [address, life] of before) {
      if (lives.has(address)) continue;
      life.isGone = true;
      lives.set(address, life);
    }
    this.#lives.set(service.name, lives);
    return lives;
  }

  #advance(service: ServiceFacts, life: Life, now: Instant): ServersEffect[] {
    const effects: ServersEffect[] = [];
    const asked = this.#asked.get(nameKey(nameOf(life)));
    const away = life.isGone ? 'it has left the file' : asked && 'asked for';
    const within = asked?.within ?? service.changes.drain;
    for (;;) {
      const step = NEXT[life.phase]({ life, service, away, within, now });
      if (step === undefined) return effects;
      effects.push({ kind: 'step', ...nameOf(life), from: life.phase, to: step.to, reason: step.reason });
      if (step.clears === true)
        effects.push({ kind: 'deleteConnections', service: service.name, address: life.facts.address });
      Object.assign(life, { phase: step.to, since: now, until: step.until });
      if (step.to === 'serving') life.back = now;
    }
  }

  #nextLook(now: Instant): Instant | undefined {
    const all = this.#services.flatMap(({ name, changes }) =>
      [...(this.#lives.get(name)?.values() ?? [])].flatMap((life) => deadlinesOf(life, changes, now)),
    );
    return all.length === 0 ? undefined : Math.min(...all);
  }
}

function nameOf({ service, facts }: Life): ServerName {
  return { service, server: facts.name };
}

function newLife(service: string, facts: ServerFacts, now: Instant): Life {
  const none = { until: undefined, back: undefined, cut: undefined };
  return { service, facts, isGone: false, phase: 'serving', since: now, ...none, isCleared: false };
}

/** Is the server dead, so that its connections end? */
function cutOrNot(service: ServiceFacts, life: Life, all: readonly Life[], now: Instant): ServersEffect[] {
  const others = all.some((other) => other !== life && other.phase === 'serving' && !other.isGone && other.facts.isUp);
  const isCut = service.keeps === 'connections' && service.changes.whenDown === 'reset' && !life.facts.isUp && others;
  const deletion: ServersEffect = { kind: 'deleteConnections', service: service.name, address: life.facts.address };
  if (!isCut) {
    const wasCut = life.cut !== undefined;
    life.cut = undefined;
    return wasCut ? [deletion] : [];
  }
  if (life.cut === undefined) Object.assign(life, { cut: now, isCleared: false });
  const lingers = service.protocol === 'tcp' && now < life.cut! + LINGER;
  if (lingers || life.isCleared) return [];
  life.isCleared = true;
  return [deletion];
}

function tenthsOf({ back }: Life, slowStart: Millis, now: Instant): number | undefined {
  if (back === undefined || now >= back + slowStart) return undefined;
  return 1 + Math.floor((TENTHS * (now - back)) / slowStart);
}

function standingOf(life: Life, { changes, keeps }: ServiceFacts, now: Instant): Standing {
  const { facts, phase, isGone, until } = life;
  const { name, address, limit, isUp } = facts;
  const isServing = phase === 'serving';
  return {
    name,
    address,
    weight: isGone ? 0 : facts.weight,
    limit,
    phase,
    state: isServing ? (isUp ? 'up' : 'down') : 'drained',
    isUp,
    // Flows are ended for good: only where they are not held any more do they meet another server.
    ended: phase === 'ending' || life.cut !== undefined || (phase === 'drained' && keeps === 'flows'),
    tenths: isServing && isUp ? tenthsOf(life, changes.slowStart, now) : undefined,
    until,
  };
}

function deadlinesOf(life: Life, { slowStart }: ServerChanges, now: Instant): Instant[] {
  const { phase, until, back, cut, isCleared } = life;
  const all: Instant[] = [];
  if (until !== undefined) all.push(until);
  if (phase === 'draining') all.push(now + EVERY);
  if (cut !== undefined && !isCleared) all.push(cut + LINGER);
  const tenths = tenthsOf(life, slowStart, now);
  if (back !== undefined && tenths !== undefined) all.push(back + (slowStart * tenths) / TENTHS);
  return all;
}
