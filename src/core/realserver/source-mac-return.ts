/**
 * What a real server needs so that its answers go back to the director that a connection last came from.
 *
 * In NAT mode an answer must pass a director that knows the connection. All directors are active, so the server's default
 * route is no answer: it names one of them. The director that sent the connection's last packet does know it, and the packet
 * carried that director's MAC address:
 *
 *   prerouting   connection mark := number of the director whose MAC the packet came from, on every packet from a client,
 *                so the mark follows when the connection moves to another director. (The kernel writes the mark, and tells
 *                listeners, only when the value differs.)
 *   output       packet mark := connection mark; the chain is of type route, so the kernel looks for a route again
 *   ip rule      packet mark k -> table 100+k, whose default route is director k's inside address
 *
 * In: the server's inside interface and the directors. Out: an nft text and commands of iproute2 and sysctl; running them is
 * somebody else's task. Assumes that the server's MAC table is right: a director whose interface is replaced needs new rules.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';

export interface ReturnDirector {
  readonly name: string;
  /** Of the director's inside interface, `aa:bb:cc:dd:ee:ff`. */
  readonly mac: string;
  readonly insideAddress: Ipv4;
}

export interface SourceMacReturnInput {
  /** The server's interface on the segment that it shares with the directors. */
  readonly interface: string;
  /** In an order that stays: a director's mark and routing table are its place in this list. */
  readonly directors: readonly ReturnDirector[];
  /** Only connections to these ports are marked; without it, all that come from a director. */
  readonly servicePorts?: readonly number[];
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

function nftText(input: SourceMacReturnInput): string {
  const elements = input.directors.map((director, i) => `${director.mac.toLowerCase()} : ${i + 1}`);
  const { servicePorts } = input;
  const ports = servicePorts === undefined ? '' : ' th dport @ports';
  const portSet =
    servicePorts === undefined
      ? ''
      : `  set ports {\n    typeof th dport\n    elements = { ${servicePorts.join(', ')} }\n  }\n`;
  return `table ip ${RETURN_TABLE} {
}
delete table ip ${RETURN_TABLE}
table ip ${RETURN_TABLE} {
  map directors {
    typeof ether saddr : ct mark
    elements = { ${elements.join(', ')} }
  }
${portSet}  chain prerouting {
    type filter hook prerouting priority -150; policy accept;
    iifname "${input.interface}" ct direction original${ports} ct mark set ether saddr map @directors
  }
  chain output {
    type route hook output priority -150; policy accept;
    ct direction reply ct mark != 0 meta mark set ct mark
  }
}
`;
}

function directorCommands(input: SourceMacReturnInput, director: ReturnDirector, index: number): string[][] {
  const mark = String(index + 1);
  const table = String(FIRST_ROUTING_TABLE + index + 1);
  const via = formatIpv4(director.insideAddress);
  return [
    ['ip', 'route', 'replace', 'default', 'via', via, 'dev', input.interface, 'table', table],
    ['ip', 'rule', 'add', 'fwmark', mark, 'lookup', table],
  ];
}

/**
 * @throws RangeError when there is no director, or a MAC address or interface name is malformed
 */
export function sourceMacReturnRules(input: SourceMacReturnInput): SourceMacReturnRules {
  const first = input.directors[0];
  if (first === undefined) throw new RangeError('no director to answer to');
  for (const { name, mac } of input.directors) {
    if (!MAC.test(mac)) throw new RangeError(`director ${name}: not a MAC address: ${mac}`);
  }
  if (!/^[^\s"/]{1,15}$/.test(input.interface)) throw new RangeError(`not an interface name: ${input.interface}`);
  const spare = ['default', 'via', formatIpv4(first.insideAddress), 'dev', input.interface, 'metric', SPARE_METRIC];
  return {
    nft: nftText(input),
    commands: [
      // Clients come in here whatever the server's own default route is.
      ['sysctl', '-q', '-w', `net/ipv4/conf/${input.interface}/rp_filter=2`],
      // The kernel looks for a route once before the output chain can mark the packet; without any it gives up there.
      ['ip', 'route', 'replace', ...spare],
      ...input.directors.flatMap((director, i) => directorCommands(input, director, i)),
    ],
  };
}
