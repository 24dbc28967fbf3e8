/** Names of everything that Sluice owns in nftables. The tables carry a version: another layout gets another name. */

/** Translation, hash slots and counters. */
export const DATA_TABLE = 'sluice_v1';

/** What must never leave this director, nor be answered by it, whatever the data table holds. */
export const GUARD_TABLE = 'sluice_guard_v1';

/** Direct routing: what is passed on as it came, before anything else sees it. */
export const DR_TABLE = 'sluice_dr_v1';

export const OUR_TABLES: readonly string[] = [DATA_TABLE, GUARD_TABLE, DR_TABLE];

export const FAMILIES = ['ip', 'netdev'] as const;
export type Family = (typeof FAMILIES)[number];

/** A name of ours stands for one table, in one family. */
export function tableFamily(table: string): Family {
  return table === DR_TABLE ? 'netdev' : 'ip';
}

/** Map in the data table: VIP . protocol . port to the service's chain. */
export const SERVICES_MAP = 'services';

/** Sets in the data table: server id, with a packet and byte counter each. */
export const TRAFFIC_IN_SET = 'traffic_in';
export const TRAFFIC_OUT_SET = 'traffic_out';

/** In the table of direct routing: ICMP errors to chains, server id to interface, server id with a counter of new flows. */
export const ERRORS_MAP = 'errors';
export const LINKS_MAP = 'links';
export const NEW_SET = 'new_connections';
/** In the data table, for FullNAT: ids of servers, own port blocks by slot, and in both tables all local addresses. */
export const FULLNAT_SET = 'fullnat';
export const BLOCKS_MAP = 'blocks';
export const LIPS_SET = 'lips';
/** Named counter in the data table: new connections dropped because this director has no port block. */
export const NO_BLOCK_COUNTER = 'fullnat_no_block';

/** Of ct timeout objects; the rest of the name follows from what the object says. */
export const TIMEOUTS_PREFIX = 'timeouts_';

/** Beside IPVS, in the data table: VIP . protocol . port . server, and mark . server, to the server's id. */
export const MEMBERS_MAP = 'members';
export const MARKED_MEMBERS_MAP = 'marked_members';
/** The same: ids of servers of whose connections more is told than usual. */
export const TOLD_SETS = { answers: 'told_answers', everything: 'told_everything' } as const;

/** Beside IPVS, of services with directors among their servers: MAC addresses of the others, the marks, a chain; in the guard table what is for here. */
export const FELLOWS_SET = 'fellows';
export const LOOPED_MAP = 'looped';
export const LOOPED_CHAIN = 'from_clients';
export const OWN_SET = 'own';

/** Map in the data table: packet mark to the service's chain. */
export const FWMARKS_MAP = 'fwmarks';

/** Of services with persistence: ids of the servers that take new connections, and what keeps their clients' entries alive. */
export const TAKERS_SET = 'takers';
export const REFRESH_MAP = 'refresh';
/** In the data and the guard table, for SNAT: interfaces by which connections of servers leave. */
export const EGRESS_LINKS_SET = 'egress_links';

/** Sets in the data table: ids of servers whose connections are ended, and of those that may have so many at most. */
export const ENDED_SET = 'ended';
export const LIMITS_SET = 'limits';

/** Named counter in the data table: new connections refused because their server had as many as it may have. */
export const REFUSED_COUNTER = 'connections_refused';

/** In the data table, for packets in mid-life of connections that nobody here knows. */
export const SECOND_CHANCE_SET = 'second_chance';
export const MISS_SOURCES_SET = 'miss_sources';
export const MISS_ASKED_SET = 'miss_asked';

/** Beside IPVS: endpoints, and marks, of which a connection in mid-life finds its server by the hash. */
export const BY_HASH_SET = 'by_hash';
export const MARKED_BY_HASH_SET = 'marked_by_hash';
/** Named counters: packets handed to the agent, so that it can ask about them; packets that it gave back, and nobody knows all the same. */
export const ASKED_COUNTER = 'asked';
export const RETURNED_COUNTER = 'returned_unknown';

/** The interface by which the agent gives packets back. */
export const MISS_DEVICE = 'sluice-miss';

/** In the data table: foreign port blocks of shared addresses, by ports and by the numbers in ICMP that stand for them; packets sent on. */
export const HAND_OVER_MAP = 'hand_over';
export const HAND_OVER_NUMBERS_MAP = 'hand_over_numbers';
export const HAND_OVER_COUNTER = 'handed_over';

/** Sets in the guard table; the VIPs and the real servers in the data table, too. */
export const POOLS_SET = 'pools';
export const VIPS_SET = 'vips';
export const SOURCES_SET = 'sources';
export const UPSTREAM_SET = 'upstream';
export const ONE_ARM_SET = 'one_arm';
export const REAL_SERVERS_SET = 'real_servers';
export const MARKED_SERVERS_SET = 'marked_servers';

/** Named counters in the guard table: packets for a VIP that nobody here knows, of servers, on their way through. */
export const UNKNOWN_COUNTER = 'vip_unknown';
export const UNTRANSLATED_COUNTER = 'server_untranslated';
export const TRANSIT_COUNTER = 'transit';
export const LIP_COUNTER = 'lip_unknown';
export const POOL_COUNTER = 'pool_unknown';
export const EGRESS_COUNTER = 'egress_untranslated';

/** Of one pool: the chain that translates, and own port blocks by slot. */
export function poolNames(pool: string): { readonly chain: string; readonly blocks: string } {
  const name = escapeName(pool);
  return { chain: `egress_${name}`, blocks: `${POOL_PREFIX}${name}` };
}

/** True for a map of slots to port blocks, of whatever pool. */
export function isPoolMap(name: string): boolean {
  return name.startsWith(POOL_PREFIX);
}

export interface ServiceNames {
  readonly chain: string;
  readonly slots: string;
  readonly servers: string;
  readonly newConnections: string;
  readonly misses: string;
  /** The rest belongs to direct routing. */
  readonly errors: string;
  readonly flows: string;
  readonly down: string;
  /** Of services with persistence: who went where, what remembers it, and how often there was no room for it. */
  readonly clients: string;
  readonly refresh: string;
  readonly full: string;
}

const POOL_PREFIX = 'pool_';
const CHAIN_PREFIX = 'service_';
const SLOTS_PREFIX = 'slots_';
const SERVERS_PREFIX = 'servers_';
const DOWN_PREFIX = 'down_';

/** nft identifiers hold letters, digits, `_`, `.` and `-`; anything else is written as `_` and four hexadecimal digits. */
function escapeName(name: string): string {
  return name.replace(/[^A-Za-z0-9.-]/g, (c) =>
    c === '_' ? '__' : `_${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The objects of one service. The prefixes keep names clear of nft's keywords. */
export function serviceNames(service: string): ServiceNames {
  return namesOf(escapeName(service));
}

/** The same, of the service that this chain belongs to: by it packets find the rest. */
export function namesByChain(chain: string): ServiceNames {
  return namesOf(chain.slice(CHAIN_PREFIX.length));
}

function namesOf(name: string): ServiceNames {
  return {
    chain: `${CHAIN_PREFIX}${name}`,
    slots: `${SLOTS_PREFIX}${name}`,
    servers: `${SERVERS_PREFIX}${name}`,
    newConnections: `new_${name}`,
    misses: `miss_${name}`,
    errors: `errors_${name}`,
    flows: `flows_${name}`,
    down: `${DOWN_PREFIX}${name}`,
    clients: `clients_${name}`,
    refresh: `refresh_${name}`,
    full: `full_${name}`,
  };
}

/** The chain that gets the packets of an interface before anyone else. */
export function ingressChain(device: string): string {
  return `ingress_${escapeName(device)}`;
}

/** True for a set of ids of servers that no flow sticks to any more, of whatever service. */
export function isDownSet(name: string): boolean {
  return name.startsWith(DOWN_PREFIX);
}

/** True for a map of server ids to addresses, of whatever service. */
export function isServersMap(name: string): boolean {
  return name.startsWith(SERVERS_PREFIX);
}

/** True for a map of hash slots to server ids, of whatever service. */
export function isSlotsMap(name: string): boolean {
  return name.startsWith(SLOTS_PREFIX);
}
