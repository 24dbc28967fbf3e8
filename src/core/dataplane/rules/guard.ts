/**
 * The guard table. Without the first two of its duties a takeover kills connections, because some director that does not know
 * a connection answers or forwards one of its packets as it stands; without the third, routers that have no other way send
 * their traffic through a director.
 *
 *   input         whatever reaches the local stack with a VIP as destination was not translated: a port without a service, or
 *                 a packet that belongs to no connection here. The stack would answer with RST (or an ICMP error), and the
 *                 client would believe it. Only an echo request is answered. The same for a local address, where it is the
 *                 real server that would believe it, as long as any service is FullNAT; else its addresses are like any other.
 *   untranslated  a packet of a real server's service port that no connection here translates back would reach the client as a
 *                 stranger's, and the client's RST would end the connection at the server. Replies of connections that
 *                 clients made to the server's own address through this director pass: they are replies, not originals.
 *   transit       a packet that came in by an upstream interface and leaves by one passes if it is for a VIP or translated, or
 *                 if it is from or to a real server, for which the director is a gateway, and leaves by the link that it came
 *                 from (one arm). Asked after source NAT, as only then it is known what is translated.
 *
 * The last two have one hook between them, behind source NAT, and what belongs to a service is done at its first rule: a hook
 * more costs each packet as much as three rules (docs/facts/nftables.md). A source that was translated on the way there is
 * asked of the connection, which remembers it.
 *
 * Dropped is right in the first two cases: the packet is sent again, by then to a director that knows. In the third it was
 * to go another way, or none: our metric and the H-bit say so, but routers of today send it all the same.
 */
import { formatIpv4 } from '../../base/ipv4.ts';
import { allLips, usesFullnat } from '../../hash/lips.ts';
import { allServers } from '../../hash/service-table.ts';
import type { DesiredDataplane } from '../../model/dataplane.ts';
import {
  LIP_COUNTER,
  LIPS_SET,
  MARKED_SERVERS_SET,
  ONE_ARM_SET,
  OWN_SET,
  REAL_SERVERS_SET,
  SOURCES_SET,
  TRANSIT_COUNTER,
  UNKNOWN_COUNTER,
  UNTRANSLATED_COUNTER,
  UPSTREAM_SET,
  VIPS_SET,
} from '../names.ts';
import {
  type BaseChain,
  endpointElement,
  type FoundTable,
  linkElement,
  type WantedChain,
  type WantedSet,
  type WantedTable,
} from '../ruleset.ts';
import { isDirect } from './direct-table.ts';
import { egressGuard } from './egress.ts';

const SOURCE_KEY = 'ip saddr . meta l4proto . th sport';

const TRANSIT_CHAIN = 'transit';
const LINK_PAIR = 'iifname . oifname';

const UNTRANSLATED_CHAIN = 'untranslated';
const DROP_UNTRANSLATED = `counter name ${UNTRANSLATED_COUNTER} drop`;

/** What this host itself sends is nobody's answer. */
const IS_FORWARDED = 'iif != 0';

/** One rule per protocol: nft wants to know the one protocol that a connection's ports are of. */
const PROTOCOLS = ['tcp', 'udp'] as const;
const FIRST_SOURCE_KEY = 'ct original ip saddr . meta l4proto . ct original proto-src';

const UNTRANSLATED: readonly string[] = [
  // A SYN-ACK or RST of an unknown connection has no conntrack entry at all, and `ct direction` would not match.
  `ct state invalid ${SOURCE_KEY} @${SOURCES_SET} ${DROP_UNTRANSLATED}`,
  ...PROTOCOLS.map(
    (protocol) =>
      `ct direction original meta l4proto ${protocol} ${FIRST_SOURCE_KEY} @${SOURCES_SET} ${DROP_UNTRANSLATED}`,
  ),
];

/** What of it depends on who translates. */
export interface GuardTraits {
  /** Of the chain at input: behind whoever takes packets from there. */
  readonly inputPriority: number;
  /** Matches of which one is true of packets of services once they are translated, and of their answers. */
  readonly translated: readonly string[];
  /** Answers of services that were not translated, although they are answers. */
  readonly untranslated?: string | undefined;
  /** Packets that this host makes of those that came in, and that only look as if they were passed on. */
  readonly made?: string | undefined;
  /** `VIP . protocol . port` of services that programs on this host answer, too. */
  readonly own?: readonly string[];
}

const NFT_TRAITS: GuardTraits = { inputPriority: 10, translated: ['ct status dnat'] };

function untranslatedRules({ untranslated }: GuardTraits): readonly string[] {
  if (untranslated === undefined) return UNTRANSLATED;
  return [...UNTRANSLATED, `${untranslated} ${SOURCE_KEY} @${SOURCES_SET} ${DROP_UNTRANSLATED}`];
}

const OWN_KEY = 'ip daddr . meta l4proto . th dport';
const OWN_RULE = `${OWN_KEY} @${OWN_SET} accept`;

const INPUT_RULES: readonly string[] = [
  `ip daddr @${VIPS_SET} icmp type echo-request accept`,
  `ip daddr @${VIPS_SET} counter name ${UNKNOWN_COUNTER} drop`,
];

const LIPS_INPUT: readonly string[] = [
  `ip daddr @${LIPS_SET} icmp type echo-request accept`,
  `ip daddr @${LIPS_SET} counter name ${LIP_COUNTER} drop`,
];

/** Source NAT has priority 100 in this hook. */
const POSTROUTING: BaseChain = { type: 'filter', hook: 'postrouting', priority: 110 };

const postroutingRules = (translated: readonly string[]): readonly string[] => [
  // First, since it lets nearly all packets go. What has no conntrack entry (invalid, untracked) does not match.
  ...translated.map((match) => `${match} accept`),
  `${IS_FORWARDED} jump ${UNTRANSLATED_CHAIN}`,
  `iifname @${UPSTREAM_SET} oifname @${UPSTREAM_SET} jump ${TRANSIT_CHAIN}`,
];

const transit = (made: readonly string[]): WantedChain => ({
  base: undefined,
  rules: [
    ...made.map((match) => `${match} return`),
    // Never forwarded; our own reports carry the interface that they leave by as the one that they came in by.
    'ip protocol igmp return',
    // What has no conntrack entry does not match, and is dropped below.
    'ct status snat return',
    `ip daddr @${VIPS_SET} return`,
    `${LINK_PAIR} @${ONE_ARM_SET} ip saddr @${REAL_SERVERS_SET} return`,
    `${LINK_PAIR} @${ONE_ARM_SET} ip daddr @${REAL_SERVERS_SET} return`,
    `counter name ${TRANSIT_COUNTER} drop`,
  ],
});

/**
 * Of servers whose ports nobody knows, because a mark says which packets are the service's. Their own connections, in which
 * they are the client, look the same but for the first packet: so what begins in the middle is dropped, and what begins with
 * a SYN is not ours to judge. UDP begins with anything; there a stranger's answer does no harm that a RST would.
 */
const MARKED_UNKNOWN = `ct state invalid ip saddr @${MARKED_SERVERS_SET} ${DROP_UNTRANSLATED}`;
/** Also where it is translated, because the server is a client of another service, or its packet was marked. */
const MARKED_MIDDLE = `ct state new ${IS_FORWARDED} ct original ip saddr @${MARKED_SERVERS_SET} tcp flags & (syn | ack) != syn ${DROP_UNTRANSLATED}`;

export function guardTable(desired: DesiredDataplane, traits: GuardTraits = NFT_TRAITS): WantedTable {
  const { services, upstream } = desired;
  // Nothing of direct routing is ever translated, nor in tunnels: what such a server sends from its own address is its own affair.
  const translated = services.filter((service) => !isDirect(service) && service.tunnel === undefined);
  const sources = translated.flatMap((service) =>
    allServers(service).flatMap(({ address }) =>
      service.ports.map((port) => endpointElement(address, service.protocol, port)),
    ),
  );
  const addresses = services.flatMap((service) => allServers(service).map(({ address }) => formatIpv4(address)));
  const marked = translated.filter(({ fwmark }) => fwmark !== undefined);
  const isMarked = marked.length > 0;
  const markedServers = marked.flatMap((service) => allServers(service).map(({ address }) => formatIpv4(address)));
  const lips = usesFullnat(desired) ? allLips(desired).map(formatIpv4) : undefined;
  const egress = egressGuard(desired);
  const { own = [] } = traits;
  return {
    chains: new Map([
      [
        'input',
        {
          base: { type: 'filter', hook: 'input', priority: traits.inputPriority },
          rules: [
            ...(own.length === 0 ? [] : [OWN_RULE]),
            ...INPUT_RULES,
            ...(lips === undefined ? [] : LIPS_INPUT),
            ...egress.input,
          ],
        },
      ],
      [
        UNTRANSLATED_CHAIN,
        { base: undefined, rules: [...untranslatedRules(traits), ...(isMarked ? [MARKED_UNKNOWN] : [])] },
      ],
      [TRANSIT_CHAIN, transit(traits.made === undefined ? [] : [traits.made])],
      [
        'postrouting',
        {
          base: POSTROUTING,
          rules: [...(isMarked ? [MARKED_MIDDLE] : []), ...postroutingRules(traits.translated), ...egress.postrouting],
        },
      ],
    ]),
    sets: new Map([
      [
        VIPS_SET,
        wantedSet(
          'ip daddr',
          services.flatMap(({ vips }) => vips.map(formatIpv4)),
        ),
      ],
      [SOURCES_SET, wantedSet(SOURCE_KEY, sources)],
      [UPSTREAM_SET, wantedSet('iifname', upstream.map(linkElement))],
      [
        ONE_ARM_SET,
        wantedSet(
          LINK_PAIR,
          upstream.map((name) => `${linkElement(name)} . ${linkElement(name)}`),
        ),
      ],
      [REAL_SERVERS_SET, wantedSet('ip saddr', addresses)],
      ...(!isMarked ? [] : [[MARKED_SERVERS_SET, wantedSet('ip saddr', markedServers)] as const]),
      ...(lips === undefined ? [] : [[LIPS_SET, wantedSet('ip daddr', lips)] as const]),
      ...(own.length === 0 ? [] : [[OWN_SET, wantedSet(OWN_KEY, own)] as const]),
      ...egress.sets,
    ]),
    counters: new Set([
      UNKNOWN_COUNTER,
      UNTRANSLATED_COUNTER,
      TRANSIT_COUNTER,
      ...(lips === undefined ? [] : [LIP_COUNTER]),
      ...egress.counters,
    ]),
  };
}

function wantedSet(key: string, elements: readonly string[]): WantedSet {
  return { kind: 'set', declaration: `typeof ${key}`, elements: new Map(elements.map((element) => [element, ''])) };
}

/** `wanted`, with everything in it that is guarded now: what leads packets to it may still be there. */
export function widenedGuard(wanted: WantedTable, found: FoundTable | undefined): WantedTable {
  const sets = [...wanted.sets].map(([name, set]) => {
    const elements = new Map([...(found?.sets.get(name)?.elements ?? []), ...set.elements]);
    return [name, { ...set, elements }] as const;
  });
  return { ...wanted, sets: new Map(sets) };
}
