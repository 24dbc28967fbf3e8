/**
 * Checks of connection sync: keys and addresses come together, addresses are nobody else's, and only what has connections is
 * synced. In and out as in `checks/cross.ts`.
 */
import { formatIpv4, type Ipv4 } from '../../base/ipv4.ts';
import { usualScope } from '../../model/sync-scope.ts';
import type { ClusterFile } from '../schema.ts';
import { addressesInUse } from '../service-addresses.ts';
import { type Complaint, entries, type Sound } from '../sound.ts';

type File = Sound<ClusterFile>;

const NO_KEYS = 'nothing is synced without keys';
const ADD_KEYS = 'add keys: { file: PATH } at the top, or remove it here';

export function* syncChecks(file: File): Iterable<Complaint> {
  // Keys that were refused are keys all the same.
  if ('keys' in file) yield* missing(file);
  else yield* useless(file);
  yield* owners(file);
  yield* withoutConnections(file);
  yield* unlogged(file);
}

function* missing(file: File): Iterable<Complaint> {
  for (const [name, director] of entries(file.directors)) {
    if ('sync' in director) continue;
    const message = 'no address at which it takes the connections of its peers';
    yield { path: ['directors', name], part: 'key', message, hint: 'add sync: ADDRESS' };
  }
}

function* useless(file: File): Iterable<Complaint> {
  const directors = entries(file.directors).filter(([, director]) => 'sync' in director);
  const services = entries(file.services).filter(([, { sync }]) => sync !== undefined && sync !== 'off');
  const paths = [
    ...directors.map(([name]) => ['directors', name, 'sync']),
    ...(file.lifecycle !== undefined && 'syncTimeout' in file.lifecycle ? [['lifecycle', 'syncTimeout']] : []),
    ...services.map(([name]) => ['services', name, 'sync']),
  ];
  for (const path of paths) yield { path, part: 'key', message: NO_KEYS, hint: ADD_KEYS };
}

/** Each is one director's. What a packet to a service, or to an address of ours, means is another matter. */
function* owners(file: File): Iterable<Complaint> {
  const holders = addressesInUse(file);
  for (const [name, other] of handOvers(file)) holders.claim(other, name);
  for (const [name, { sync }] of entries(file.directors)) {
    if (sync?.address === undefined) continue;
    const own = handOverOf(name);
    const other = holders.claim(sync.address, `that of director ${name}`);
    if (other === undefined || other === own) continue;
    const message = `${formatIpv4(sync.address)} is ${other}`;
    yield { path: ['directors', name, 'sync'], part: 'value', message };
  }
}

function handOverOf(name: string): string {
  return `the address at which answers are handed over to director ${name}`;
}

function handOvers(file: File): [string, Ipv4][] {
  return entries(file.directors).flatMap(([name, { handOver }]): [string, Ipv4][] =>
    handOver === undefined ? [] : [[handOverOf(name), handOver]],
  );
}

function* withoutConnections(file: File): Iterable<Complaint> {
  for (const [name, { forward, sync }] of entries(file.services)) {
    if (forward !== 'dr' || sync === undefined || sync === 'off') continue;
    const message = 'not with forward: dr, where no connections are kept';
    const hint = 'each director finds the same server by its hash; remove it';
    yield { path: ['services', name, 'sync'], part: 'value', message, hint };
  }
}

/** The lines are made of what is synced: of other connections there would be none, and nobody would miss them until it matters. */
function* unlogged(file: File): Iterable<Complaint> {
  if (!('mappingLog' in file)) return;
  if (!('keys' in file)) {
    const hint = 'add keys: { file: PATH } at the top, or remove it';
    yield {
      path: ['mappingLog'],
      part: 'key',
      message: 'it is made of connections that are synced: it needs keys',
      hint,
    };
    return;
  }
  for (const [name, { forward, protocol, sync }] of entries(file.services)) {
    if (forward !== 'fullnat' || (sync ?? usualScope(protocol)) !== 'off') continue;
    const message = 'its connections would be missing in mappingLog: forward: fullnat and not synced';
    const hint = 'add sync: established, or remove mappingLog';
    const path = ['services', name, ...(sync === undefined ? [] : ['sync'])];
    yield { path, part: sync === undefined ? 'key' : 'value', message, hint };
  }
}
