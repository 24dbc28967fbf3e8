/**
 * Inside addresses: by them the real servers of a segment send answers back to a director. Each director has one; when it is
 * dead, another one holds it in its stead.
 *
 * An address of another director is wanted here when that one's agent is gone. Its kernel may forward still, and then knows more
 * connections than anybody: such an address is taken only if nobody answers for it.
 *
 * In: which addresses are wanted here, and what the kernel has. Out: what to change so that it has those and no others of ours,
 * and the links whose neighbours are to be told. An address is good for the link that has a network around it; it is of
 * 32 bits and of link scope, so that it is never a source of packets to elsewhere and stands behind the link's own.
 */
import { formatIpv4, type Ipv4, maskOf } from '../base/ipv4.ts';

export interface InsideLink {
  readonly ifindex: number;
  readonly name: string;
  /** Six bytes. */
  readonly mac: Uint8Array;
  readonly networks: readonly { readonly address: Ipv4; readonly prefixLength: number }[];
}

export interface WantedInside {
  readonly address: Ipv4;
  /** The director whose it is; undefined for our own, which is taken without a question. */
  readonly owner?: string;
}

export interface HeldAddress {
  readonly ifindex: number;
  readonly address: Ipv4;
}

export interface FoundInside {
  /** Ethernet links. */
  readonly links: readonly InsideLink[];
  /** Addresses that carry our protocol number. */
  readonly held: readonly HeldAddress[];
}

export interface InsideOp {
  readonly kind: 'take' | 'release';
  readonly address: Ipv4;
  readonly ifindex: number;
}

/** Only if nobody answers for the address. */
export interface InsideTakeOver extends InsideOp {
  readonly owner: string;
}

export interface InsidePlan {
  /** Releases first. */
  readonly operations: readonly InsideOp[];
  /** After those. */
  readonly takeOvers: readonly InsideTakeOver[];
  /** Wanted, and no link has a network around them. */
  readonly homeless: readonly Ipv4[];
}

export function planInside(wanted: readonly WantedInside[], { links, held }: FoundInside): InsidePlan {
  const homes = wanted.map(({ address, owner }) => ({ address, owner, link: links.find((one) => isOn(address, one)) }));
  const isRight = (one: HeldAddress) =>
    homes.some(({ address, link }) => address === one.address && link?.ifindex === one.ifindex);
  const releases = held
    .filter((one) => !isRight(one))
    .map(({ address, ifindex }): InsideOp => ({ kind: 'release', address, ifindex }));
  const takes = homes.flatMap(({ address, owner, link }) => {
    if (link === undefined || held.some((one) => one.address === address && one.ifindex === link.ifindex)) return [];
    return [{ kind: 'take' as const, address, ifindex: link.ifindex, owner }];
  });
  const own = takes.flatMap(({ owner, ...take }): InsideOp[] => (owner === undefined ? [take] : []));
  const takeOvers = takes.flatMap(({ owner, ...take }) => (owner === undefined ? [] : [{ ...take, owner }]));
  const homeless = homes.flatMap(({ address, link }) => (link === undefined ? [address] : []));
  return { operations: [...releases, ...own], takeOvers, homeless };
}

/** A network of 32 bits has no neighbours. */
function isOn(address: Ipv4, { networks }: InsideLink): boolean {
  return networks.some(({ address: own, prefixLength }) => {
    const mask = maskOf(prefixLength);
    return prefixLength < 32 && (own & mask) === (address & mask);
  });
}

/** One line: `inside address 10.2.0.101 left to d1: its kernel answers`. */
export function formatLeft({ address, owner }: Pick<InsideTakeOver, 'address' | 'owner'>): string {
  return `inside address ${formatIpv4(address)} left to ${owner}: its kernel answers`;
}

/** One line: `in0: inside address 10.2.0.101 taken`. */
export function formatInsideOp({ kind, address, ifindex }: InsideOp, links: readonly InsideLink[]): string {
  const name = links.find((one) => one.ifindex === ifindex)?.name ?? `link ${ifindex}`;
  return `${name}: inside address ${formatIpv4(address)} ${kind === 'take' ? 'taken' : 'released'}`;
}
