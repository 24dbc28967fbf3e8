/**
 * The hand-over: an answer to an address that all directors share (a local address, towards real servers, or one of an SNAT
 * pool, towards the world) meets any of them, and most often one that knows nothing of its connection. The port says whose
 * connection it is (`src/core/hash/port-blocks.ts`): the packet is sent on to that director as it stands, and dropped here.
 *
 * Asked after conntrack, as only then it is known what is unknown, and before any translation. No conntrack entry is left of
 * what is dropped before it leaves its first hook. What comes in by the interface of the hand-over is not handed over again,
 * or two directors that disagree about an owner would pass a packet to and fro; neither is what is for a port of our own.
 * Both go on to the rules for packets that nobody knows.
 *
 * `dup` takes one off the TTL and sets the bit that forbids fragments: over tunnels a server hears of the smaller MTU.
 */
import { formatIpv4, type Ipv4 } from '../../base/ipv4.ts';
import { lipOwners, usesFullnat } from '../../hash/lips.ts';
import { portsOf } from '../../hash/port-blocks.ts';
import type { DesiredDataplane, DesiredHandOver } from '../../model/dataplane.ts';
import {
  HAND_OVER_COUNTER,
  HAND_OVER_MAP,
  HAND_OVER_NUMBERS_MAP,
  LIPS_SET,
  POOLS_SET,
  REAL_SERVERS_SET,
} from '../names.ts';
import { type Links, linkElement, type WantedSet } from '../ruleset.ts';
import { poolOwners } from './egress.ts';
import type { Part } from './parts.ts';

const ENDPOINT = 'ip daddr . th dport';

/** Of an ICMP error: the port is where the packet that it quotes came from, if that has no options. */
const QUOTED_ENDPOINT = 'ip daddr . @th,224,16';
const QUOTING = 'icmp type { destination-unreachable, time-exceeded, parameter-problem } @th,64,8 0x45';

/** Of an ICMP echo: its identifier stands for the port. */
const ECHO_ENDPOINT = 'ip daddr . @th,32,16';

const CHAIN = 'hand_over';

/** Asked of every packet that no service translates, and over at its first word for all that are known. */
const isUnknown = (device: string): string => `ct state invalid,new iifname != ${linkElement(device)} jump ${CHAIN}`;

/**
 * Answers of real servers to local addresses, of anybody to pool addresses, and errors of whoever is on the way.
 *
 * @param index of the interface to send by: nft would take its name, but the rule goes by the number that this had when it was
 *   loaded
 */
function rules(index: number, isFullnat: boolean, hasPools: boolean): readonly string[] {
  const send = (key: string, map: string) =>
    `dup to ${key} map @${map} device ${index} counter name ${HAND_OVER_COUNTER} drop`;
  const answers = `meta l4proto { tcp, udp } ${send(ENDPOINT, HAND_OVER_MAP)}`;
  const errors = `${QUOTING} ${send(QUOTED_ENDPOINT, HAND_OVER_NUMBERS_MAP)}`;
  const echoes = `icmp type echo-reply ${send(ECHO_ENDPOINT, HAND_OVER_NUMBERS_MAP)}`;
  const toLips = [`ip daddr @${LIPS_SET} ip saddr @${REAL_SERVERS_SET} ${answers}`, `ip daddr @${LIPS_SET} ${errors}`];
  const toPools = [answers, errors, echoes].map((one) => `ip daddr @${POOLS_SET} ${one}`);
  return [...(isFullnat ? toLips : []), ...(hasPools ? toPools : [])];
}

/** Ranges of adjacent blocks of one peer, each as `ADDRESS . LOW-HIGH` to the peer's address; own blocks are left out. */
function ranges(
  address: Ipv4,
  owners: readonly string[],
  peers: DesiredHandOver['peers'],
): readonly (readonly [key: string, peer: string])[] {
  const found: [string, string][] = [];
  let first = 0;
  for (let block = 1; block <= owners.length; block++) {
    const owner = owners[first]!;
    if (block < owners.length && owners[block] === owner) continue;
    const peer = peers[owner];
    const key = `${formatIpv4(address)} . ${portsOf(first).low}-${portsOf(block - 1).high}`;
    if (peer !== undefined) found.push([key, formatIpv4(peer)]);
    first = block;
  }
  return found;
}

function foreignRanges(desired: DesiredDataplane): ReadonlyMap<string, string> {
  const { handOver, local, egress } = desired;
  const peers = handOver?.peers ?? {};
  const lips = lipOwners(desired);
  const ofLips = [...new Set(local?.shared)].flatMap((address) => ranges(address, lips?.get(address) ?? [], peers));
  const ofPools = (egress?.pools ?? []).flatMap((pool) =>
    [...(poolOwners(desired, pool) ?? [])].flatMap(([address, owners]) => ranges(address, owners, peers)),
  );
  return new Map([...ofLips, ...ofPools]);
}

/** The foreign port blocks, computed anew only when addresses or those who live have changed. */
export class ForeignBlocks {
  #key: string | undefined;
  #ranges: ReadonlyMap<string, string> = new Map();

  of(desired: DesiredDataplane): ReadonlyMap<string, string> {
    const { local, members, self, egress, handOver } = desired;
    const key = JSON.stringify([local, members, self, egress?.pools, handOver?.peers]);
    if (key !== this.#key) this.#ranges = foreignRanges(desired);
    this.#key = key;
    return this.#ranges;
  }
}

function rangesMap(key: string, elements: ReadonlyMap<string, string>): WantedSet {
  return { kind: 'map', declaration: `typeof ${key} : ip daddr; flags interval`, elements };
}

/** Each packet of the tunnels would else cost a conntrack entry, since every flow has a source port of its own there. */
function tunnelRules(port: number | undefined): Part['rules'] {
  const rule = `udp dport ${port} notrack`;
  return port === undefined ? {} : { untracked_in: [rule], untracked_out: [rule] };
}

/** Nothing without a hand-over, as long as nothing uses shared addresses, or while the interface is not there. */
export function handOverPart(desired: DesiredDataplane, links: Links, blocks: ForeignBlocks): Part {
  const { handOver, egress } = desired;
  const pools = (egress?.pools ?? []).flatMap(({ pool }) => pool.map(formatIpv4));
  const isFullnat = usesFullnat(desired);
  const index = handOver && links.get(handOver.device);
  if (handOver === undefined || index === undefined || !(isFullnat || pools.length > 0)) return {};
  const foreign = blocks.of(desired);
  const poolSet: WantedSet = {
    kind: 'set',
    declaration: 'typeof ip daddr',
    elements: new Map(pools.map((address) => [address, ''])),
  };
  return {
    rules: { mid_life: [isUnknown(handOver.device)], ...tunnelRules(handOver.tunnelPort) },
    chains: new Map([[CHAIN, rules(index, isFullnat, pools.length > 0)]]),
    sets: new Map([
      [HAND_OVER_MAP, rangesMap(ENDPOINT, foreign)],
      [HAND_OVER_NUMBERS_MAP, rangesMap(QUOTED_ENDPOINT, foreign)],
      ...(pools.length === 0 ? [] : [[POOLS_SET, poolSet] as const]),
    ]),
    counters: [HAND_OVER_COUNTER],
  };
}
