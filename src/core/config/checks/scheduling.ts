/**
 * Checks of how connections are known, spread and kept: ports or a mark, schedulers, timeouts. In and out as in
 * `checks/cross.ts`.
 */
import { MAX_TURNS, turnsOf } from '../../model/scheduler.ts';
import { TIMEOUT_STATES } from '../../model/timeouts.ts';
import type { ClusterFile } from '../schema.ts';
import { type Complaint, entries, Firsts, type Sound } from '../sound.ts';

type File = Sound<ClusterFile>;
type Service = NonNullable<NonNullable<File['services']>[string]>;

export function* schedulingChecks(file: File): Iterable<Complaint> {
  const marks = new Firsts<number>();
  for (const [name, service] of entries(file.services)) {
    const path = ['services', name];
    if ('fwmark' in service) yield* markChecks(path, name, service, marks);
    else if (!('ports' in service)) yield { path: [...path, 'ports'], part: 'key', message: 'missing' };
    yield* schedulerChecks(path, service);
    yield* stateChecks(path, service);
  }
}

/** A mark stands in place of ports and protocol; what they would have said has to be said, or cannot be asked for. */
function* markChecks(
  path: readonly string[],
  name: string,
  service: Service,
  marks: Firsts<number>,
): Iterable<Complaint> {
  for (const key of ['ports', 'protocol'] as const) {
    if (!(key in service)) continue;
    const hint = 'the rules that set the mark say which packets are meant';
    yield { path: [...path, key], part: 'key', message: 'a service known by its fwmark has none', hint };
  }
  const { fwmark, health } = service;
  if (fwmark !== undefined) {
    const other = marks.claim(fwmark, name);
    const at = { path: [...path, 'fwmark'], part: 'value' } as const;
    if (other !== undefined) yield { ...at, message: `service ${other} has the fwmark ${fwmark} already` };
  }
  const wanting = { part: 'key', message: 'which port is checked is not known', hint: 'add port: N' } as const;
  if (!('health' in service)) {
    yield { ...wanting, path, hint: 'add health: { port: N } or health: none' };
  } else if (health !== undefined && !('port' in health)) {
    yield { ...wanting, path: [...path, 'health'] };
  }
}

function* schedulerChecks(path: readonly string[], { scheduler, servers }: Service): Iterable<Complaint> {
  const name = scheduler?.name;
  if (scheduler === undefined || name === undefined || name === 'mh') return;
  for (const key of ['slots', 'sourcePort'] as const) {
    if (scheduler[key] === undefined) continue;
    yield { path: [...path, 'scheduler', key], part: 'key', message: `${name} hashes nothing`, hint: 'mh has this' };
  }
  const weights = entries(servers).flatMap(([, { weight }]) => (weight === undefined ? [] : [weight]));
  if (name === 'wrr') {
    const turns = turnsOf(weights);
    if (turns <= MAX_TURNS) return;
    const message = `these weights make a round of ${turns} turns; wrr has at most ${MAX_TURNS}`;
    yield { path: [...path, 'servers'], part: 'key', message, hint: 'smaller weights, or such with a common factor' };
  } else if (weights.some((weight) => weight !== 1)) {
    const message = 'rr takes no account of weights, and these servers have some';
    yield { path: [...path, 'scheduler'], part: 'value', message, hint: 'use wrr, or remove the weights' };
  }
}

/** States of the other protocol are never met. */
function* stateChecks(path: readonly string[], service: Service): Iterable<Complaint> {
  if ('fwmark' in service || ('protocol' in service && service.protocol === undefined)) return;
  const protocol = service.protocol ?? 'tcp';
  const known: readonly string[] = TIMEOUT_STATES[protocol];
  for (const [state] of entries(service.timeouts)) {
    if (known.includes(state)) continue;
    const message = `${protocol} has no such state`;
    yield { path: [...path, 'timeouts', state], part: 'key', message, hint: `it has ${known.join(', ')}` };
  }
}
