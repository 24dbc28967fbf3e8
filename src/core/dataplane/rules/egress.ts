/**
 * SNAT: connections that the servers open to the outside leave with an address of a pool, which all directors share.
 *
 * As with FullNAT the source port comes from a port block of this director (`src/core/hash/port-blocks.ts`), by the hash of the server's
 * address and port, and by offset: two directors never use the same address and port, and any of them can compute what
 * another has chosen. The identifier of an ICMP echo is a number of 16 bits like a port, and is treated as one.
 *
 * The kernel tells of such a connection when both ends have sent, and when it forgets it; without being told so it would at
 * every turn, seven times in all.
 *
 * It concerns what is passed on from the prefix and leaves by an interface where the pool is announced, except for answers
 * and for connections of services. What else comes that way (protocols without ports, the middle of a connection that
 * nobody here knows) must not show an inside address outside: the guard table drops it, after this one has had its turn.
 */
import { formatIpv4, formatPrefix, type Ipv4 } from '../../base/ipv4.ts';
import { BLOCK_SLOT_SEED } from '../../hash/block-slots.ts';
import { type BlockOwners, blockOwners, blocksOf } from '../../hash/port-blocks.ts';
import type { DesiredDataplane, DesiredPool } from '../../model/dataplane.ts';
import { EGRESS_COUNTER, EGRESS_LINKS_SET, POOL_COUNTER, POOLS_SET, poolNames } from '../names.ts';
import { linkElement, type WantedRule, type WantedSet, type WantedTable } from '../ruleset.ts';
import { blocksMap } from './fullnat.ts';
import { TELL_OF_LIFE } from './ownership.ts';
import type { Part } from './parts.ts';

/** What the director itself sends has no incoming interface. */
const leavingFrom = (pool: DesiredPool): string =>
  `iif != 0 oifname @${EGRESS_LINKS_SET} ip saddr ${formatPrefix(pool.from)}`;

/** Each with what stands for the port: nft wants to know the one protocol that the ports of the map are of. */
const TRANSLATED: readonly (readonly [match: string, port: string])[] = [
  ['meta l4proto tcp', 'th sport'],
  ['meta l4proto udp', 'th sport'],
  ['icmp type echo-request', 'icmp id'],
];

function translation(name: string, slots: number): WantedRule[] {
  return TRANSLATED.map(([match, port]) => {
    const slot = `jhash ip saddr . ${port} mod ${slots} seed 0x${BLOCK_SLOT_SEED.toString(16)}`;
    return { text: `${match} snat ip to ${slot} map @${name}`, portOffset: true };
  });
}

/** Whose the port blocks of a pool are; `undefined` as long as it is not known who lives. */
export function poolOwners(
  { local, members, self }: DesiredDataplane,
  { pool }: Pick<DesiredPool, 'pool'>,
): BlockOwners | undefined {
  if (local === undefined || members === undefined || self === undefined || !members.includes(self)) return undefined;
  const directors = local.directors.map(({ name }) => ({ name, local: [] }));
  return blockOwners({ directors, shared: pool, live: members });
}

/** The maps of own blocks of each pool, computed anew only when pools or those who live have changed. */
export class PoolMaps {
  #maps = new Map<string, WantedSet>();

  /** By name of the pool. */
  of(desired: DesiredDataplane, pools: readonly DesiredPool[]): ReadonlyMap<string, WantedSet> {
    const { local, members, self } = desired;
    const next = new Map<string, WantedSet>();
    const maps = new Map<string, WantedSet>();
    for (const one of pools) {
      const key = JSON.stringify([one.pool, local?.directors.map(({ name }) => name), members, self]);
      const map = this.#maps.get(key) ?? poolMap(desired, one);
      next.set(key, map);
      maps.set(one.name, map);
    }
    this.#maps = next;
    return maps;
  }
}

function poolMap(desired: DesiredDataplane, pool: DesiredPool): WantedSet {
  const owners = poolOwners(desired, pool);
  return blocksMap(owners === undefined || desired.self === undefined ? [] : blocksOf(owners, desired.self));
}

export function egressPart(desired: DesiredDataplane, poolMaps: PoolMaps): Part {
  const { egress } = desired;
  if (egress === undefined || egress.pools.length === 0) return {};
  const maps = poolMaps.of(desired, egress.pools);
  const chains = new Map<string, readonly WantedRule[]>();
  const sets = new Map<string, WantedSet>([[EGRESS_LINKS_SET, linksSet(egress.links)]]);
  const postrouting = egress.pools.map((pool) => {
    const names = poolNames(pool.name);
    const map = maps.get(pool.name)!;
    sets.set(names.blocks, map);
    chains.set(
      names.chain,
      map.elements.size === 0 ? [] : [TELL_OF_LIFE, ...translation(names.blocks, map.elements.size)],
    );
    return `${leavingFrom(pool)} ct status & dnat == 0 jump ${names.chain}`;
  });
  return { rules: { postrouting }, chains, sets };
}

/** What the guard table has for it: an inside address never leaves as it is, and a pool address never answers by itself. */
export function egressGuard({ egress }: DesiredDataplane): EgressGuard {
  if (egress === undefined || egress.pools.length === 0) {
    return { input: [], postrouting: [], sets: new Map(), counters: [] };
  }
  const drop = `counter name ${EGRESS_COUNTER} drop`;
  return {
    input: [
      `ip daddr @${POOLS_SET} icmp type echo-request accept`,
      `ip daddr @${POOLS_SET} counter name ${POOL_COUNTER} drop`,
    ],
    postrouting: egress.pools.flatMap((pool) => [
      `${leavingFrom(pool)} ct state invalid ${drop}`,
      `${leavingFrom(pool)} ct direction original ct status & snat == 0 ct status & dnat == 0 ${drop}`,
    ]),
    sets: new Map([
      [POOLS_SET, addressesSet(egress.pools.flatMap(({ pool }) => pool))],
      [EGRESS_LINKS_SET, linksSet(egress.links)],
    ]),
    counters: [EGRESS_COUNTER, POOL_COUNTER],
  };
}

interface EgressGuard {
  readonly input: readonly string[];
  readonly postrouting: readonly string[];
  readonly sets: WantedTable['sets'];
  readonly counters: readonly string[];
}

function linksSet(links: readonly string[]): WantedSet {
  return {
    kind: 'set',
    declaration: 'typeof oifname',
    elements: new Map(links.map((link) => [linkElement(link), ''])),
  };
}

function addressesSet(addresses: readonly Ipv4[]): WantedSet {
  const elements = new Map(addresses.map((address) => [formatIpv4(address), '']));
  return { kind: 'set', declaration: 'typeof ip daddr', elements };
}
