/** The MSS that a real server behind a tunnel tells clients: an nft table of its own, which lowers it in the answers to SYNs. */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import type { HostTable } from './facts.ts';
import type { Need } from './need.ts';

export const MSS_TABLE = 'sluice_mss_v1';

/** IPv4 and TCP without options. */
const HEADERS = 40;

export interface TunnelledVips {
  readonly vips: readonly Ipv4[];
  /** What fits into a packet on the way between director and server, and what the tunnel takes of it; bytes. */
  readonly mtu: number;
  readonly overhead: number;
}

/** Of several tunnels the largest counts for all VIPs. */
export function mssNeed({ vips, mtu, overhead }: TunnelledVips): Need {
  const size = mtu - overhead - HEADERS;
  const comment = `sluice mss ${size}`;
  const addresses = vips.map(formatIpv4);
  const text = `table ip ${MSS_TABLE} {
}
delete table ip ${MSS_TABLE}
table ip ${MSS_TABLE} {
  set vips {
    typeof ip saddr
    elements = { ${addresses.join(', ')} }
  }
  chain output {
    type filter hook output priority -150; policy accept;
    ip saddr @vips tcp flags & syn == syn tcp option maxseg size set ${size} comment "${comment}"
  }
}
`;
  return {
    what: `MSS ${size} towards clients: ${mtu} less ${overhead} of the tunnel and ${HEADERS} of the packet in it`,
    find: ({ tables }) => {
      const found = problem(tables.get(MSS_TABLE), addresses, comment);
      const consequence =
        'clients send packets that are too large for the tunnel; where ICMP gets lost, uploads of more than a packet hang';
      return found === undefined ? undefined : { found, consequence };
    },
    mend: () => [{ kind: 'run', argv: ['nft', '-f', '-'], input: text }],
  };
}

function problem(table: HostTable | undefined, vips: readonly string[], comment: string): string | undefined {
  if (table === undefined) return `no table ${MSS_TABLE}`;
  const [rule = ''] = table.rules.get('output') ?? [];
  if (rule !== comment) return rule === '' ? 'no rule' : rule;
  const held = table.elements.get('vips') ?? [];
  const missing = vips.filter((vip) => !held.includes(vip));
  return missing.length === 0 ? undefined : `not for ${missing.join(', ')}`;
}
