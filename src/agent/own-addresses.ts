import type { Ipv4 } from '../core/base/ipv4.ts';
import type { Cluster, Director, PrefixClass, Service } from '../core/model/cluster.ts';

/** An address that is no VIP, with what announces it. */
export interface OwnAddress {
  readonly address: Ipv4;
  readonly class: Exclude<PrefixClass, 'vip'>;
  /** Other directors have it too. */
  readonly shared: boolean;
}

/** The director's own addresses, those shared with the others behind, pools of SNAT last. */
export function ownAddresses({ local, snat }: Cluster, director: Director): readonly OwnAddress[] {
  const pools = snat.flatMap(({ pool }) => pool);
  return [
    ...director.local.map((address) => ({ address, class: 'local' as const, shared: false })),
    ...local.shared.map((address) => ({ address, class: 'local' as const, shared: true })),
    ...pools.map((address) => ({ address, class: 'snat' as const, shared: true })),
  ];
}

/** VIPs that are announced where the own addresses are. */
export function insideVips(services: readonly Service[]): ReadonlySet<Ipv4> {
  return new Set(services.flatMap(({ inside, vips }) => (inside ? vips : [])));
}
