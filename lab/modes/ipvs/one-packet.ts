import { claimBetween, claimEqual } from '../../report/result.ts';
import type { LabNode } from '../../runtimes/lab.ts';
import { answerDatagrams, askByDatagrams } from '../../traffic/datagrams.ts';
import type { DatagramOutcome } from '../../traffic/datagrams-main.ts';
import { clusterFile, type Mode, topologyFile } from '../mode.ts';
import { completeClaim, seenAsClaim } from '../questions.ts';
import { untilServed } from './prepare-server.ts';
import { said } from './tables.ts';

const DIRECTOR = 'd1';
const SERVERS = ['s1', 's2'];
/** The services `names`, with one-packet, and `talks`, without. */
const NAMES = { vip: '203.0.113.13', hex: 'CB00710D' } as const;
const TALKS = { vip: '203.0.113.14', hex: 'CB00710E' } as const;
const SOURCES = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4'];

export const onePacket: Mode = {
  name: 'one-packet',
  claim:
    'UDP without connections, direct routing: the datagrams of a socket go to the servers in turn, and nothing is kept of them.',
  topology: topologyFile('dr-trunk'),
  directors: [DIRECTOR],
  runtime: 'qemu',
  cluster: clusterFile('dr-trunk', 'ipvs'),
  async play(lab, { progress, connections }) {
    await untilServed(lab, NAMES.vip, SERVERS, DIRECTOR);
    for (const name of SERVERS) await answerDatagrams(lab.node(name), [`${NAMES.vip}:53`, `${TALKS.vip}:53`]);
    const each = Math.ceil(connections / SOURCES.length);
    const ask = (vip: string) =>
      askByDatagrams(lab.node('client'), { target: `${vip}:53`, sources: SOURCES, count: each });
    const kept = (hex: string) => entriesOf(lab.node(DIRECTOR), hex);
    progress(`${each} datagrams from each of ${SOURCES.length} sockets, one by one`);
    const names = await ask(NAMES.vip);
    const ofNames = await kept(NAMES.hex);
    progress('the same as flows');
    const talks = await ask(TALKS.vip);
    const ofTalks = await kept(TALKS.hex);
    return [
      completeClaim('datagrams answered', names),
      // One may be ahead.
      ...SERVERS.map((name) => {
        const count = names.filter(({ server }) => server === name).length;
        return claimBetween(`datagrams of ${name}`, count, names.length / 2 - 1, names.length / 2 + 1, '');
      }),
      claimEqual('sockets that met both servers', socketsOf(names, 2), SOURCES.length),
      claimEqual('connections kept', ofNames, 0),
      seenAsClaim(SOURCES, names),
      completeClaim('as flows: datagrams answered', talks),
      claimEqual('as flows: sockets that met one server', socketsOf(talks, 1), SOURCES.length),
      claimEqual('as flows: connections kept', ofTalks, SOURCES.length),
    ];
  },
};

/** Sockets whose datagrams met so many servers. */
function socketsOf(outcomes: readonly DatagramOutcome[], servers: number): number {
  const met = SOURCES.map((source) => {
    return new Set(outcomes.flatMap((one) => (one.source === source ? (one.server ?? []) : [])));
  });
  return met.filter(({ size }) => size === servers).length;
}

/** Of a VIP, as the kernel writes it, in the director's table of connections. */
async function entriesOf(director: LabNode, hex: string): Promise<number> {
  const lines = (await said((argv) => director.exec(argv), ['cat', '/proc/net/ip_vs_conn'])).split('\n');
  return lines.filter((line) => line.includes(` ${hex} `)).length;
}
