import { type Claim, claimBetween, claimEqual } from '../../report/result.ts';
import { answerDatagrams, askByDatagrams } from '../../traffic/datagrams.ts';
import { clusterFile, type Mode, topologyFile } from '../mode.ts';
import { askFrom, completeClaim, seenAsClaim } from '../questions.ts';
import { untilServed } from './prepare-server.ts';
import { said } from './tables.ts';

const DIRECTOR = 'd1';
const SERVERS = ['s1', 's2'];
const VIP = '203.0.113.12';
/** All that the router leads to the client. */
const CLIENTS = '198.51.100.0/27';
const SOURCES = Array.from({ length: 30 }, (_, i) => `198.51.100.${i + 1}`);
/** Of 30 by halves, four standard deviations to either side. */
const HALF = { low: 4, high: 26 } as const;

/** What an operator has on a director. UDP port 54 has no mark. */
const MARKS = `table ip marks {
  chain prerouting {
    type filter hook prerouting priority mangle; policy accept;
    ip daddr ${VIP} tcp dport 80 meta mark set 7
    ip daddr ${VIP} udp dport 53 meta mark set 7
  }
}
`;

interface Answer {
  readonly source: string;
  readonly server?: string;
}

export const fwmark: Mode = {
  name: 'fwmark',
  claim:
    'A service known by a mark, direct routing: TCP and UDP ports of a VIP with one choice of server for each client.',
  topology: topologyFile('dr-trunk'),
  directors: [DIRECTOR],
  runtime: 'qemu',
  cluster: clusterFile('dr-trunk', 'ipvs'),
  async play(lab, { progress, connections }) {
    await untilServed(lab, VIP, SERVERS, DIRECTOR);
    await said((argv) => lab.node(DIRECTOR).exec(argv, { input: MARKS }), ['nft', '-f', '-']);
    for (const name of SERVERS) await answerDatagrams(lab.node(name), [`${VIP}:53`, `${VIP}:54`]);
    const client = lab.node('client');
    await said((argv) => client.exec(argv), ['ip', 'route', 'add', 'local', CLIENTS, 'dev', 'lo']);
    progress(`${connections} connections and as many datagrams from ${SOURCES.length} clients`);
    const byTcp = await askFrom(client, { target: `${VIP}:80`, sources: SOURCES, count: connections });
    const each = Math.ceil(connections / SOURCES.length);
    const byUdp = await askByDatagrams(client, { target: `${VIP}:53`, sources: SOURCES, count: each });
    const stray = { target: `${VIP}:54`, sources: SOURCES, count: 1, patience: 1000 };
    const unmarked = await askByDatagrams(client, stray);
    const answers = [...byTcp.map(({ seenAs = '', ...one }) => ({ ...one, source: seenAs })), ...byUdp];
    return [
      completeClaim('connections complete', byTcp),
      completeClaim('datagrams answered', byUdp),
      claimEqual('datagrams without the mark answered', unmarked.filter(({ complete }) => complete).length, 0),
      ...choiceClaims(answers),
      seenAsClaim(SOURCES, byTcp),
    ];
  },
};

/** Whether each client met one server, by either protocol, and each server had its clients. */
function choiceClaims(answers: readonly Answer[]): readonly Claim[] {
  const met = new Map<string, Set<string>>();
  for (const { source, server = 'none' } of answers) met.set(source, (met.get(source) ?? new Set()).add(server));
  const faithful = [...met.values()].filter(({ size }) => size === 1);
  return [
    claimEqual('clients that met one server by TCP and UDP', faithful.length, SOURCES.length),
    ...SERVERS.map((name) => {
      const count = faithful.filter((one) => one.has(name)).length;
      return claimBetween(`clients of ${name}`, count, HALF.low, HALF.high, '');
    }),
  ];
}
