/**
 * Connections that move to a director that knows nothing of them: real packets, the product's rules, its way out of the kernel and back;
 * what other directors know is told by the test.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredDataplane, DesiredService } from '../../../src/core/model/dataplane.ts';
import type { SyncService } from '../../../src/core/model/sync.ts';
import { serviceHash } from '../../../src/core/sync/records/record.ts';
import { THOROUGH } from '../../sizes.ts';
import type { Connection } from '../dataplane/connections.ts';
import { type DirectorNode, INSIDE_OF, Network, type Peer, SERVERS } from '../dataplane/netns.ts';
import { netnsBench } from '../dataplane/netns-bench.ts';
import { EVEN, freshPorts, only, servers, VIP, web } from '../dataplane/suite.ts';

const LIPS = { d1: '10.8.0.1', d2: '10.8.0.2' } as const;
const LOCAL = {
  directors: Object.entries(LIPS).map(([name, lip]) => ({ name, local: [ipv4(lip)] })),
  shared: [],
};
/** A system waits 40 ms for something to send along with it. */
const ACKNOWLEDGED_MS = 100;
/** After which a sender sends again at the earliest. */
const AGAIN_MS = 200;
const LONG = 60_000;
const MOST_TAKEN = 0.03;
const FLOWS = THOROUGH ? 200 : 40;

const network = new Network(`mf${process.pid}`);
const bench = netnsBench(network);
const drivers = new Map<DirectorNode, Peer>();
const chances = new Map<DirectorNode, Peer>();

const keys = (sport: number, count = FLOWS) => Array.from({ length: count }, (_, i) => String(sport + i));

function desired(
  service: DesiredService,
  self: DirectorNode,
  members: readonly string[] = ['d1', 'd2'],
): DesiredDataplane {
  return { ...only(service), self, members, local: LOCAL };
}

function syncService({ name, vips, ports, protocol, fullnat = false }: DesiredService): SyncService {
  return {
    ...{ name, vips, ports, protocol, fullnat, sync: 'off', digest: '', service: serviceHash(name) },
    serverIds: servers(EVEN).map(({ address }, i) => [address, i + 1]),
    ...{ establishedTimeout: 3600, persistence: undefined },
  };
}

/** Both directors hold the service; `dead`: the second one alone is left. */
async function program(service: DesiredService, dead: readonly string[] = []): Promise<void> {
  for (const self of ['d1', 'd2'] as const) {
    const members = ['d1', 'd2'].filter((name) => !dead.includes(name));
    await drivers.get(self)!.call('apply', { desired: desired(service, self) });
    await drivers.get(self)!.call('takeMisses', { lifetime: 600_000 });
    await chances.get(self)!.call('configure', {
      desired: desired(service, self, members),
      services: [syncService(service)],
      locals: Object.values(LIPS).map(ipv4),
      dead: dead.map((name) => ({ name, since: 0 })),
    });
  }
}

/** The client's packets to one director, the servers' answers to addresses of others to another. */
async function route(client: DirectorNode, answers: DirectorNode): Promise<void> {
  await network.routeVip(VIP, client);
  await network.routeAnswers(answers);
  for (const server of SERVERS)
    for (const lip of Object.values(LIPS))
      await network.in(server, ['ip', 'route', 'replace', lip, 'via', INSIDE_OF[answers]]);
}

/** What one director has, as the other will hear of it. */
async function tell(from: DirectorNode, to: DirectorNode, delay?: number): Promise<void> {
  const connections = await chances.get(from)!.call<readonly Connection[]>('list', { vip: VIP });
  await chances.get(to)!.call('learn', { connections, delay });
}

type Timed = readonly (readonly [answer: string, milliseconds: number])[];
const time = (sport: number, count = FLOWS, bytes = 1) =>
  bench.client().call<Timed>('time', { keys: keys(sport, count), timeout: 3000, bytes });

function figures(timed: Timed): { readonly median: number; readonly p90: number; readonly slowest: number } {
  const sorted = timed.map(([, milliseconds]) => milliseconds).sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor(sorted.length * share)]! * 1000) / 1000;
  return { median: at(0.5), p90: at(0.9), slowest: at(0.999) };
}

/** Figures, where somebody wants to see them. */
function note(what: string, timed: Timed): void {
  if (THOROUGH) console.log(`${what}: ${JSON.stringify(figures(timed))} ms`);
}

describe('connections that move to a director that does not know them', () => {
  beforeAll(async () => {
    await bench.up();
    drivers.set('d1', bench.driver()).set('d2', await bench.secondDriver());
    for (const node of ['d1', 'd2'] as const) {
      for (const lip of Object.values(LIPS)) await network.in(node, ['ip', 'route', 'add', 'local', lip, 'dev', 'lo']);
      chances.set(node, network.start(node, '../miss/chance-main'));
      await chances.get(node)!.call('open');
    }
  });
  afterAll(() => bench.down());
  beforeEach(() => route('d1', 'd1'));

  const service = web(servers(EVEN));
  const kinds = [
    ['NAT', service],
    ['FullNAT', { ...service, fullnat: true }],
  ] as const;

  /** Opens connections by one director, and lets them come to rest. */
  async function open(count = FLOWS): Promise<{ readonly sport: number; readonly servers: readonly string[] }> {
    const sport = freshPorts(count);
    const servers = await bench.connect(sport, count);
    expect(servers.every((server) => /^s[123]$/.test(server))).toBe(true);
    // The client acknowledges its last answer later than it has it: that, too, would move a connection.
    await pause(ACKNOWLEDGED_MS);
    return { sport, servers };
  }

  const namesOf = (timed: Timed) => timed.map(([server]) => server);

  test.each(kinds)(
    '%s: each goes on with its server, and nobody has to send its first packet again',
    async (name, one) => {
      await program(one);
      for (const delay of [undefined, 1]) {
        const { sport, servers } = await open();
        await tell('d1', 'd2', delay);
        await route('d2', 'd2');
        const timed = await time(sport);
        expect(namesOf(timed)).toEqual(servers);
        note(`${name}, peers answer after ${delay ?? 0} ms`, timed);
        expect(figures(timed).median).toBeLessThan(AGAIN_MS / 2);
        expect(namesOf(await time(sport))).toEqual(servers);
        await bench.client().call('close', { keys: keys(sport) });
        await route('d1', 'd1');
      }
    },
  );

  test.each(kinds)('%s: long packets, which the kernel has joined from many, go on whole', async (name, one) => {
    await program(one);
    const { sport, servers } = await open();
    await tell('d1', 'd2');
    await route('d2', 'd2');
    const timed = await time(sport, FLOWS, LONG);
    expect(namesOf(timed)).toEqual(servers);
    note(`${name}, requests of ${LONG} bytes`, timed);
    expect(figures(timed).median).toBeLessThan(AGAIN_MS / 2);
    await bench.client().call('close', { keys: keys(sport) });
  });

  test('FullNAT: an answer that comes first, by a director that does not know it, goes on as well', async () => {
    await program(kinds[1][1]);
    const { sport, servers } = await open();
    await bench.client().call('ask', { keys: keys(sport), later: true });
    await pause(ACKNOWLEDGED_MS);
    await tell('d1', 'd2');
    await route('d1', 'd2');
    for (const server of bench.servers()) await server.call('push');
    const heard = await bench.client().call<string[]>('hear', { keys: keys(sport), timeout: AGAIN_MS / 2 });
    expect(heard).toEqual(servers);
    await bench.client().call('close', { keys: keys(sport) });
  });

  test.each(kinds)('%s: nobody knows them, and their director is dead: they go on by prediction', async (name, one) => {
    await program(one);
    const { sport, servers } = await open();
    await program(one, ['d1']);
    await chances.get('d2')!.call('learn', { connections: [] });
    await route('d2', 'd2');
    const timed = await time(sport);
    note(`${name}, predicted`, timed);
    const others = namesOf(timed).filter((server, at) => server !== servers[at]);
    // A port that an earlier connection still has is given to no other, neither when they began nor now: nobody is told RST.
    expect(others.filter((answer) => answer !== 'timeout')).toEqual([]);
    expect(others.length).toBeLessThanOrEqual(FLOWS * MOST_TAKEN);
    await bench.client().call('close', { keys: keys(sport) });
  });

  test('nobody knows them and nobody is dead: they are told nothing, least of all RST', async () => {
    await program(service);
    const { sport, servers } = await open();
    await chances.get('d2')!.call('learn', { connections: [] });
    await route('d2', 'd2');
    const lost = await bench.client().call<string[]>('ask', { keys: keys(sport), timeout: 500 });
    expect(new Set(lost)).toEqual(new Set(['timeout']));
    await route('d1', 'd1');
    const back = await bench.client().call<string[]>('hear', { keys: keys(sport), timeout: 5000 });
    expect(back).toEqual(servers);
    await bench.client().call('close', { keys: keys(sport) });
  });
});
