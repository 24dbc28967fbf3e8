/**
 * What `show ip ospf …` says, as rows. Of 8.4 and 10.3: only names that both have are read (docs/facts/frr.md).
 * Addresses as numbers, times in milliseconds.
 */
import { type Ipv4, parseIpv4 } from '../base/ipv4.ts';
import type { Millis } from '../base/machine.ts';
import type { InterfaceStateName, NeighborStateName, NetworkType } from '../ospf/events.ts';
import { isJson, type Json, jsonAt, listAt, numberAt, textAt } from './json.ts';

export interface FrrNeighbor {
  readonly interface: string;
  readonly routerId: Ipv4;
  readonly address: Ipv4;
  readonly priority: number;
  readonly state: NeighborStateName;
  readonly role: 'dr' | 'backup' | 'drOther' | undefined;
  readonly deadIn: Millis;
  readonly retransmissions: number;
  readonly requests: number;
}

export interface FrrInterface {
  readonly name: string;
  readonly state: InterfaceStateName;
  readonly network: NetworkType;
  readonly passive: boolean;
  readonly unnumbered: boolean;
  readonly area: Ipv4;
  readonly address: Ipv4 | undefined;
  readonly prefixLength: number;
  readonly mtu: number;
  readonly cost: number;
  readonly priority: number;
  readonly hello: Millis;
  readonly dead: Millis;
  readonly designatedRouter: Ipv4;
  readonly backupDesignatedRouter: Ipv4;
  readonly neighbors: number;
}

/** `show ip ospf json`. */
export interface FrrSummary {
  readonly routerId: Ipv4;
  readonly areas: readonly { readonly id: Ipv4; readonly type: 'normal' | 'stub' | 'nssa' }[];
  /** Changes whenever an LSA of the database comes, goes or changes. */
  readonly fingerprint: string;
}

export function readNeighbors(document: Json): FrrNeighbor[] {
  return Object.entries(jsonAt(document, 'neighbors')).flatMap(([routerId, rows]) => {
    if (!Array.isArray(rows)) return [];
    return rows.filter(isJson).map((row): FrrNeighbor => {
      const [state, role] = (textAt(row, 'nbrState') ?? '').split('/');
      return {
        // `e1:10.1.0.1`
        interface: (textAt(row, 'ifaceName') ?? '').split(':')[0]!,
        routerId: parseIpv4(routerId) ?? 0,
        address: addressAt(row, 'ifaceAddress'),
        priority: numberAt(row, 'nbrPriority'),
        state: NEIGHBOR_STATES[state ?? ''] ?? 'down',
        role: ROLES[role ?? ''],
        deadIn: numberAt(row, 'routerDeadIntervalTimerDueMsec'),
        retransmissions: numberAt(row, 'linkStateRetransmissionListCounter'),
        requests: numberAt(row, 'linkStateRequestListCounter'),
      };
    });
  });
}

const NEIGHBOR_STATES: Readonly<Record<string, NeighborStateName>> = {
  Deleted: 'down',
  Down: 'down',
  Attempt: 'attempt',
  Init: 'init',
  '2-Way': 'twoWay',
  ExStart: 'exStart',
  Exchange: 'exchange',
  Loading: 'loading',
  Full: 'full',
};

/** `-` on a link where nobody is elected. */
const ROLES: Readonly<Record<string, FrrNeighbor['role']>> = { DR: 'dr', Backup: 'backup', DROther: 'drOther' };

export function readInterfaces(document: Json): FrrInterface[] {
  return Object.entries(jsonAt(document, 'interfaces')).flatMap(([name, row]) => {
    return isJson(row) && row['ospfEnabled'] === true ? [interfaceOf(name, row)] : [];
  });
}

function interfaceOf(name: string, row: Json): FrrInterface {
  const passive = 'timerPassiveIface' in row;
  const state = INTERFACE_STATES[textAt(row, 'state') ?? ''] ?? 'down';
  return {
    name,
    state: passive && state !== 'down' ? 'passive' : state,
    network: NETWORKS[textAt(row, 'networkType') ?? ''] ?? 'broadcast',
    passive,
    unnumbered: row['ifUnnumbered'] === true,
    area: parseIpv4((textAt(row, 'area') ?? '').split(' ')[0]!) ?? 0,
    address: parseIpv4(textAt(row, 'ipAddress') ?? ''),
    prefixLength: numberAt(row, 'ipAddressPrefixlen'),
    mtu: numberAt(row, 'mtuBytes'),
    cost: numberAt(row, 'cost'),
    priority: numberAt(row, 'priority'),
    hello: numberAt(row, 'timerMsecs'),
    dead: numberAt(row, 'timerDeadSecs') * 1000,
    designatedRouter: addressAt(row, 'drAddress'),
    backupDesignatedRouter: addressAt(row, 'bdrAddress'),
    neighbors: numberAt(row, 'nbrAdjacentCount'),
  };
}

const INTERFACE_STATES: Readonly<Record<string, InterfaceStateName>> = {
  Down: 'down',
  Loopback: 'passive',
  Waiting: 'waiting',
  'Point-To-Point': 'pointToPoint',
  DROther: 'drOther',
  Backup: 'backup',
  DR: 'dr',
};

const NETWORKS: Readonly<Record<string, NetworkType>> = {
  POINTOPOINT: 'point-to-point',
  BROADCAST: 'broadcast',
  NBMA: 'nbma',
  POINTOMULTIPOINT: 'point-to-multipoint',
};

export function readSummary(document: Json): FrrSummary {
  const areas = Object.entries(jsonAt(document, 'areas'));
  const counts = [document, ...areas.map(([, area]) => area)]
    .filter(isJson)
    .flatMap((part) => Object.entries(part).filter(([name]) => /^lsa\w*(?:Counter|Number|Checksum)$/.test(name)));
  return {
    routerId: addressAt(document, 'routerId'),
    areas: areas.map(([id, area]) => ({ id: parseIpv4(id) ?? 0, type: areaType(isJson(area) ? area : {}) })),
    fingerprint: counts.map(([name, value]) => `${name}=${String(value)}`).join(),
  };
}

function areaType(area: Json): 'normal' | 'stub' | 'nssa' {
  if (area['nssa'] === true) return 'nssa';
  return area['stubNoSummary'] === true || area['stubShortcut'] === true || area['stub'] === true ? 'stub' : 'normal';
}

function addressAt(row: Json, name: string): Ipv4 {
  return parseIpv4(textAt(row, name) ?? '') ?? 0;
}

/** Rows of `show ip ospf database TYPE json`: of the whole system, or of its areas; of one area only if there is one given. */
export function lsaRows(document: Json, name: string, area?: string): readonly Json[] {
  if (Array.isArray(document[name])) return listAt(document, name);
  return Object.entries(jsonAt(jsonAt(document, name), 'areas')).flatMap(([id, rows]) =>
    Array.isArray(rows) && (area === undefined || id === area) ? rows.filter(isJson) : [],
  );
}
