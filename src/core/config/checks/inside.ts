/**
 * Checks of inside addresses: each is one director's and nothing else, and every director has one or none has. In and out as in
 * `checks/cross.ts`.
 */
import { formatIpv4 } from '../../base/ipv4.ts';
import type { ClusterFile } from '../schema.ts';
import { addressesInUse } from '../service-addresses.ts';
import { type Complaint, entries, type Sound } from '../sound.ts';

type File = Sound<ClusterFile>;

export function* insideChecks(file: File): Iterable<Complaint> {
  yield* missing(file);
  yield* owners(file);
}

/** Nobody could stand in for a director without one, and it would stand in for others all the same. */
function* missing(file: File): Iterable<Complaint> {
  const directors = entries(file.directors);
  const first = directors.find(([, director]) => 'inside' in director);
  if (first === undefined) return;
  for (const [name, director] of directors) {
    if ('inside' in director) continue;
    const message = `no inside address, and director ${first[0]} has one`;
    yield { path: ['directors', name], part: 'key', message, hint: 'add inside: ADDRESS' };
  }
}

/**
 * An address that moves to another host cannot be one that the director speaks from: what came from it would be taken for
 * a packet of that host's own, and dropped.
 */
function* owners(file: File): Iterable<Complaint> {
  const holders = addressesInUse(file);
  for (const [name, { routerId, handOver, sync }] of entries(file.directors)) {
    if (routerId !== undefined) holders.claim(routerId, `the router id of director ${name}`);
    if (handOver !== undefined) holders.claim(handOver, `the address at which answers are handed over to ${name}`);
    if (sync?.address !== undefined) holders.claim(sync.address, `where director ${name} takes connections`);
  }
  for (const [name, { inside }] of entries(file.directors)) {
    if (inside === undefined) continue;
    const other = holders.claim(inside, `that of director ${name}`);
    if (other === undefined) continue;
    const message = `${formatIpv4(inside)} is ${other}`;
    const hint = 'it moves to another director when this one dies, so it is for that alone';
    yield { path: ['directors', name, 'inside'], part: 'value', message, hint };
  }
}
