/** What origination keeps from one event to the next: what is wanted, what is out, and what we remember of each LSA of ours. */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Instant } from '../../base/machine.ts';
import { LsType } from '../codes.ts';
import type { AnnouncedPrefix } from '../events.ts';
import { lsaKeyText } from '../lsa/codec.ts';

export interface Origination {
  /** The database key of our own router-LSA. */
  readonly routerLsaKey: string;
  /** Sorted by address and length, each prefix once. */
  wanted: readonly AnnouncedPrefix[];
  /** The prefixes in the router-LSA that is out. */
  stubs: readonly AnnouncedPrefix[];
  readonly external: ExternalState;
  /** An LSA that announces prefixes has gone out, and nobody was told yet. */
  unreported: boolean;
  /** Something may have changed. */
  dirty: boolean;
  /** A neighbor has become Full that has no young copy of our router-LSA: it is to have the next one now. */
  unpaced: boolean;
  /** Until then adjacencies wait for the first prefix; see InstanceConfig.firstAnnounceLimit. */
  awaitFirstUntil: Instant;
  readonly own: Map<string, OwnLsa>;
}

/** What is kept from one calculation of the LSAs that announce a prefix each to the next; see external-lsa.ts. */
export interface ExternalState {
  /** By `prefixNumber`. */
  linkStateIds: ReadonlyMap<number, Ipv4>;
  /** Of the type 7 LSAs; undefined when there is none to choose. */
  forwardingAddress: Ipv4 | undefined;
  /** The prefixes that are out, by database key. */
  readonly announced: Map<string, AnnouncedPrefix>;
  /** We have announced such a prefix, so we are an AS boundary router. */
  isBoundary: boolean;
}

/** What we remember of an LSA of ours beyond the database, which forgets an LSA once it is flushed. */
export interface OwnLsa {
  /** Of the last instance, ours or one that came back to us; undefined before the first. */
  sequence: number | undefined;
  originatedAt: Instant;
  /** It is time for the periodic refresh. */
  refresh: boolean;
  /** An instance of it has come back to us that we have to outdo, at the latest by then. */
  outdoBy: Instant | undefined;
  /** It is, or was, wanted: its numbers are worth going on from. Others only came back in our name. */
  isOurs: boolean;
}

export function newOrigination(routerId: Ipv4, awaitFirstUntil: Instant): Origination {
  return {
    routerLsaKey: lsaKeyText({ type: LsType.router, id: routerId, advertisingRouter: routerId }),
    wanted: [],
    stubs: [],
    external: { linkStateIds: new Map(), forwardingAddress: undefined, announced: new Map(), isBoundary: false },
    unreported: false,
    dirty: true,
    unpaced: false,
    awaitFirstUntil,
    own: new Map(),
  };
}

/** By database key; remembered from now on. */
export function ownLsa({ own }: Origination, key: string): OwnLsa {
  const known = own.get(key);
  if (known !== undefined) return known;
  const fresh: OwnLsa = {
    sequence: undefined,
    originatedAt: Number.NEGATIVE_INFINITY,
    refresh: false,
    outdoBy: undefined,
    isOurs: false,
  };
  own.set(key, fresh);
  return fresh;
}
