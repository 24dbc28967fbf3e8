/**
 * Three directors with one address in common, and one that dies: nobody ever uses an address and port of it towards a server
 * that is in use, as long as the new owner of a port block knows the connections of the old one.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { flowPredictor } from '../../../src/core/hash/flow-prediction.ts';
import { BLOCK_PORTS } from '../../../src/core/hash/port-blocks.ts';
import type { DesiredDataplane, DesiredService } from '../../../src/core/model/dataplane.ts';
import { THOROUGH } from '../../sizes.ts';
import type { Connection } from './connections.ts';
import { CLIENTS, FIRST_LINUX_PORT, LIP, ofAll, UDP } from './fullnat-suite.ts';
import { type DirectorNode, Network, type Peer, SERVERS } from './netns.ts';
import { EVEN, servers } from './suite.ts';

const DIRECTORS = ['d1', 'd2', 'd3'] as const;
/** Each VIP is routed to one director: a client's port meets all three at once. */
const VIPS = { d1: '203.0.113.10', d2: '203.0.113.11', d3: '203.0.113.12' } as const;

/** Ports of each client in each half: 2 x 4 clients x 3 VIPs of them, 20,016 flows, or fewer to a single server. */
const PORTS = THOROUGH ? 834 : 100;
const SERVICE: DesiredService = {
  ...UDP,
  vips: Object.values(VIPS).map(ipv4),
  servers: servers(THOROUGH ? EVEN : { s1: 1 }),
};

const network = new Network(`fm${process.pid}`, DIRECTORS);
const drivers = new Map<DirectorNode, Peer>();
let client: Peer;
let listeners: readonly Peer[];

function desired(self: DirectorNode, members: readonly DirectorNode[]): DesiredDataplane {
  return { ...ofAll(SERVICE), self, members };
}

async function program(members: readonly DirectorNode[]): Promise<void> {
  for (const self of members) {
    const report = await drivers.get(self)!.call<object>('apply', { desired: desired(self, members) });
    expect(report).toMatchObject({ programmed: ['dns'] });
  }
}

type Notes = ReadonlyMap<string, string>;

/** So many datagrams find room in a server's socket before it reads. */
const BURST = 100;

/** Adds what the servers have heard. Returns how many flows it is in all. */
async function note(seen: Map<string, string>): Promise<number> {
  for (const [i, name] of SERVERS.entries()) {
    const heard = await listeners[i]!.call<[text: string, from: string][]>('notes');
    for (const [text, from] of heard) seen.set(text, `${from} ${name}`);
  }
  return seen.size;
}

/** One flow from each of these ports of every client to every VIP: to whom the servers have seen, and who they are. */
async function send(first: number): Promise<Notes> {
  const seen = new Map<string, string>();
  for (const vip of Object.values(VIPS)) {
    for (const source of CLIENTS) {
      for (let sport = first; sport < first + PORTS; sport += BURST) {
        const count = Math.min(BURST, first + PORTS - sport);
        await client.call('cast', { source, sport, count, vip, port: 53, word: 'note' });
        const wanted = seen.size + count;
        await vi.waitUntil(async () => (await note(seen)) >= wanted, { interval: 1, timeout: 5000 });
      }
    }
  }
  return seen;
}

/** As `send` would have it if no flow got into another one's way. */
function wished(sport: number, members: readonly DirectorNode[], takers: Readonly<Record<DirectorNode, DirectorNode>>) {
  const all = new Map<string, string>();
  for (const [director, vip] of Object.entries(VIPS) as [DirectorNode, string][]) {
    const predict = flowPredictor(desired(takers[director], members), SERVICE);
    for (const source of CLIENTS) {
      for (let port = sport; port < sport + PORTS; port++) {
        const { server, source: seen } = predict(ipv4(source), port);
        all.set(`note ${source}:${port} ${vip}`, `${formatIpv4(seen!.address)}:${seen!.port} ${server!.name}`);
      }
    }
  }
  return all;
}

function* usedTwice(...all: readonly Notes[]): Generator<string> {
  const used = new Set<string>();
  for (const tuple of all.flatMap((one) => [...one.values()])) {
    if (used.has(tuple)) yield tuple;
    used.add(tuple);
  }
}

describe('FullNAT of three directors', () => {
  beforeAll(async () => {
    await network.up();
    for (const one of CLIENTS.slice(1)) await network.in('cl', ['ip', 'address', 'add', `${one}/24`, 'dev', 'front']);
    for (const [director, vip] of Object.entries(VIPS) as [DirectorNode, string][])
      await network.routeVip(vip, director);
    for (const director of DIRECTORS) {
      for (const address of [...Object.values(VIPS), LIP.shared]) {
        await network.in(director, ['ip', 'route', 'add', 'local', `${address}/32`, 'dev', 'lo']);
      }
      // The flows last as long as the test.
      await network.in(director, ['sysctl', '-q', '-w', 'net.netfilter.nf_conntrack_udp_timeout=600']);
      const driver = network.start(director, 'driver-main');
      drivers.set(director, driver);
      await driver.call('open');
    }
    client = network.start('cl', 'client-main');
    listeners = SERVERS.map((name) => network.start(name, 'server-main', name, '53'));
    await Promise.all(listeners.map((listener) => listener.call('ready')));
  });
  afterAll(() => network.down());

  test('no address and port is used twice towards a server, before and after one of them dies', async () => {
    await program(DIRECTORS);
    const first = await send(FIRST_LINUX_PORT);

    const lost = await drivers.get('d3')!.call<Connection[]>('connections', { address: ipv4(LIP.shared) });
    expect(lost.length).toBe(CLIENTS.length * PORTS);
    const heirs = ['d1', 'd2'] as const;
    for (const heir of heirs) await drivers.get(heir)!.call('add', { connections: lost });
    await network.routeVip(VIPS.d3, 'd1');
    await program(heirs);

    // Other ports with the same place in a block.
    const fresh = FIRST_LINUX_PORT + BLOCK_PORTS;
    const second = await send(fresh);
    expect([...usedTwice(first, second)]).toEqual([]);
    // It could have come otherwise, given flows enough: some of the later flows would have had what the earlier ones have.
    const hoped = wished(fresh, heirs, { d1: 'd1', d2: 'd2', d3: 'd1' });
    const inherited = new Set([...first].flatMap(([flow, tuple]) => (flow.endsWith(VIPS.d3) ? [tuple] : [])));
    if (THOROUGH) expect([...hoped.values()].some((tuple) => inherited.has(tuple))).toBe(true);
  });
});
