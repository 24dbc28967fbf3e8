/**
 * What a real server needs so that its answers go back to the director that a connection last came from (`forward: nat`).
 *
 * An answer must pass a director that knows the connection. All directors are active, so the server's default route is no
 * answer: it names one of them. The director that sent the connection's last packet does know it, and the packet carried that
 * director's MAC address:
 *
 *   prerouting   connection mark := number of the director whose MAC the packet came from, on every packet from a client,
 *                so the mark follows when the connection moves to another director. (The kernel writes the mark, and tells
 *                listeners, only when the value differs.)
 *   output       packet mark := connection mark; the chain is of type route, so the kernel looks for a route again
 *   ip rule      packet mark k -> table 100+k, whose default route is director k's inside address
 *
 * Assumes that the server's MAC table is right: a director whose interface is replaced needs new rules. Whatever depends on the
 * cluster stands in sets, so that the rules themselves are always the same, and are known by their comments.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import type { HostFacts, HostTable } from './facts.ts';
import { type Need, run } from './need.ts';
import { reversePathNeed } from './vips.ts';

export interface ReturnDirector {
  readonly name: string;
  /** Of the director's inside interface, `aa:bb:cc:dd:ee:ff`. */
  readonly mac: string;
  readonly insideAddress: Ipv4;
}

export interface SourceMacReturnInput {
  /** The server's interface on the segment that it shares with the directors. */
  readonly interface: string;
  /** By number, from 1: a director's mark and, from 100 on, its routing table. An unknown one leaves its number free. */
  readonly directors: readonly (ReturnDirector | undefined)[];
  /** Only connections to these addresses of the server are marked; without it, all that come from a director. */
  readonly servers?: readonly Ipv4[];
  /** A director must not be the default route, as other packets have to go past them all. */
  readonly isGatewayless?: boolean;
}

export interface SourceMacReturnRules {
  /** For `nft -f -`; replaces its own table only, so it may be loaded again. */
  readonly nft: string;
  /** To be run in order. A second run differs in one point: `ip rule add` says `File exists`, and rightly. */
  readonly commands: readonly (readonly string[])[];
}

export const RETURN_TABLE = 'sluice_return_v1';

/** Routing tables are numbered from here; packet marks from 0. */
const FIRST_ROUTING_TABLE = 100;

/** Worse than any default route that the operator may have set. */
const SPARE_METRIC = '60000';

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

const MARKING = 'sluice return in';
const ROUTING = 'sluice return out';

/** Elements as nft and its JSON write them, by set. */
function elementsOf({ interface: name, directors, servers = [] }: SourceMacReturnInput) {
  return {
    directors: known(directors).map(({ director, number }) => `${director.mac.toLowerCase()} : ${number}`),
    interfaces: [name],
    servers: servers.map(formatIpv4),
  };
}

function known(directors: SourceMacReturnInput['directors']): { director: ReturnDirector; number: number }[] {
  return directors.flatMap((director, i) => (director === undefined ? [] : [{ director, number: i + 1 }]));
}

function setText(kind: 'map' | 'set', name: string, type: string, elements: readonly string[]): string {
  return `  ${kind} ${name} {\n    typeof ${type}\n    elements = { ${elements.join(', ')} }\n  }\n`;
}

function nftText(input: SourceMacReturnInput): string {
  const { directors, interfaces, servers } = elementsOf(input);
  const toServers = servers.length === 0 ? '' : ' ip daddr @servers';
  const quoted = interfaces.map((name) => `"${name}"`);
  return `table ip ${RETURN_TABLE} {
}
delete table ip ${RETURN_TABLE}
table ip ${RETURN_TABLE} {
${setText('map', 'directors', 'ether saddr : ct mark', directors)}${setText('set', 'interfaces', 'iifname', quoted)}${
  servers.length === 0 ? '' : setText('set', 'servers', 'ip daddr', servers)
}  chain prerouting {
    type filter hook prerouting priority -150; policy accept;
    iifname @interfaces${toServers} ct direction original ct mark set ether saddr map @directors comment "${MARKING}"
  }
  chain output {
    type route hook output priority -150; policy accept;
    ct direction reply ct mark != 0 meta mark set ct mark comment "${ROUTING}"
  }
}
`;
}

/**
 * The same as `returnNeeds`, as commands for a server of which nothing is known.
 *
 * @throws RangeError when there is no director, or a MAC address or interface name is malformed
 */
export function sourceMacReturnRules(input: SourceMacReturnInput): SourceMacReturnRules {
  check(input);
  const ways = known(input.directors).flatMap(({ director, number }) => [
    routeCommand(input.interface, director, number),
    ruleCommand(number),
  ]);
  return {
    nft: nftText(input),
    commands: [
      // Clients come in here whatever the server's own default route is.
      ['sysctl', '-q', '-w', `net/ipv4/conf/${input.interface}/rp_filter=2`],
      // The kernel looks for a route once before the output chain can mark the packet; without any it gives up there.
      spareCommand(input),
      ...ways,
    ],
  };
}

function check({ interface: name, directors }: SourceMacReturnInput): void {
  if (known(directors).length === 0) throw new RangeError('no director to answer to');
  for (const { director } of known(directors)) {
    if (!MAC.test(director.mac)) throw new RangeError(`director ${director.name}: not a MAC address: ${director.mac}`);
  }
  if (!/^[^\s"/]{1,15}$/.test(name)) throw new RangeError(`not an interface name: ${name}`);
}

function spareCommand({ interface: name, directors }: SourceMacReturnInput): readonly string[] {
  const [first] = known(directors);
  const via = ['via', formatIpv4(first!.director.insideAddress)];
  return ['ip', 'route', 'replace', 'default', ...via, 'dev', name, 'metric', SPARE_METRIC];
}

function tableOf(number: number): string {
  return String(FIRST_ROUTING_TABLE + number);
}

function routeCommand(device: string, { insideAddress }: ReturnDirector, number: number): readonly string[] {
  const via = ['via', formatIpv4(insideAddress), 'dev', device];
  return ['ip', 'route', 'replace', 'default', ...via, 'table', tableOf(number)];
}

function ruleCommand(number: number, verb = 'add', table = tableOf(number)): readonly string[] {
  return ['ip', 'rule', verb, 'fwmark', String(number), 'lookup', table];
}

/** What comes of an answer that does not go to the director it should. */
function lost(name: string): string {
  return `answers to connections that came by ${name} go to another director, or past them all: it cannot translate them, and clients time out`;
}

/** Each of them as something to look for, with what mends it. @throws RangeError as `sourceMacReturnRules` */
export function returnNeeds(input: SourceMacReturnInput): readonly Need[] {
  check(input);
  return [
    reversePathNeed(input.interface),
    spareNeed(input),
    tableNeed(input),
    ...known(input.directors).flatMap(({ director, number }) => [
      routeNeed(input.interface, director, number),
      ruleNeed(director.name, number),
    ]),
  ];
}

function spareNeed(input: SourceMacReturnInput): Need {
  return {
    what: 'a default route, wherever it leads',
    find: ({ routes }) => {
      if (routes.some(({ table, prefix }) => table === 'main' && prefix.length === 0)) return undefined;
      const consequence =
        'the kernel looks for a way to the client before the answer is marked, finds none and gives up: clients time out';
      return { found: 'none', consequence };
    },
    ...(input.isGatewayless
      ? { mend: () => [], advice: 'give it the default route of the routers’ own network' }
      : { mend: () => [run(...spareCommand(input))] }),
  };
}

function tableNeed(input: SourceMacReturnInput): Need {
  const names = known(input.directors).map(({ director }) => director.name);
  return {
    what: `nft table ${RETURN_TABLE}: connections remember whether they came by ${names.join(' or ')}`,
    find: ({ tables }) => tableDeviation(tables.get(RETURN_TABLE), input),
    mend: () => [{ kind: 'run', argv: ['nft', '-f', '-'], input: nftText(input) }],
  };
}

function tableDeviation(table: HostTable | undefined, input: SourceMacReturnInput) {
  const names = known(input.directors).map(({ director }) => director.name);
  if (table === undefined) return { found: 'not there', consequence: lost(names.join(' or ')) };
  const rules = (chain: string) => table.rules.get(chain) ?? [];
  if (!rules('prerouting').includes(MARKING) || !rules('output').includes(ROUTING)) {
    return { found: 'rules are missing in it', consequence: lost(names.join(' or ')) };
  }
  for (const { director, number } of known(input.directors)) {
    const held = table.elements.get('directors') ?? [];
    if (held.includes(`${director.mac.toLowerCase()} : ${number}`)) continue;
    const other = held.find((one) => one.endsWith(` : ${number}`))?.split(' : ')[0];
    const found = `${director.name} is ${other ?? 'missing'} in it, and is ${director.mac.toLowerCase()}`;
    return { found, consequence: lost(director.name) };
  }
  const { interfaces, servers } = elementsOf(input);
  for (const [set, wanted] of Object.entries({ interfaces, servers })) {
    const missing = wanted.find((one) => !(table.elements.get(set) ?? []).includes(one));
    if (missing !== undefined) {
      return { found: `${missing} is missing in its set ${set}`, consequence: lost(names.join(' or ')) };
    }
  }
  return undefined;
}

function routeNeed(device: string, director: ReturnDirector, number: number): Need {
  const via = formatIpv4(director.insideAddress);
  return {
    what: `table ${tableOf(number)}: default via ${via}, director ${director.name}`,
    find: ({ routes }) => {
      const there = routes.filter(({ table, prefix }) => table === tableOf(number) && prefix.length === 0);
      if (there.some(({ gateways }) => gateways.includes(director.insideAddress))) return undefined;
      const other = there.flatMap(({ gateways }) => gateways)[0];
      return {
        found: other === undefined ? 'none' : `default via ${formatIpv4(other)}`,
        consequence: lost(director.name),
      };
    },
    mend: () => [run(...routeCommand(device, director, number))],
  };
}

function ruleNeed(name: string, number: number): Need {
  const wrong = ({ rules }: HostFacts) =>
    rules.filter(({ mark, table }) => mark === number && table !== tableOf(number));
  return {
    what: `ip rule: mark ${number} to table ${tableOf(number)}, director ${name}`,
    find: (facts) => {
      const [other] = wrong(facts);
      if (other === undefined && facts.rules.some(({ mark }) => mark === number)) return undefined;
      return { found: other === undefined ? 'none' : `to table ${other.table}`, consequence: lost(name) };
    },
    mend: (facts) => [
      ...wrong(facts).map(({ table }) => run(...ruleCommand(number, 'del', table))),
      ...(facts.rules.some(({ mark, table }) => mark === number && table === tableOf(number))
        ? []
        : [run(...ruleCommand(number))]),
    ],
  };
}

/** Where one director is all there is, the default route leads to it. */
export function onlyDirectorNeed(device: string, name: string, insideAddress: Ipv4): Need {
  const via = formatIpv4(insideAddress);
  return {
    what: `default via ${via}, director ${name}`,
    find: ({ routes }) => {
      const defaults = routes.filter(({ table, prefix }) => table === 'main' && prefix.length === 0);
      const [best] = [...defaults].sort((a, b) => a.metric - b.metric);
      if (best?.gateways.includes(insideAddress)) return undefined;
      const found = best === undefined ? 'none' : `default via ${best.gateways.map(formatIpv4).join(', ')}`;
      const consequence =
        'answers go past the director: clients get them from an address that they have never asked, and time out';
      return { found, consequence };
    },
    mend: () => [run('ip', 'route', 'replace', 'default', 'via', via, 'dev', device)],
  };
}
