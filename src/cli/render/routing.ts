/** `sluice neighbors`, `interfaces`, `lsdb`, `routes` and `counters`. */
import type {
  CountersDocument,
  InterfaceDocument,
  LsaDocument,
  NeighborDocument,
  RouteDocument,
} from '../../api/documents.ts';
import { duration, table } from './text.ts';

export function renderNeighbors(rows: readonly NeighborDocument[]): string {
  if (rows.length === 0) return 'no neighbors heard';
  return table(
    ['INSTANCE', 'INTERFACE', 'ROUTER ID', 'ADDRESS', 'PRI', 'STATE', 'DR', 'BDR', 'DEAD IN', 'RXMT', 'REQ', 'TROUBLE'],
    rows.map((row) => [
      row.instance,
      row.interface,
      orDash(row.routerId),
      row.address,
      String(row.priority),
      stateText(row),
      orDash(row.designatedRouter),
      orDash(row.backupDesignatedRouter),
      duration(row.deadIn),
      String(row.retransmissions),
      String(row.requests),
      row.trouble ?? '-',
    ]),
    ['PRI', 'DEAD IN', 'RXMT', 'REQ'],
  );
}

export function renderInterfaces(rows: readonly InterfaceDocument[]): string {
  if (rows.length === 0) return 'no interfaces';
  return table(
    [
      'INSTANCE',
      'INTERFACE',
      'NETWORK',
      'STATE',
      'ADDRESS',
      'MTU',
      'COST',
      'DR',
      'BDR',
      'NEIGHBORS',
      'AUTH',
      'TROUBLE',
    ],
    rows.map((row) => [
      row.instance,
      row.interface,
      row.network,
      row.state,
      addressOf(row),
      String(row.mtu),
      String(row.cost),
      orDash(row.designatedRouter),
      orDash(row.backupDesignatedRouter),
      String(row.neighbors),
      authentication(row),
      row.troubles.length === 0 ? '-' : row.troubles.join('; '),
    ]),
    ['MTU', 'COST', 'NEIGHBORS'],
  );
}

function addressOf({ address, prefixLength, unnumbered }: InterfaceDocument): string {
  if (address === null) return '-';
  return unnumbered ? `${address} unnumbered` : `${address}/${prefixLength}`;
}

/** LS types by number. */
export const LSA_NAMES: Readonly<Record<number, string>> = {
  1: 'router',
  2: 'network',
  3: 'summary',
  4: 'asbr-summary',
  5: 'external',
  7: 'nssa',
  9: 'opaque-link',
  10: 'opaque-area',
  11: 'opaque-as',
};

const NOTHING = 'no such LSA is in the database';

export function renderLsdb(rows: readonly LsaDocument[]): string {
  if (rows.length === 0) return NOTHING;
  return table(
    ['INSTANCE', 'TYPE', 'ID', 'ADV ROUTER', 'AGE', 'SEQUENCE', 'CKSUM', 'LEN', 'CONTENT'],
    rows.map((row) => [
      row.instance,
      LSA_NAMES[row.type] ?? String(row.type),
      row.id,
      row.own ? `${row.advertisingRouter} *` : row.advertisingRouter,
      String(row.age),
      row.sequence,
      row.checksum,
      String(row.length),
      row.summary.join(', '),
    ]),
    ['AGE', 'LEN'],
  );
}

/** One block per LSA: what names it, then its facts, one per line. */
export function renderLsdbDetail(rows: readonly LsaDocument[]): string {
  if (rows.length === 0) return NOTHING;
  const blocks = rows.map((row) => {
    const own = row.own ? ', our own' : '';
    const head = `${LSA_NAMES[row.type] ?? `type ${row.type}`} ${row.id} of ${row.advertisingRouter} (${row.instance}${own})`;
    const facts = `age ${row.age}, sequence ${row.sequence}, checksum ${row.checksum}, ${row.length} bytes`;
    return [head, facts, ...row.summary].join('\n  ');
  });
  return blocks.join('\n');
}

export function renderRoutes(rows: readonly RouteDocument[]): string {
  if (rows.length === 0) return 'no routes learned';
  return table(
    ['INSTANCE', 'PREFIX', 'TYPE', 'COST', 'NEXT HOPS', 'INSTALLED'],
    rows.map((row) => [
      row.instance,
      row.prefix,
      row.pathType,
      String(row.cost),
      row.nextHops.map(nextHop).join(', '),
      installation(row),
    ]),
    ['COST'],
  );
}

export function renderCounters(rows: readonly CountersDocument[]): string {
  return table(
    ['INSTANCE', 'COUNTER', 'VALUE'],
    rows.flatMap(({ instance, counters }) =>
      Object.entries(counters).map(([name, value]) => [instance, name, String(value)]),
    ),
    ['VALUE'],
  );
}

/** `hmac-sha-256 key 2`, and what is not as it should be for long. */
function authentication({ authentication: { algorithm, keyId, standing, migrate } }: InterfaceDocument): string {
  const key = algorithm === 'none' || algorithm === 'simple' ? '' : keyId === null ? ' no key' : ` key ${keyId}`;
  const remarks = [...(standing === 'valid' ? [] : [standing]), ...(migrate ? ['migrating'] : [])];
  return `${algorithm}${key}${remarks.length === 0 ? '' : ` (${remarks.join(', ')})`}`;
}

/** `no` alone: it is wanted, and the kernel has not taken it yet, or not at all (see the events). */
function installation(row: RouteDocument): string {
  if (row.installed) return 'yes';
  return row.refusal === null ? 'no' : `no: ${row.refusal}`;
}

function nextHop(hop: RouteDocument['nextHops'][number]): string {
  return hop.gateway === null ? hop.interface : `${hop.gateway} ${hop.interface}`;
}

/** E.g. `full/dr`; `full, restarting` of one that is waited for. */
function stateText({ state, role, helpedFor }: NeighborDocument): string {
  const text = role === null ? state : `${state}/${role}`;
  return helpedFor === null ? text : `${text}, restarting`;
}

function orDash(address: string): string {
  return address === '0.0.0.0' ? '-' : address;
}
