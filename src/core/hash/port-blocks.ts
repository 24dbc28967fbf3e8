/**
 * Port blocks: which director may use which source ports of which local address (LIP), computed alike on every director.
 *
 * A LIP has 63 blocks of 1,024 ports, and at any time every (LIP, block) belongs to exactly one live director: so no two
 * directors ever use the same LIP, port and real server, whatever they know of each other's connections.
 *
 *   per director  All blocks of a LIP of one director are its own while it lives; else those of the first live one in the
 *                 LIP's rendezvous order, as answers come in by the address, not by the block.
 *   shared        Each block has an owner in the file, by bounded rendezvous over all directors of the file: the highest
 *                 hash of director and block wins, as long as the director has room (its even share, rounded up where the
 *                 blocks do not divide). The blocks of those who are not alive go, in the same way, to the live ones that
 *                 have room. So a director that dies or returns moves its own blocks and no others.
 *
 * In: what the file says, and who lives. Out: owners. Not here: the ports of a flow (`src/core/dataplane`).
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import { jhashText, jhashWords } from './jhash.ts';

export const BLOCK_PORTS = 1024;

/** Ports below 1024 are left out. */
export const BLOCKS_PER_ADDRESS = 63;

/** Seeds are arbitrary and must never change: directors of different versions would disagree. */
const DIRECTOR_SEED = 0x51c1ce06;
const BLOCK_SEED = 0x51c1ce07;
const SUCCESSOR_SEED = 0x51c1ce08;
const DIGEST_SEED = 0x51c1ce09;

export interface BlockDirector {
  readonly name: string;
  /** LIPs of this director alone. */
  readonly local: readonly Ipv4[];
}

export interface BlockCluster {
  /** All of the file, in any order. */
  readonly directors: readonly BlockDirector[];
  /** LIPs of all directors together. */
  readonly shared: readonly Ipv4[];
  /** Names of those who live; others than those of the file do not count. */
  readonly live: readonly string[];
}

export interface PortBlock {
  readonly address: Ipv4;
  /** 0 … 62 */
  readonly block: number;
}

/** By LIP: for each of its blocks the name of the director that owns it. */
export type BlockOwners = ReadonlyMap<Ipv4, readonly string[]>;

/** First and last port of a block. */
export function portsOf(block: number): { readonly low: number; readonly high: number } {
  const low = BLOCK_PORTS * (block + 1);
  return { low, high: low + BLOCK_PORTS - 1 };
}

/** `undefined` for ports below 1024, which are in no block. */
export function blockOfPort(port: number): number | undefined {
  return port < BLOCK_PORTS ? undefined : Math.floor(port / BLOCK_PORTS) - 1;
}

/** Higher value first; of equal ones (they are 32-bit hashes) the lesser name, so that nothing depends on the input's order. */
function byRank(a: Ranked, b: Ranked): number {
  return b.value - a.value || (a.name < b.name ? -1 : 1);
}

interface Ranked {
  readonly name: string;
  readonly value: number;
}

/** Directors in the order in which they take over a LIP whose owner is gone. Plain rendezvous: others coming or going change no order. */
export function successorOrder(address: Ipv4, names: readonly string[]): readonly string[] {
  const ranked = names.map((name) => ({ name, value: jhashWords([directorHash(name), address], SUCCESSOR_SEED) }));
  return ranked.sort(byRank).map(({ name }) => name);
}

function directorHash(name: string): number {
  return jhashText(name, DIRECTOR_SEED);
}

/**
 * The owner of every block of every LIP.
 *
 * @throws RangeError when no director of the file lives
 */
export function blockOwners({ directors, shared, live }: BlockCluster): BlockOwners {
  const alive = new Set(live);
  const names = directors.map(({ name }) => name);
  const living = names.filter((name) => alive.has(name));
  if (living.length === 0) throw new RangeError('no director of the file lives');
  const owners = new Map<Ipv4, readonly string[]>();
  for (const { name, local } of directors) {
    for (const address of local) {
      const owner = alive.has(name) ? name : successorOrder(address, living)[0]!;
      owners.set(address, new Array<string>(BLOCKS_PER_ADDRESS).fill(owner));
    }
  }
  for (const [address, list] of sharedOwners(shared, names, living)) owners.set(address, list);
  return owners;
}

function sharedOwners(
  shared: readonly Ipv4[],
  names: readonly string[],
  living: readonly string[],
): ReadonlyMap<Ipv4, readonly string[]> {
  const addresses = [...new Set(shared)].sort((a, b) => a - b);
  const blocks = addresses.flatMap((address) =>
    Array.from({ length: BLOCKS_PER_ADDRESS }, (_, block): PortBlock => ({ address, block })),
  );
  const alive = new Set(living);
  const home = boundedRendezvous(blocks, new Array(blocks.length).fill(undefined), names);
  const kept = home.map((name) => (alive.has(name) ? name : undefined));
  const owners = boundedRendezvous(blocks, kept, living);
  return new Map(
    addresses.map((address, i) => [address, owners.slice(i * BLOCKS_PER_ADDRESS, (i + 1) * BLOCKS_PER_ADDRESS)]),
  );
}

/**
 * Gives every block without an owner to one of `names`. All end up with their even share, rounded down or up.
 *
 * @param owners of the blocks, by index; owners that are there stay. Nobody may have more than the even share, rounded up
 */
function boundedRendezvous(
  blocks: readonly PortBlock[],
  owners: readonly (string | undefined)[],
  names: readonly string[],
): readonly string[] {
  const share = Math.floor(blocks.length / names.length);
  const loads = new Map(names.map((name) => [name, 0]));
  for (const owner of owners) if (owner !== undefined) loads.set(owner, loads.get(owner)! + 1);
  // So many may have one more than the share.
  let spare = blocks.length - share * names.length;
  for (const load of loads.values()) if (load > share) spare -= 1;

  const result = [...owners];
  for (const { index, name } of bids(blocks, owners, names)) {
    const load = loads.get(name)!;
    if (result[index] !== undefined || load > share || (load === share && spare === 0)) continue;
    if (load === share) spare -= 1;
    loads.set(name, load + 1);
    result[index] = name;
  }
  return result as readonly string[];
}

interface Bid extends Ranked {
  readonly index: number;
}

/** Every director's bid for every block without an owner, best first. */
function bids(
  blocks: readonly PortBlock[],
  owners: readonly (string | undefined)[],
  names: readonly string[],
): readonly Bid[] {
  const hashes = names.map(directorHash);
  const all: Bid[] = [];
  for (const [index, { address, block }] of blocks.entries()) {
    if (owners[index] !== undefined) continue;
    names.forEach((name, i) => {
      all.push({ index, name, value: jhashWords([hashes[i]!, address, block], BLOCK_SEED) });
    });
  }
  return all.sort((a, b) => byRank(a, b) || a.index - b.index);
}

/** The blocks of one director, by address and block. */
export function blocksOf(owners: BlockOwners, director: string): readonly PortBlock[] {
  const addresses = [...owners.keys()].sort((a, b) => a - b);
  return addresses.flatMap((address) =>
    owners.get(address)!.flatMap((owner, block) => (owner === director ? [{ address, block }] : [])),
  );
}

/**
 * A fingerprint of who owns what: directors that agree have the same.
 *
 * @returns 16 hexadecimal digits
 */
export function ownershipDigest(owners: BlockOwners): string {
  const addresses = [...owners.keys()].sort((a, b) => a - b);
  const text = addresses.map((address) => `${formatIpv4(address)} ${owners.get(address)!.join(' ')}`).join('\n');
  return [DIGEST_SEED, DIGEST_SEED + 1].map((seed) => jhashText(text, seed).toString(16).padStart(8, '0')).join('');
}
