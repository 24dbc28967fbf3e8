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
  readonly why: string;
}

/** As sysctl(8) writes it: dots between the parts, dots inside a part shown as slashes. */
export function sysctlName(path: SysctlPath): string {
  return path.map((part) => part.replaceAll('.', '/')).join('.');
}

const equals = (value: string) => (current: string) => current === value;

function exactly(name: string, value: string, why: string): SysctlRule {
  return { path: name.split('.'), value, accepts: equals(value), why };
}

const GLOBAL: readonly SysctlRule[] = [
  exactly('net.ipv4.ip_forward', '1', 'a director forwards'),
  exactly(
    'net.netfilter.nf_conntrack_tcp_loose',
    '1',
    'a connection that another director began is picked up in mid-life',
  ),
  exactly(
    'net.netfilter.nf_conntrack_tcp_be_liberal',
    '1',
    'a connection picked up in mid-life has unknown windows; its packets must not become invalid',
  ),
];

function perInterface(name: string): readonly SysctlRule[] {
  return [
    {
      path: ['net', 'ipv4', 'conf', name, 'rp_filter'],
      value: '2',
      // The kernel uses the stricter of `all` and the interface, where 2 (loose) outranks 1 (strict).
      accepts: (current) => current !== '1',
      why: 'with several upstream routers a client answers by another link than the best route back',
    },
    {
      path: ['net', 'ipv4', 'conf', name, 'send_redirects'],
      value: '0',
      accepts: equals('0'),
      why: 'a real server told to bypass the director would answer the client untranslated',
    },
  ];
}

/** `interfaces`: the entries of /proc/sys/net/ipv4/conf, among them `all` and `default`. */
export function sysctlRules(interfaces: readonly string[]): readonly SysctlRule[] {
  return [...GLOBAL, ...interfaces.flatMap(perInterface)];
}
