/** A routing instance as FRR is to have it: its process, its area, and what it announces. */
import type { Ipv4, Prefix } from '../base/ipv4.ts';
import type { AnnouncedAs } from '../model/routing.ts';

export interface FrrPrefix {
  readonly prefix: Prefix;
  readonly metric: number;
  readonly lsa: AnnouncedAs;
}

export interface InstanceWish {
  readonly name: string;
  /** `''` for `router ospf`, `1` for `router ospf 1`. */
  readonly process: string;
  readonly area: Ipv4;
  readonly prefixes: readonly FrrPrefix[];
}
