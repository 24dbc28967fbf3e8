/**
 * Checks of how connections are known, spread and kept: ports or a mark, schedulers, timeouts. In and out as in
 * `checks/cross.ts`.
 */
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

/** Schedulers that take no account of weights, and what to use where there are some. */
const UNWEIGHTED: Readonly<Record<string, string>> = { rr: 'wrr', lc: 'wlc', dh: 'mh' };

/** Those that hash a packet's addresses. */
const HASHES: readonly string[] = ['dh', 'sh', 'lblc', 'lblcr'];

function* schedulerChecks(path: readonly string[], { scheduler, servers }: Service): Iterable<Complaint> {
  const name = scheduler?.name;
  if (scheduler === undefined || name === undefined || name === 'mh') return;
  for (const key of ['slots', 'sourcePort'] as const) {
    if (scheduler[key] === undefined || (name === 'sh' && key === 'sourcePort')) continue;
    const message = HASHES.includes(name) ? `${name} has no choice of this` : `${name} hashes nothing`;
    const hint = key === 'slots' ? 'mh has this' : 'mh and sh have this';
    yield { path: [...path, 'scheduler', key], part: 'key', message, hint };
  }
  const weights = entries(servers).flatMap(([, { weight }]) => (weight === undefined ? [] : [weight]));
  const instead = UNWEIGHTED[name];
  if (instead === undefined || weights.every((weight) => weight === 1)) return;
  const message = `${name} takes no account of weights, and these servers have some`;
  yield { path: [...path, 'scheduler'], part: 'value', message, hint: `use ${instead}, or remove the weights` };
}

function hintOf(states: readonly string[]): string {
  return states.length === 0 ? 'its times are fixed' : `it has ${states.join(', ')}`;
}

/** States of the other protocol are never met. */
function* stateChecks(path: readonly string[], service: Service): Iterable<Complaint> {
  if ('fwmark' in service || ('protocol' in service && service.protocol === undefined)) return;
  const protocol = service.protocol ?? 'tcp';
  // IPVS has fixed times for SCTP, and so has the file.
  const known: readonly string[] = protocol === 'sctp' ? [] : TIMEOUT_STATES[protocol];
  for (const [state] of entries(service.timeouts)) {
    if (known.includes(state)) continue;
    const message = `${protocol} has no such state`;
    yield { path: [...path, 'timeouts', state], part: 'key', message, hint: hintOf(known) };
  }
}
