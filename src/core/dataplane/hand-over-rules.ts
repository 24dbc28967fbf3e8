/**
 * The hand-over: an answer of a real server to a shared local address meets any director, and most often one that knows
 * nothing of its connection. The port says whose connection it is (`port-blocks.ts`): the packet is sent on to that director
 * as it stands, and dropped here.
 *
 * Asked after conntrack, as only then it is known what is unknown, and before any translation. No conntrack entry is left of
 * what is dropped before it leaves its first hook. What comes in by the interface of the hand-over is not handed over again,
 * or two directors that disagree about an owner would pass a packet to and fro; neither is what is for a port of our own.
 * Both go on to the rules for packets that nobody knows.
 *
 * `dup` takes one off the TTL and sets the bit that forbids fragments: over tunnels a server hears of the smaller MTU.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import { BLOCKS_PER_ADDRESS, portsOf } from '../hash/port-blocks.ts';
import type { DesiredDataplane, DesiredHandOver } from '../model/dataplane.ts';
import { lipOwners, usesFullnat } from './lips.ts';
import { HAND_OVER_COUNTER, HAND_OVER_ERRORS_MAP, HAND_OVER_MAP, LIPS_SET, REAL_SERVERS_SET } from './names.ts';
import type { Part } from './parts.ts';
import { type Links, linkElement, type WantedSet } from './ruleset.ts';

const ENDPOINT = 'ip daddr . th dport';

/** Of an ICMP error: the port is where the packet that it quotes came from, if that has no options. */
const QUOTED_ENDPOINT = 'ip daddr . @th,224,16';
const QUOTING = 'icmp type { destination-unreachable, time-exceeded, parameter-problem } @th,64,8 0x45';

/**
 * Answers of real servers, and errors of whoever is on the way to them.
 *
 * @param index of the interface to send by: nft would take its name, but the rule goes by the number that this had when it was
 *   loaded
 */
function rules(device: string, index: number): readonly string[] {
  const unknown = `iifname != ${linkElement(device)} ct state invalid,new ip daddr @${LIPS_SET}`;
  const send = (key: string, map: string) =>
    `dup to ${key} map @${map} device ${index} counter name ${HAND_OVER_COUNTER} drop`;
  return [
    `${unknown} ip saddr @${REAL_SERVERS_SET} meta l4proto { tcp, udp } ${send(ENDPOINT, HAND_OVER_MAP)}`,
    `${unknown} ${QUOTING} ${send(QUOTED_ENDPOINT, HAND_OVER_ERRORS_MAP)}`,
  ];
}

/** Ranges of adjacent blocks of one peer, each as `ADDRESS . LOW-HIGH` to the peer's address; own blocks are left out. */
function ranges(
  address: Ipv4,
  owners: readonly string[],
  peers: DesiredHandOver['peers'],
): readonly (readonly [key: string, peer: string])[] {
  const found: [string, string][] = [];
  let first = 0;
  for (let block = 1; block <= BLOCKS_PER_ADDRESS; block++) {
    const owner = owners[first]!;
    if (block < BLOCKS_PER_ADDRESS && owners[block] === owner) continue;
    const peer = peers[owner];
    const key = `${formatIpv4(address)} . ${portsOf(first).low}-${portsOf(block - 1).high}`;
    if (peer !== undefined) found.push([key, formatIpv4(peer)]);
    first = block;
  }
  return found;
}

function foreignRanges(desired: DesiredDataplane): ReadonlyMap<string, string> {
  const { handOver, local } = desired;
  const owners = lipOwners(desired);
  const shared = owners === undefined ? [] : [...new Set(local?.shared)];
  return new Map(shared.flatMap((address) => ranges(address, owners!.get(address)!, handOver!.peers)));
}

/** The foreign port blocks, computed anew only when addresses or those who live have changed. */
export class ForeignBlocks {
  #key: string | undefined;
  #ranges: ReadonlyMap<string, string> = new Map();

  of(desired: DesiredDataplane): ReadonlyMap<string, string> {
    const { local, members, self, handOver } = desired;
    const key = JSON.stringify([local, members, self, handOver?.peers]);
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

/** Nothing without a hand-over, as long as no service is FullNAT, or while the interface is not there. */
export function handOverPart(desired: DesiredDataplane, links: Links, blocks: ForeignBlocks): Part {
  const { handOver } = desired;
  const index = handOver && links.get(handOver.device);
  if (handOver === undefined || index === undefined || !usesFullnat(desired)) return {};
  const foreign = blocks.of(desired);
  return {
    rules: { mid_life: rules(handOver.device, index), ...tunnelRules(handOver.tunnelPort) },
    sets: new Map([
      [HAND_OVER_MAP, rangesMap(ENDPOINT, foreign)],
      [HAND_OVER_ERRORS_MAP, rangesMap(QUOTED_ENDPOINT, foreign)],
    ]),
    counters: [HAND_OVER_COUNTER],
  };
}
