/**
 * Kernel settings that the NAT data plane needs, each with the reason, and which of them are not met. The driver reads and
 * writes them; this file only decides.
 */

/** Path below /proc/sys, split at the slashes: interface names may hold dots. */
export type SysctlPath = readonly string[];

export interface SysctlRule {
  readonly path: SysctlPath;
  /** What is written when the present value is not accepted. */
  readonly value: string;
  readonly accepts: (current: string) => boolean;
  /** What is accepted, in words. */
  readonly wanted: string;
  readonly why: string;
}

/** As sysctl(8) writes it: dots between the parts, dots inside a part shown as slashes. */
export function sysctlName(path: SysctlPath): string {
  return path.map((part) => part.replaceAll('.', '/')).join('.');
}

const equals = (value: string) => (current: string) => current === value;

function exactly(name: string, value: string, why: string): SysctlRule {
  return { path: name.split('.'), value, accepts: equals(value), wanted: value, why };
}

const CONNTRACK = 'net.netfilter.nf_conntrack';

/** How long conntrack keeps an established connection on which nothing moves; what other settings are measured by. */
export const ESTABLISHED_TIMEOUT: SysctlPath = `${CONNTRACK}_tcp_timeout_established`.split('.');

const GLOBAL: readonly SysctlRule[] = [
  exactly('net.ipv4.ip_forward', '1', 'a director forwards'),
  exactly(`${CONNTRACK}_tcp_loose`, '1', 'a connection that another director began is picked up in mid-life'),
  exactly(
    `${CONNTRACK}_tcp_be_liberal`,
    '1',
    'a connection picked up in mid-life has unknown windows; its packets must not become invalid',
  ),
  exactly(
    `${CONNTRACK}_events`,
    '1',
    'with 2, connections that are older than the first listener never say that they change or end',
  ),
];

/** Seconds of `established` in decimal. More is as good. */
function unacknowledged(established: string): SysctlRule {
  return {
    path: `${CONNTRACK}_tcp_timeout_unacknowledged`.split('.'),
    value: established,
    accepts: (current) => Number(current) >= Number(established),
    wanted: `at least ${established}`,
    why: 'answers may go by another director: nothing that is sent here is ever acknowledged here, and the connection must last',
  };
}

function perInterface(name: string): readonly SysctlRule[] {
  return [
    {
      path: ['net', 'ipv4', 'conf', name, 'rp_filter'],
      value: '2',
      // The kernel uses the stricter of `all` and the interface, where 2 (loose) outranks 1 (strict).
      accepts: (current) => current !== '1',
      wanted: '0 or 2',
      why: 'with several upstream routers a client answers by another link than the best route back',
    },
    {
      path: ['net', 'ipv4', 'conf', name, 'send_redirects'],
      value: '0',
      accepts: equals('0'),
      wanted: '0',
      why: 'a real server told to bypass the director would answer the client untranslated',
    },
  ];
}

/**
 * `interfaces`: the entries of /proc/sys/net/ipv4/conf, among them `all` and `default`; `established`: the present value of
 * `ESTABLISHED_TIMEOUT`, which is the operator's.
 */
export function sysctlRules(interfaces: readonly string[], established: string): readonly SysctlRule[] {
  return [...GLOBAL, unacknowledged(established), ...interfaces.flatMap(perInterface)];
}

/** Connections of destinations that are no more: ended by their next packet (1), or kept without an answer (0). */
export const EXPIRE_NODEST: SysctlPath = ['net', 'ipv4', 'vs', 'expire_nodest_conn'];

/** What IPVS needs besides; they are there once its module is loaded. */
export const IPVS_SYSCTLS: readonly SysctlRule[] = [
  exactly(
    'net.ipv4.vs.conntrack',
    '1',
    'conntrack knows a connection from the client to the server: source NAT, the guard and connection sync go by it',
  ),
  exactly('net.ipv4.vs.sloppy_tcp', '1', 'a TCP connection that another director began is picked up in mid-life'),
  exactly('net.ipv4.vs.sloppy_sctp', '1', 'the same of SCTP'),
  exactly(
    EXPIRE_NODEST.join('.'),
    '1',
    'a connection of a server that is no more ends at once; with 0 its packets vanish, and the client waits',
  ),
  exactly(
    'net.ipv4.vs.expire_quiescent_template',
    '1',
    'a client that persistence holds to a server which takes no connections gets another one',
  ),
  exactly(
    'net.ipv4.vs.backup_only',
    '0',
    'with 1 a director that takes connections from others balances none, although all directors are active',
  ),
  {
    path: ['net', 'ipv4', 'vs', 'conn_reuse_mode'],
    value: '1',
    accepts: (current) => current !== '0',
    wanted: '1 or more',
    why: 'with 0 a port that a client uses again meets the server of its last connection, also when that is down',
  },
];

/** A setting that an agent has changed. */
export interface ChangedSysctl {
  readonly path: SysctlPath;
  /** What was there. */
  readonly before: string;
  /** What the agent wrote. */
  readonly written: string;
}

/**
 * `changes` with one more. Of a setting that was changed twice the later `before` counts: somebody has set it in between,
 * and that is what it goes back to.
 */
export function withChange(changes: readonly ChangedSysctl[], change: ChangedSysctl): readonly ChangedSysctl[] {
  const name = sysctlName(change.path);
  return [...changes.filter(({ path }) => sysctlName(path) !== name), change];
}

const VERSION = 1;

/** For a file. `host` says of which network namespace of which boot the settings are. */
export function encodeChanges(host: string, changes: readonly ChangedSysctl[]): string {
  return `${JSON.stringify({ version: VERSION, host, changes })}\n`;
}

/** The changes in `text`; none when they are of another host, or the text makes no sense: then nothing is put back. */
export function decodeChanges(host: string, text: string): readonly ChangedSysctl[] {
  try {
    const file = JSON.parse(text) as { version?: unknown; host?: unknown; changes?: unknown };
    if (file.version !== VERSION || file.host !== host || !Array.isArray(file.changes)) return [];
    return file.changes.every(isChange) ? file.changes : [];
  } catch {
    return [];
  }
}

function isChange(value: unknown): value is ChangedSysctl {
  const { path, before, written } = (value ?? {}) as Record<string, unknown>;
  const isPath = Array.isArray(path) && path.every((part) => typeof part === 'string' && /^[^/]+$/.test(part));
  return isPath && !path.includes('..') && typeof before === 'string' && typeof written === 'string';
}
