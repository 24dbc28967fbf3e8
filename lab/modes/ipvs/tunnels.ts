import { LabError } from '../../lab-error.ts';
import { type Claim, claimAtLeast } from '../../report/result.ts';
import type { LabNode } from '../../runtimes/lab.ts';
import { RouterView, untilAnnounced } from '../../scenarios/observe.ts';
import { type Mode, topologyFile } from '../mode.ts';
import { askFrom, completeClaim, countersOf, seenAsClaim, weightClaims } from '../questions.ts';
import { prepareServer } from './prepare-server.ts';

const DIRECTOR = 'd1';
const SERVERS = ['s1', 's2'];
const WEIGHTS = { s1: 1, s2: 2 };
const SOURCES = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4'];
/** By kind of tunnel, the service's address. */
const VIPS = {
  ipip: '203.0.113.10',
  gue: '203.0.113.11',
  gre: '203.0.113.12',
  gue_remote: '203.0.113.13',
  gre_checksum: '203.0.113.14',
} as const;

const TABLE = 'sl_tunnels';
/**
 * What leaves the director, by the protocol around it. GRE's first bit says that a checksum follows, the last of GUE's flags that
 * there is a field of remote checksum.
 */
const COUNTERS = `table ip ${TABLE} {
  counter ipip { }
  counter gue { }
  counter gre { }
  counter gue_remote { }
  counter gre_checksum { }
  chain watch {
    type filter hook output priority 300; policy accept;
    ip protocol 4 counter name ipip
    udp dport 6080 udp checksum != 0 counter name gue
    udp dport 6081 @th,95,1 1 counter name gue_remote
    ip protocol 47 @th,0,1 0 counter name gre
    ip protocol 47 @th,0,1 1 counter name gre_checksum
  }
}
`;

/** The handshake's ACK, two questions and what ends the connection, after the SYN. */
const PACKETS = 4;

export const tunnels: Mode = {
  name: 'tun',
  claim:
    'Tunnels of five kinds (ipip, gue with either checksum, gre with and without one): servers that `sluice realserver` has prepared answer past the director.',
  topology: topologyFile('tunnels'),
  directors: [DIRECTOR],
  runtime: 'qemu',
  async play(lab, { progress, connections }) {
    await Promise.all(SERVERS.map((name) => prepareServer(lab, name, DIRECTOR)));
    await untilAnnounced(lab, DIRECTOR);
    const director = lab.node(DIRECTOR);
    const { code, stderr } = await director.exec(['nft', '-f', '-'], { input: COUNTERS });
    if (code !== 0) throw new LabError(`the counters of tunnels: ${stderr.trim()}`);
    const claims: Claim[] = [];
    for (const [kind, vip] of Object.entries(VIPS)) {
      await (await RouterView.of(lab, vip)).untilNextHops([DIRECTOR]);
      progress(`${connections} connections through ${kind}`);
      claims.push(...(await askThrough(lab.node('client'), director, kind, vip, connections)));
    }
    return claims;
  },
};

async function askThrough(client: LabNode, director: LabNode, kind: string, vip: string, count: number) {
  const outcomes = await askFrom(client, { target: `${vip}:80`, sources: SOURCES, count });
  const packets = (await countersOf(director, TABLE)).get(kind) ?? 0;
  return [
    completeClaim(`${kind}: connections complete`, outcomes),
    ...weightClaims(WEIGHTS, outcomes).map((claim) => ({ ...claim, name: `${kind}: ${claim.name}` })),
    { ...seenAsClaim(SOURCES, outcomes), name: `${kind}: clients as the servers see them` },
    claimAtLeast(`${kind}: packets in such tunnels`, packets, count * PACKETS, ''),
  ];
}
