/**
 * Checks of FullNAT: the addresses that it needs, and the VIPs that cannot do without it. In and out as in `checks/cross.ts`.
 */
import { formatIpv4, type Ipv4 } from '../../base/ipv4.ts';
import type { ClusterFile } from '../schema.ts';
import { type Complaint, entries, items, type Sound } from '../sound.ts';

type File = Sound<ClusterFile>;

/** 63 port blocks each, and a last survivor has all of them: more than there are slots by which flows find a block. */
const MAX_ADDRESSES = 1000;

export function* fullnatChecks(file: File): Iterable<Complaint> {
  yield* sources(file);
  yield* sourceCounts(file);
  yield* insideForwards(file);
  yield* insideVips(file);
  yield* insideAnnouncers(file);
}

/** Without a source address of its own a director would drop every connection of the service. */
function* sources(file: File): Iterable<Complaint> {
  if (file.local === undefined || file.local.shared !== undefined) return;
  const without = entries(file.directors).flatMap(([name, { local }]) => (local === undefined ? [name] : []));
  if (without.length === 0) return;
  for (const [service, { forward }] of entries(file.services)) {
    if (!isFullnat(forward)) continue;
    const some = without.length === 1 ? `director ${without[0]} has` : `directors ${without.join(', ')} have`;
    const message = `fullnat needs a source address on every director, and ${some} none`;
    const hint = 'add local: [ADDRESS] to each, or local: { shared: [ADDRESS] } to the file';
    yield { path: ['services', service, 'forward'], part: 'value', message, hint };
  }
}

function* sourceCounts(file: File): Iterable<Complaint> {
  const own = entries(file.directors).map(([, { local }]) => items(local).length);
  const count = own.reduce((sum, one) => sum + one, items(file.local?.shared).length);
  if (count <= MAX_ADDRESSES) return;
  const message = `the file has ${count} local addresses; it may have ${MAX_ADDRESSES}`;
  yield { path: items(file.local?.shared).length > 0 ? ['local', 'shared'] : ['directors'], part: 'key', message };
}

function isFullnat(forward: string | undefined): boolean {
  return forward === 'fullnat';
}

/** The server would see a client of its own network, and answer past the director, from an address that the client never asked. */
function* insideForwards(file: File): Iterable<Complaint> {
  for (const [name, { inside, forward }] of entries(file.services)) {
    if (inside !== true || forward === undefined || isFullnat(forward)) continue;
    const message = `with forward: ${forward} the servers answer clients on their own side directly, which take no such answer`;
    yield { path: ['services', name, 'inside'], part: 'key', message, hint: 'use forward: fullnat' };
  }
}

/** One VIP is one prefix, announced on one side. */
function* insideVips(file: File): Iterable<Complaint> {
  const first = new Map<Ipv4, { readonly name: string; readonly inside: boolean }>();
  for (const [name, { inside, vip: vips }] of entries(file.services)) {
    if (inside === undefined) continue;
    for (const vip of new Set(items(vips).map(([, address]) => address))) {
      const other = first.get(vip);
      if (other === undefined) first.set(vip, { name, inside });
      else if (other.inside !== inside) {
        const message = `${formatIpv4(vip)} is ${other.inside ? 'inside' : 'outside'} in service ${other.name}, and ${inside ? 'inside' : 'outside'} here`;
        yield { path: ['services', name, 'inside'], part: 'value', message, hint: 'a VIP is announced on one side' };
      }
    }
  }
}

/** VIPs inside are announced where the directors' own addresses are. */
function* insideAnnouncers(file: File): Iterable<Complaint> {
  const instances = entries(file.routing?.instances);
  const mayAnnounce = instances.some(
    ([, { announce }]) => announce === undefined || announce.includes(undefined) || announce.includes('local'),
  );
  if (instances.length === 0 || mayAnnounce) return;
  for (const [name, { inside }] of entries(file.services)) {
    if (inside !== true) continue;
    const hint = 'add local to the announce of the instance on the servers’ side';
    yield { path: ['services', name, 'inside'], part: 'key', message: 'no instance announces local', hint };
  }
}
