/**
 * Second chance: packets in mid-life of connections that are not known here are handed to the agent, which asks the other
 * directors whose they are, and dropped.
 *
 * That no entry is there is known only behind conntrack; an unknown packet is `invalid` or, where connections are picked up in
 * mid-life (nf_conntrack_tcp_loose), `new` like a first one. The rules hold only while an agent is there to ask: it keeps the
 * elements of one set alive, which run out by themselves when it dies. Without them, unknown packets go on to the hash as if this
 * part were not there: its cost is then one look at the connection's state, and nobody waits for an agent that is gone.
 *
 * Everybody can send such packets to a VIP, so what they cost is bounded, in this order: so many of one source (of one address, as
 * of a proxy, hundreds of connections move at once, some packets each; but no source alone takes what is for all), so many in
 * all, so many of one flow. What is over the bound in all is not counted as the flow's: it would block its own retransmission.
 * To a local address only real servers may send any.
 *
 * Not here: answers to a shared local address on ports of another director, which are handed over before; and who asks.
 */
import { formatIpv4, type Ipv4 } from '../../base/ipv4.ts';
import { allServers } from '../../hash/service-table.ts';
import type { DesiredService } from '../../model/dataplane.ts';
import {
  ASKED_COUNTER,
  LIPS_SET,
  MISS_ASKED_SET,
  MISS_DEVICE,
  MISS_SOURCES_SET,
  REAL_SERVERS_SET,
  RETURNED_COUNTER,
  SECOND_CHANCE_SET,
  VIPS_SET,
} from '../names.ts';
import { linkElement, type WantedSet } from '../ruleset.ts';
import type { Part } from './parts.ts';

/** Where the agent listens: whole packets, each at once. */
export const MISS_LOG_GROUP = 7217;

const CHAIN = 'miss';
const VIP_CHAIN = 'miss_vip';

/** `queue-threshold` because a listener would otherwise get them in bundles of a hundred. */
const TELL = `log group ${MISS_LOG_GROUP} queue-threshold 1 counter name ${ASKED_COUNTER}`;

/** A client, as far as questions about it go. */
const CLIENT_KEY = 'ip saddr . th sport';

/**
 * A source, as far as its bound goes: addresses share one of so many places, found by a hash that is another one after each load of the
 * rule. A place each would cost a flood of many addresses a quarter more per packet, and when there were no more places nobody
 * would have a bound.
 */
const SOURCES = 4096;
const SOURCE_KEY = `jhash ip saddr mod ${SOURCES}`;

const UNKNOWN: readonly string[] = [
  // A SYN begins a connection: the hash knows where. Most of what is new are such, and they are spared the look-up.
  'tcp flags & (syn | ack | rst) == syn accept',
  `ct state invalid,new meta l4proto @${SECOND_CHANCE_SET} jump ${CHAIN}`,
];

const MISS_RULES: readonly string[] = [
  // Asked about once, and its connection is gone again, or never came to be: asking again would go on for ever.
  `iifname ${linkElement(MISS_DEVICE)} counter name ${RETURNED_COUNTER} drop`,
  `ip daddr @${LIPS_SET} ip saddr @${REAL_SERVERS_SET} limit rate 20000/second burst 2000 packets ${TELL}`,
  `ip daddr @${LIPS_SET} drop`,
  // Of a connection that has begun elsewhere, or of none.
  `ip daddr @${VIPS_SET} meta l4proto tcp goto ${VIP_CHAIN}`,
];

const VIP_RULES: readonly string[] = [
  `update @${MISS_SOURCES_SET} { ${SOURCE_KEY} limit rate over 1000/second burst 1000 packets } drop`,
  'limit rate over 2000/second burst 2000 packets drop',
  // A sender sends ten segments at once, or more: those behind the first wait in the agent, and need not be sent again.
  `update @${MISS_ASKED_SET} { ${CLIENT_KEY} limit rate over 10/second burst 16 packets } drop`,
  `${TELL} drop`,
];

/** `services`: all but those that are routed directly, of which conntrack knows nothing. */
export function missPart(services: readonly DesiredService[]): Part {
  return {
    rules: { mid_life: UNKNOWN },
    chains: new Map([
      [CHAIN, MISS_RULES],
      [VIP_CHAIN, VIP_RULES],
    ]),
    counters: [ASKED_COUNTER, RETURNED_COUNTER],
    sets: new Map([
      [SECOND_CHANCE_SET, dynamicSet('typeof meta l4proto; flags timeout')],
      [
        MISS_SOURCES_SET,
        dynamicSet(`typeof numgen inc mod ${SOURCES}; size ${SOURCES}; flags dynamic,timeout; timeout 10s`),
      ],
      [MISS_ASKED_SET, dynamicSet(`typeof ${CLIENT_KEY}; size 65536; flags dynamic,timeout; timeout 1s`)],
      [
        VIPS_SET,
        addresses(
          'ip daddr',
          services.flatMap(({ vips }) => vips),
        ),
      ],
      [
        REAL_SERVERS_SET,
        addresses(
          'ip saddr',
          services.flatMap((service) => allServers(service).map(({ address }) => address)),
        ),
      ],
    ]),
  };
}

/** Whose elements are not ours to plan: packets and a living agent put them in. */
function dynamicSet(declaration: string): WantedSet {
  return { kind: 'set', declaration, elements: new Map() };
}

function addresses(key: string, list: readonly Ipv4[]): WantedSet {
  const elements = new Map(list.map((address) => [formatIpv4(address), '']));
  return { kind: 'set', declaration: `typeof ${key}`, elements };
}
