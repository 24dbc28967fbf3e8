/**
 * What a host has of all that a real server needs: the answers of `ip -json` and `nft -j`, and settings of the kernel, as plain
 * values. In: parsed JSON. Out: what could be made out of it; what is strange, or of IPv6, is left out. Reading is a driver's task.
 */
import { type Ipv4, type Prefix, parseIpv4, parsePrefix } from '../base/ipv4.ts';

export interface HostAddress {
  readonly device: string;
  readonly address: Ipv4;
  readonly length: number;
}

/** A device that takes packets out of tunnels. */
export interface HostTunnel {
  readonly kind: string;
  /** Undefined = from anywhere, to any address. */
  readonly remote: string | undefined;
  readonly local: string | undefined;
  /** Of GRE: only packets with a checksum are taken; else only those without. */
  readonly takesChecksums: boolean;
}

export interface HostLink {
  readonly name: string;
  readonly mtu: number;
  readonly isUp: boolean;
  /** Does ARP speak here? */
  readonly hasArp: boolean;
  readonly tunnel: HostTunnel | undefined;
}

export interface HostRoute {
  /** `main`, `local`, or a number. */
  readonly table: string;
  readonly prefix: Prefix;
  /** None where the destination is on the link. */
  readonly gateways: readonly Ipv4[];
  readonly metric: number;
  /** False: packets are dropped, or refused. */
  readonly leads: boolean;
}

/** An nft table as `nft -j list table` tells it. */
export interface HostTable {
  /** Elements of sets and maps by the set's name; of maps `key : data`. */
  readonly elements: ReadonlyMap<string, readonly string[]>;
  /** Comments of the rules by chain, in order; empty text for a rule without. */
  readonly rules: ReadonlyMap<string, readonly string[]>;
}

export interface HostFacts {
  readonly addresses: readonly HostAddress[];
  readonly links: readonly HostLink[];
  readonly routes: readonly HostRoute[];
  /** `ip rule`s that go by a mark. */
  readonly rules: readonly { readonly mark: number; readonly table: string }[];
  /** MAC addresses that ARP knows. */
  readonly neighbors: ReadonlyMap<Ipv4, string>;
  /** UDP ports at which the kernel takes GUE. */
  readonly guePorts: readonly number[];
  readonly tables: ReadonlyMap<string, HostTable>;
  /** By path below /proc/sys. */
  readonly sysctls: ReadonlyMap<string, string>;
}

/** A host of which nothing is known, and that needs everything. */
export const NO_FACTS: HostFacts = {
  addresses: [],
  links: [],
  routes: [],
  rules: [],
  neighbors: new Map(),
  guePorts: [],
  tables: new Map(),
  sysctls: new Map(),
};

/** The answers as they were parsed, empty where a program had nothing to say. */
export interface HostAnswers {
  /** `ip -json -details address show` */
  readonly addresses: unknown;
  /** `ip -json route show table all` */
  readonly routes: unknown;
  /** `ip -json rule show` */
  readonly rules: unknown;
  /** `ip -json neigh show` */
  readonly neighbors: unknown;
  /** `ip -json fou show` */
  readonly fou: unknown;
  /** `nft -j list table ip NAME`, by name; without those that are not there. */
  readonly tables: ReadonlyMap<string, unknown>;
  readonly sysctls: ReadonlyMap<string, string>;
}

type Fields = Readonly<Record<string, unknown>>;

export function hostFacts(answers: HostAnswers): HostFacts {
  const links = records(answers.addresses);
  return {
    addresses: links.flatMap(addressesOf),
    links: links.map(linkOf),
    routes: records(answers.routes).flatMap(routeOf),
    rules: records(answers.rules).flatMap(ruleOf),
    neighbors: new Map(records(answers.neighbors).flatMap(neighborOf)),
    guePorts: records(answers.fou).flatMap(({ port, ...rest }) => ('gue' in rest ? [Number(port)] : [])),
    tables: new Map([...answers.tables].map(([name, listing]) => [name, tableOf(listing)])),
    sysctls: answers.sysctls,
  };
}

function records(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter((one): one is Fields => typeof one === 'object' && one !== null) : [];
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function words(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function addressesOf(link: Fields): HostAddress[] {
  return records(link['addr_info']).flatMap((info) => {
    const address = info['family'] === 'inet' ? parseIpv4(String(info['local'])) : undefined;
    if (address === undefined) return [];
    return [{ device: String(link['ifname']), address, length: Number(info['prefixlen']) }];
  });
}

function linkOf(link: Fields): HostLink {
  const flags = words(link['flags']);
  const isEther = link['link_type'] === 'ether';
  return {
    name: String(link['ifname']),
    mtu: Number(link['mtu'] ?? 1500),
    isUp: flags.includes('UP'),
    hasArp: isEther && !flags.includes('NOARP'),
    tunnel: tunnelOf(fields(link['linkinfo'])),
  };
}

function tunnelOf(info: Fields): HostTunnel | undefined {
  const kind = String(info['info_kind'] ?? '');
  if (kind !== 'ipip' && kind !== 'gre') return undefined;
  const settings = fields(info['info_data']);
  const end = (value: unknown) => (value === undefined || value === 'any' ? undefined : String(value));
  return {
    kind,
    remote: end(settings['remote']),
    local: end(settings['local']),
    takesChecksums: settings['icsum'] === true,
  };
}

const NOWHERE = ['blackhole', 'unreachable', 'prohibit', 'throw'];

function routeOf(route: Fields): HostRoute[] {
  const dst = String(route['dst']);
  const prefix = dst === 'default' ? parsePrefix('0.0.0.0/0') : parsePrefix(dst.includes('/') ? dst : `${dst}/32`);
  if (prefix === undefined) return [];
  const hops = [route, ...records(route['nexthops'])];
  return [
    {
      table: String(route['table'] ?? 'main'),
      prefix,
      gateways: hops.flatMap((hop) => parseIpv4(String(hop['gateway'])) ?? []),
      metric: Number(route['metric'] ?? 0),
      leads: !NOWHERE.includes(String(route['type'])),
    },
  ];
}

function ruleOf(rule: Fields): { mark: number; table: string }[] {
  const mark = Number(rule['fwmark']);
  return Number.isInteger(mark) && mark > 0 ? [{ mark, table: String(rule['table']) }] : [];
}

function neighborOf(neighbor: Fields): [Ipv4, string][] {
  const address = parseIpv4(String(neighbor['dst']));
  const mac = neighbor['lladdr'];
  return address === undefined || typeof mac !== 'string' ? [] : [[address, mac.toLowerCase()]];
}

function tableOf(listing: unknown): HostTable {
  const objects = records(fields(listing)['nftables']);
  const elements = new Map<string, readonly string[]>();
  const rules = new Map<string, readonly string[]>();
  for (const object of objects) {
    const set = fields(object['set'] ?? object['map']);
    if (set['name'] !== undefined) elements.set(String(set['name']), elementsOf(set['elem']));
    const chain = fields(object['chain'])['name'];
    if (chain !== undefined) rules.set(String(chain), rules.get(String(chain)) ?? []);
    const rule = object['rule'] === undefined ? undefined : fields(object['rule']);
    if (rule === undefined) continue;
    const name = String(rule['chain']);
    rules.set(name, [...(rules.get(name) ?? []), String(rule['comment'] ?? '')]);
  }
  return { elements, rules };
}

function elementsOf(elem: unknown): readonly string[] {
  if (!Array.isArray(elem)) return [];
  return elem.map((one: unknown) => (Array.isArray(one) ? one.map(String).join(' : ') : String(one)));
}
