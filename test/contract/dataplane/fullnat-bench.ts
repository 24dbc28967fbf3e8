/** The bench of FullNAT with real packets: LIPs are routed to their director, and servers have no other way back. */

import type { ConntrackStatistics } from '../../../src/core/netlink/conntrack-statistics.ts';
import { CLIENTS, type FullnatBench, LIP, NAT_CLIENT } from './fullnat-suite.ts';
import { type DirectorNode, FRONT_OF, INSIDE_OF, type Network, SERVERS } from './netns.ts';
import { type NetnsBench, netnsBench } from './netns-bench.ts';
import type { FlowTarget } from './suite.ts';

/** Nobody sends a datagram again: an answer that comes late on a busy machine is an answer. */
const PATIENCE_MS = 5000;

/** Sends the servers' answers to a LIP to a director, and makes it local there, as the product does. */
export async function routeLip(network: Network, lip: string, director: DirectorNode): Promise<void> {
  await network.in(director, ['ip', 'route', 'replace', 'local', `${lip}/32`, 'dev', 'lo']);
  for (const server of SERVERS) await network.in(server, ['ip', 'route', 'replace', lip, 'via', INSIDE_OF[director]]);
}

/** Nothing but LIPs is left for the servers to answer to, and one client for services that are not FullNAT. */
export async function prepare(network: Network): Promise<void> {
  for (const client of CLIENTS.slice(1))
    await network.in('cl', ['ip', 'address', 'add', `${client}/24`, 'dev', 'front']);
  for (const server of SERVERS) await network.in(server, ['ip', 'route', 'del', 'default']);
  for (const server of SERVERS) await network.in(server, ['ip', 'route', 'add', NAT_CLIENT, 'via', INSIDE_OF.d1]);
  await routeLip(network, LIP.d1, 'd1');
  await routeLip(network, LIP.shared, 'd1');
}

const keyOf = (client: string, sport: number) => (client === FRONT_OF.cl ? String(sport) : `${client}:${sport}`);

export function fullnatBench(network: Network): FullnatBench & NetnsBench {
  const bench = netnsBench(network);
  return {
    ...bench,
    async up() {
      await bench.up();
      await prepare(network);
    },
    statistics: () => bench.driver().call<ConntrackStatistics>('statistics'),
    cast: (source: string, sport: number, count: number, { vip, port }: FlowTarget) =>
      bench.client().call('cast', { source, sport, count, vip, port, word: 'note' }),
    seen(client: string, sport: number, count: number, target: FlowTarget, patience = PATIENCE_MS) {
      const values = { source: client, sport, vip: target.vip, port: target.port, timeout: patience, word: 'from' };
      if (target.protocol === 'udp') return bench.client().call<string[]>('udp', { ...values, count });
      const keys = Array.from({ length: count }, (_, i) => keyOf(client, sport + i));
      return bench.client().call<string[]>('open', { ...values, keys });
    },
  };
}
