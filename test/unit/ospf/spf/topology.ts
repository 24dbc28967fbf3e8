/**
 * Small areas as text, for tests that read like a drawing on paper. One statement per line:
 *
 *     p2p d1 10.1.0.1 10 r1 10.1.0.2 1       point-to-point link: router, its address, its metric, twice
 *     lan 10.2.0.0/24 r1 10.2.0.1 1 d1 10.2.0.11 10 ...    broadcast network; the first router is the DR
 *     stub r1 10.9.0.0/16 5
 *     flags r1 E B
 *     summary r1 10.8.0.0/16 20              type 3
 *     asbr r1 r9 20                          type 4
 *     external r1 0.0.0.0/0 E2 10 [via 10.2.0.9]      type 5
 *     nssa r1 0.0.0.0/0 E2 10 [via 10.2.0.9]          type 7
 *
 * Router `dN` has the id 10.255.0.N, `rN` has 10.255.0.(100+N). Interfaces of a router are if0, if1, … in the order of
 * the lines that give it one.
 */
import { formatIpv4, formatPrefix, type Ipv4, ipv4, maskOf, parsePrefix } from '../../../../src/core/base/ipv4.ts';
import {
  INITIAL_SEQUENCE,
  LsType,
  MAX_LINK_METRIC,
  RouterFlag,
  RouterLinkType,
} from '../../../../src/core/ospf/codes.ts';
import { buildLsa } from '../../../../src/core/ospf/lsa/codec.ts';
import type { Lsa, LsaBody, RouterLink } from '../../../../src/core/ospf/lsa/lsa.ts';
import { computeRoutes, type SpfLink, type SpfResult } from '../../../../src/core/ospf/spf/spf.ts';

type LinkDraft = Omit<SpfLink, 'interface' | 'neighbors'> & { neighbors: { routerId: Ipv4; address: Ipv4 }[] };

const FLAGS: Readonly<Record<string, number>> = { E: RouterFlag.e, H: RouterFlag.h };

interface RouterDraft {
  flags: number;
  readonly links: RouterLink[];
  readonly interfaces: LinkDraft[];
}

export function routerId(name: string): Ipv4 {
  const number = Number(name.slice(1));
  return ipv4(`10.255.0.${name.startsWith('r') ? 100 + number : number}`);
}

export function lsa(type: number, id: Ipv4, advertisingRouter: Ipv4, body: LsaBody, age = 1): Lsa {
  return buildLsa({ type, id, advertisingRouter, age, options: 2, sequence: INITIAL_SEQUENCE }, body);
}

export class Topology {
  readonly #routers = new Map<Ipv4, RouterDraft>();
  readonly #others: Lsa[] = [];

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const [verb, ...words] = line.trim().split(/\s+/);
      if (verb !== undefined && verb !== '') this.#statement(verb, words);
    }
  }

  get lsas(): Lsa[] {
    const routers = [...this.#routers].map(([id, { flags, links }]) =>
      lsa(LsType.router, id, id, { kind: 'router', flags, links }),
    );
    return [...routers, ...this.#others];
  }

  /** The interfaces of a router, every neighbor on them Full. */
  linksOf(name: string): SpfLink[] {
    return this.#draft(routerId(name)).interfaces.map((link, at) => ({ ...link, interface: `if${at}` }));
  }

  /** What `name` computes; `change` may spoil its input first. */
  solve(name: string, change: (lsas: Lsa[], links: SpfLink[]) => void = () => {}): SpfResult {
    const lsas = this.lsas;
    const links = this.linksOf(name);
    change(lsas, links);
    return computeRoutes({ routerId: routerId(name), lsas, links });
  }

  /** RFC 6987: what a stub router announces. */
  stubRouter(name: string): this {
    const { links } = this.#draft(routerId(name));
    links.forEach((link, at) => {
      if (link.type !== RouterLinkType.stub) links[at] = { ...link, metric: MAX_LINK_METRIC };
    });
    return this;
  }

  #statement(verb: string, words: string[]): void {
    switch (verb) {
      case 'p2p':
        this.#pointToPoint(words);
        break;
      case 'lan':
        this.#lan(words);
        break;
      case 'external':
        this.#external(LsType.asExternal, words);
        break;
      case 'nssa':
        this.#external(LsType.nssa, words);
        break;
      case 'stub':
        this.#stub(words);
        break;
      case 'flags':
        for (const flag of words.slice(1)) {
          this.#draft(routerId(words[0]!)).flags |= FLAGS[flag] ?? RouterFlag.b;
        }
        break;
      case 'summary':
      case 'asbr':
        this.#summary(verb, words);
        break;
      default:
        throw new Error(`no such statement: ${verb}`);
    }
  }

  #stub([router, prefix, metric]: string[]): void {
    const { address, length } = parsePrefix(prefix!)!;
    const link = { type: RouterLinkType.stub, id: address, data: maskOf(length), metric: Number(metric) };
    this.#draft(routerId(router!)).links.push(link);
  }

  #summary(verb: 'summary' | 'asbr', [router, what, metric]: string[]): void {
    const prefix = verb === 'asbr' ? { address: routerId(what!), length: 0 } : parsePrefix(what!)!;
    const type = verb === 'asbr' ? LsType.summaryAsbr : LsType.summaryNetwork;
    const body: LsaBody = { kind: 'summary', mask: maskOf(prefix.length), metric: Number(metric) };
    this.#others.push(lsa(type, prefix.address, routerId(router!), body));
  }

  #external(type: number, [router, what, metricType, metric, , forwarder]: string[]): void {
    const { address, length } = parsePrefix(what!)!;
    const body: LsaBody = {
      kind: 'external',
      mask: maskOf(length),
      e2: metricType === 'E2',
      metric: Number(metric),
      forwardingAddress: forwarder === undefined ? 0 : ipv4(forwarder),
      tag: 0,
    };
    this.#others.push(lsa(type, address, routerId(router!), body));
  }

  #pointToPoint([a, aAddress, aMetric, b, bAddress, bMetric]: string[]): void {
    const left = { routerId: routerId(a!), address: ipv4(aAddress!), metric: Number(aMetric) };
    const right = { routerId: routerId(b!), address: ipv4(bAddress!), metric: Number(bMetric) };
    for (const [from, to] of [
      [left, right],
      [right, left],
    ] as const) {
      const draft = this.#draft(from.routerId);
      const type = RouterLinkType.pointToPoint;
      draft.links.push({ type, id: to.routerId, data: from.address, metric: from.metric });
      const neighbors = [{ routerId: to.routerId, address: to.address }];
      draft.interfaces.push({ network: 'point-to-point', address: from.address, prefixLength: 30, neighbors });
    }
  }

  #lan([prefix, ...words]: string[]): void {
    const { length } = parsePrefix(prefix!)!;
    const members: { routerId: Ipv4; address: Ipv4; metric: number }[] = [];
    for (let at = 0; at < words.length; at += 3) {
      const [name, address, metric] = words.slice(at, at + 3);
      members.push({ routerId: routerId(name!), address: ipv4(address!), metric: Number(metric) });
    }
    const dr = members[0]!;
    const attachedRouters = members.map((member) => member.routerId);
    const body: LsaBody = { kind: 'network', mask: maskOf(length), attachedRouters };
    this.#others.push(lsa(LsType.network, dr.address, dr.routerId, body));
    for (const member of members) {
      const draft = this.#draft(member.routerId);
      const type = RouterLinkType.transit;
      draft.links.push({ type, id: dr.address, data: member.address, metric: member.metric });
      const neighbors = members.filter((other) => other !== member);
      draft.interfaces.push({ network: 'broadcast', address: member.address, prefixLength: length, neighbors });
    }
  }

  #draft(id: Ipv4): RouterDraft {
    const known = this.#routers.get(id);
    if (known !== undefined) return known;
    const draft: RouterDraft = { flags: 0, links: [], interfaces: [] };
    this.#routers.set(id, draft);
    return draft;
  }
}

const SHORT = { intraArea: 'intra', interArea: 'inter', external1: 'E1', external2: 'E2' } as const;

/** One line per route: prefix, path type, cost, next hops. */
export function print({ routes }: SpfResult): string[] {
  return routes.map(({ prefix, pathType, cost, nextHops }) => {
    const hops = nextHops.map((hop) =>
      hop.gateway === undefined ? hop.interface : `${hop.interface} ${formatIpv4(hop.gateway)}`,
    );
    return `${formatPrefix(prefix)} ${SHORT[pathType]} ${cost} via ${hops.join(', ')}`;
  });
}

export function printReachable({ reachable }: SpfResult): string[] {
  return [...reachable].sort((a, b) => a - b).map(formatIpv4);
}

/** d1 with a link to each of two routers, which share a core network behind them. */
export const TWO_UPLINKS = `
  p2p d1 10.1.0.1 10 r1 10.1.0.2 1
  p2p d1 10.1.1.1 10 r2 10.1.1.2 1
  lan 10.9.0.0/24 r1 10.9.0.1 5 r2 10.9.0.2 5
  stub r1 172.16.0.0/16 3
  stub r2 172.16.0.0/16 3
`;
