import type { Ipv4 } from '../../core/base/ipv4.ts';
import { successorOrder } from '../../core/hash/port-blocks.ts';
import type { Cluster, Director, PrefixClass, Service } from '../../core/model/cluster.ts';
import type { LoadedCluster } from '../cluster-file.ts';

/** An address that is no VIP, with what announces it. */
export interface OwnAddress {
  readonly address: Ipv4;
  readonly class: Exclude<PrefixClass, 'vip'>;
  /** Other directors have it too. */
  readonly shared: boolean;
  readonly metric: number;
}

/** There is nobody to compare with but who stands in. */
const METRIC = 10;
/** Between those who stand in for a director: more than paths to two directors should differ by. */
const RANK_METRIC = 100;

/** The director's own addresses, those shared with the others behind, pools of SNAT last. */
export function ownAddresses({ local, snat }: Cluster, director: Director): readonly OwnAddress[] {
  const pools = snat.flatMap(({ pool }) => pool);
  return [
    ...director.local.map((address) => ({ address, class: 'local' as const, shared: false, metric: METRIC })),
    ...local.shared.map((address) => ({ address, class: 'local' as const, shared: true, metric: METRIC })),
    ...pools.map((address) => ({ address, class: 'snat' as const, shared: true, metric: METRIC })),
  ];
}

/**
 * FullNAT addresses of other directors, for which this one stands in: answers to them come to the owner as long as that is
 * announced, and then to the director that its port blocks fall to.
 */
export function standInAddresses({ directors, services }: Cluster, director: Director): readonly OwnAddress[] {
  if (!services.some(({ forward }) => forward === 'fullnat')) return [];
  return directors.flatMap(({ name, local }) => {
    if (name === director.name) return [];
    const others = directors.flatMap((one) => (one.name === name ? [] : [one.name]));
    return local.map((address) => {
      const rank = successorOrder(address, others).indexOf(director.name) + 1;
      return { address, class: 'local', shared: true, metric: METRIC + RANK_METRIC * rank };
    });
  });
}

/** All that this director may be found at beside VIPs. */
export function allOwnAddresses({ cluster, director }: LoadedCluster): readonly OwnAddress[] {
  return [...ownAddresses(cluster, director), ...standInAddresses(cluster, director)];
}

/** VIPs that are announced where the own addresses are. */
export function insideVips(services: readonly Service[]): ReadonlySet<Ipv4> {
  return new Set(services.flatMap(({ inside, vips }) => (inside ? vips : [])));
}
