/** Checks of SNAT: pools that are nobody else's, prefixes that do not overlap, and who announces them. In and out as in `checks/cross.ts`. */
import { formatIpv4, formatPrefix, type Prefix, prefixContains } from '../../base/ipv4.ts';
import type { ClusterFile } from '../schema.ts';
import { addressesOfServices } from '../service-addresses.ts';
import { type Complaint, entries, items, type Sound } from '../sound.ts';

type File = Sound<ClusterFile>;

/** An address has 63 port blocks, and every director needs one. */
const BLOCKS = 63;
/** A last survivor has all the blocks of a pool, and flows find one by 1,009 or more slots. */
const MAX_POOL = 64;

export function* snatChecks(file: File): Iterable<Complaint> {
  yield* poolAddresses(file);
  yield* poolSizes(file);
  yield* overlaps(file);
  yield* announcers(file);
}

/** A packet to a pool address is an answer to a connection of a server, so nothing else may be found there. */
function* poolAddresses(file: File): Iterable<Complaint> {
  const owners = addressesOfServices(file);
  for (const [name, director] of entries(file.directors)) {
    for (const [, address] of items(director.local)) owners.claim(address, `a local address of director ${name}`);
  }
  for (const [, address] of items(file.local?.shared)) owners.claim(address, 'a shared local address');
  for (const [name, { pool }] of entries(file.snat)) {
    for (const [index, address] of items(pool)) {
      const other = owners.claim(address, `in the pool of ${name} already`);
      if (other === undefined) continue;
      const path = ['snat', name, 'pool', index];
      yield { path, part: 'value', message: `${formatIpv4(address)} is ${other}` };
    }
  }
}

function* poolSizes(file: File): Iterable<Complaint> {
  const directors = Object.keys(file.directors ?? {}).length;
  for (const [name, { pool }] of entries(file.snat)) {
    const path = ['snat', name, 'pool'];
    const size = pool?.length ?? 0;
    if (size > MAX_POOL) yield { path, part: 'key', message: `${size} addresses; a pool has at most ${MAX_POOL}` };
    if (size > 0 && directors > size * BLOCKS) {
      const message = `${directors} directors share the ${size * BLOCKS} port blocks of the pool, so that some have none`;
      yield { path, part: 'key', message, hint: 'add addresses' };
    }
  }
}

/** Which pool a packet gets would be a matter of order. */
function* overlaps(file: File): Iterable<Complaint> {
  const before: { readonly name: string; readonly from: Prefix }[] = [];
  for (const [name, { from: read }] of entries(file.snat)) {
    if (read?.address === undefined || read.length === undefined) continue;
    const from = { address: read.address, length: read.length };
    const other = before.find((one) => overlap(one.from, from));
    before.push({ name, from });
    if (other === undefined) continue;
    const message = `${formatPrefix(from)} overlaps ${formatPrefix(other.from)} of ${other.name}`;
    yield { path: ['snat', name, 'from'], part: 'value', message };
  }
}

function overlap(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? prefixContains(a, b.address) : prefixContains(b, a.address);
}

/** The class and the pools are of no use without each other. */
function* announcers(file: File): Iterable<Complaint> {
  const instances = entries(file.routing?.instances);
  const pools = Object.keys(file.snat ?? {});
  if (instances.length === 0) return;
  const isAnnounced = instances.some(([, { announce }]) => mayName(announce));
  for (const name of pools) {
    if (isAnnounced) continue;
    const hint = 'add snat to the announce of the instance by which packets go out';
    yield {
      path: ['snat', name],
      part: 'key',
      message: 'no instance announces snat: answers would not come back',
      hint,
    };
  }
  if (pools.length > 0) return;
  for (const [name, { announce }] of instances) {
    const index = announce?.indexOf('snat') ?? -1;
    if (index < 0) continue;
    const path = ['routing', 'instances', name, 'announce', index];
    yield {
      path,
      part: 'value',
      message: 'there is no pool to announce',
      hint: 'add snat: { NAME: { from: PREFIX, pool: [ADDRESS] } }',
    };
  }
}

function mayName(announce: readonly (string | undefined)[] | undefined): boolean {
  return announce === undefined || announce.includes(undefined) || announce.includes('snat');
}
