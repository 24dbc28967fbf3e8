/** An interface as the speaker knows it (RFC 2328 9): settings, state, neighbors, and what waits to be sent. */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Instant } from '../../base/machine.ts';
import type { KeysInForce } from '../../model/keys.ts';
import { type Authenticator, noAuthentication } from '../authentication/interface.ts';
import type { InterfaceConfig, InterfaceStateName } from '../events.ts';
import type { LsaHeader } from '../lsa/lsa.ts';
import type { LsdbEntry } from '../lsdb/lsdb.ts';
import type { Neighbor } from '../neighbor/neighbor.ts';

export interface OspfInterface {
  config: InterfaceConfig;
  readonly name: string;
  /** Made from the settings and the keys in force; see `authenticate`. */
  authenticator: Authenticator;
  keys: KeysInForce | undefined;
  state: InterfaceStateName;
  /** Primary address; 0 until the interface has come up for the first time. */
  address: Ipv4;
  prefixLength: number;
  mtu: number;
  ifindex: number;
  /** Interface addresses; 0 = none. */
  designatedRouter: Ipv4;
  backupDesignatedRouter: Ipv4;
  /** By router id on point-to-point links, by source address on all others (RFC 2328 8.2). */
  readonly neighbors: Map<Ipv4, Neighbor>;

  upAt: Instant;
  /** Router ids to list in Hellos although they have not been heard yet; see restart/take-over.ts. */
  remembered: readonly Ipv4[];
  /** What the operator has been told of; see troubles.ts. */
  readonly troubles: Map<string, Trouble>;
  lastHelloAt: Instant;
  /** Of the description that was sent although nobody had been heard; see opening.ts. */
  openingSequence: number | undefined;
  /** A Hello has come that did not match, since the interface came up. */
  strangerRefused: boolean;
  /** Somebody came or went since the last Hello, so that its list of neighbors is out of date. */
  helloOutdated: boolean;
  /** Event NeighborChange is pending (9.2); several causes in one event elect once. */
  neighborChange: boolean;

  /** Instances to send at the end of the event, by destination, then by database key. */
  readonly updates: Map<Ipv4, Map<string, LsdbEntry>>;
  /** Acknowledgements to send at the end of the event, by destination. */
  readonly directAcks: Map<Ipv4, LsaHeader[]>;
  /** The same, for later; by LSA, so that only the last instance is acknowledged. */
  readonly delayedAcks: Map<string, LsaHeader>;
}

/** What keeps somebody on the link from becoming our neighbor, or makes it a doubtful one. */
export interface Trouble {
  readonly address: Ipv4;
  readonly detail: string;
  readonly toldAt: Instant;
  readonly seenAt: Instant;
}

export function newInterface(config: InterfaceConfig): OspfInterface {
  return {
    config,
    name: config.name,
    authenticator: noAuthentication,
    keys: undefined,
    state: 'down',
    address: 0,
    prefixLength: 0,
    mtu: 0,
    ifindex: 0,
    designatedRouter: 0,
    backupDesignatedRouter: 0,
    neighbors: new Map(),
    upAt: 0,
    remembered: [],
    troubles: new Map(),
    lastHelloAt: Number.NEGATIVE_INFINITY,
    openingSequence: undefined,
    strangerRefused: false,
    helloOutdated: false,
    neighborChange: false,
    updates: new Map(),
    directAcks: new Map(),
    delayedAcks: new Map(),
  };
}

export function isPointToPoint(iface: OspfInterface): boolean {
  return iface.config.network === 'point-to-point';
}

/** Broadcast and NBMA: a Designated Router speaks for the network, and adjacencies are with it and its Backup (9.4, 10.4). */
export function hasDesignatedRouter(iface: OspfInterface): boolean {
  return iface.config.network === 'broadcast' || iface.config.network === 'nbma';
}

/** A point-to-point link without a subnet: its address belongs to another interface, or to nothing but itself. */
export function isUnnumbered(iface: OspfInterface): boolean {
  return isPointToPoint(iface) && iface.prefixLength === 32;
}

/**
 * Whether masks have to agree and sources to be of our subnet: not on point-to-point links, whose far end may be numbered
 * from elsewhere (8.2, 10.5), and not on point-to-multipoint where we have no subnet either.
 */
export function hasSubnet(iface: OspfInterface): boolean {
  if (isPointToPoint(iface)) return false;
  return iface.config.network !== 'point-to-multipoint' || iface.prefixLength < 32;
}

/** Whether Hellos go out as one multicast; else to each neighbor alone (RFC 2328 9.5). */
export function greetsByMulticast(iface: OspfInterface): boolean {
  const { network, neighbors } = iface.config;
  return network === 'point-to-multipoint' ? neighbors.length === 0 : network !== 'nbma';
}

/** Whether one update or acknowledgement reaches all; else each adjacent neighbor gets its own (RFC 2328 8.1). */
export function floodsByMulticast(iface: OspfInterface): boolean {
  return iface.config.network === 'broadcast' || isPointToPoint(iface);
}

/** Whether this interface listens to AllDRouters. */
export function isDesignated(iface: OspfInterface): boolean {
  return iface.state === 'dr' || iface.state === 'backup';
}

/** Bytes that an OSPF packet may take without being fragmented: the MTU less the IP header and the digest. */
export function packetRoom(iface: OspfInterface): number {
  const trailer = iface.authenticator.seal?.trailerLength ?? 0;
  return Math.max(iface.mtu, MINIMUM_MTU) - IP_HEADER_LENGTH - trailer;
}

const IP_HEADER_LENGTH = 20;
/** What every IPv4 link carries (RFC 791); also keeps the arithmetic right should a link report nonsense. */
const MINIMUM_MTU = 576;
