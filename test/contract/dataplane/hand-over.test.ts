/**
 * Answers to a shared local address, with real packets: three directors that tell each other nothing, the client's packets
 * and the servers' answers spread over all of them by ECMP.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureRoots, rootPath } from '../../../lab/roots/build.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { lipOwners } from '../../../src/core/hash/lips.ts';
import { portsOf } from '../../../src/core/hash/port-blocks.ts';
import type { DataplaneCounters, DesiredDataplane, DesiredHandOver } from '../../../src/core/model/dataplane.ts';
import { nextHopOf, TUNNEL_DEVICE, TUNNEL_OVERHEAD } from '../../../src/core/tunnels/tunnels.ts';
import type { ApplyReport } from '../../../src/drivers/dataplane/port.ts';
import { LIP, ofAll, TCP, UDP } from './fullnat-suite.ts';
import { ADDRESS_OF, type DirectorNode, FRONT_OF, HAND_OF, INSIDE_OF, Network, type Peer, SERVERS } from './netns.ts';
import { CLIENT, VIP } from './suite.ts';

const DIRECTORS = ['d1', 'd2', 'd3'] as const;
const SPREAD = ['net.ipv4.fib_multipath_hash_policy=3', 'net.ipv4.fib_multipath_hash_fields=0x37'];
const POOL = '198.51.100.20';
const VXLAN = { id: 7, port: 4789, mtu: 1500 - TUNNEL_OVERHEAD };

type Way = 'segment' | 'vxlan';

class World {
  readonly network: Network;
  readonly #way: Way;
  readonly #drivers = new Map<DirectorNode, Peer>();
  #client: Peer | undefined;
  #servers: readonly Peer[] = [];

  constructor(run: string, way: Way) {
    this.network = new Network(`${run}${process.pid}`, DIRECTORS);
    this.#way = way;
  }

  get client(): Peer {
    return this.#client!;
  }

  get servers(): readonly Peer[] {
    return this.#servers;
  }

  async up(): Promise<void> {
    const { network } = this;
    await network.up();
    const hops = (addresses: Readonly<Record<DirectorNode, string>>) =>
      DIRECTORS.flatMap((name) => ['nexthop', 'via', addresses[name]]);
    for (const node of ['cl', ...SERVERS] as const) await network.in(node, ['sysctl', '-qw', ...SPREAD]);
    await network.in('cl', ['ip', 'route', 'add', VIP, ...hops(FRONT_OF)]);
    for (const server of SERVERS) {
      await network.in(server, ['ip', 'route', 'del', 'default']);
      await network.in(server, ['ip', 'route', 'add', LIP.shared, ...hops(INSIDE_OF)]);
    }
    for (const node of DIRECTORS) {
      for (const address of [VIP, LIP.shared])
        await network.in(node, ['ip', 'route', 'add', 'local', address, 'dev', 'lo']);
      await network.plug(node, 'hand', HAND_OF[node]);
      if (this.#way === 'vxlan') await this.#tunnel(node);
      await network.in(node, ['nft', '-f', '-'], probe(this.device));
      this.#drivers.set(node, network.start(node, 'driver-main'));
    }
    this.#client = network.start('cl', 'client-main');
    this.#servers = SERVERS.map((name) => network.start(name, 'server-main', name, '80', '53'));
    await Promise.all([...this.#servers.map((server) => server.call('ready')), ...this.#eachDriver('open')]);
  }

  async #tunnel(node: DirectorNode): Promise<void> {
    const peers = DIRECTORS.filter((other) => other !== node).map((other) => ipv4(HAND_OF[other]));
    const tunnels = this.network.start(node, '../tunnels/tunnels-main');
    await tunnels.call('settle', { wanted: { ...VXLAN, local: ipv4(HAND_OF[node]), peers } });
  }

  get device(): string {
    return this.#way === 'vxlan' ? TUNNEL_DEVICE : 'hand';
  }

  #handOver(self: DirectorNode): DesiredHandOver {
    const others = DIRECTORS.filter((other) => other !== self);
    const hop = (name: DirectorNode, place: number) => (this.#way === 'vxlan' ? nextHopOf(place) : ipv4(HAND_OF[name]));
    const peers = Object.fromEntries(others.map((name, place) => [name, hop(name, place)]));
    return { device: this.device, peers, tunnelPort: this.#way === 'vxlan' ? VXLAN.port : undefined };
  }

  desired(self: DirectorNode, members: readonly string[] = DIRECTORS): DesiredDataplane {
    return { ...ofAll(TCP, UDP), self, members, handOver: this.#handOver(self) };
  }

  apply(node: DirectorNode, desired: DesiredDataplane): Promise<ApplyReport> {
    return this.#drivers.get(node)!.call('apply', { desired });
  }

  async applyAll(members?: readonly string[]): Promise<void> {
    for (const node of DIRECTORS) await this.apply(node, this.desired(node, members));
  }

  #eachDriver(method: string): Promise<unknown>[] {
    return [...this.#drivers.values()].map((driver) => driver.call(method));
  }

  /** As the driver reads it. */
  async handedOver(node: DirectorNode): Promise<number> {
    return (await this.#drivers.get(node)!.call<DataplaneCounters>('counters')).fullnat.handedOver;
  }

  async counter(node: DirectorNode | 's1' | 's2' | 's3', table: string, name: string): Promise<number> {
    const text = await this.network.in(node, ['nft', 'list', 'counter', 'ip', table, name]);
    return Number(/packets (\d+)/.exec(text)?.[1]);
  }

  /** Over all directors. */
  async sum(table: string, name: string): Promise<number> {
    const counts = await Promise.all(DIRECTORS.map((node) => this.counter(node, table, name)));
    return counts.reduce((a, b) => a + b, 0);
  }

  /** Conntrack entries that no packet of the client, nor of these, began. */
  async strangeEntries(...known: readonly string[]): Promise<readonly string[]> {
    const tables = await Promise.all(DIRECTORS.map((node) => this.network.in(node, ['cat', '/proc/net/nf_conntrack'])));
    const lines = tables.flatMap((table) => table.split('\n').filter((line) => line !== ''));
    return lines.filter((line) => ![CLIENT, ...known].includes(/src=(\S+)/.exec(line)?.[1] ?? ''));
  }

  async down(): Promise<void> {
    await this.network.down();
  }
}

/** What comes in by the hand-over, and of that what was handed over more than once. */
function probe(device: string): string {
  return `table ip probe {
  counter arrived { }
  counter again { }
  chain c {
    type filter hook prerouting priority -350; policy accept;
    iifname "${device}" ip daddr ${LIP.shared} counter name arrived
    iifname "${device}" ip daddr ${LIP.shared} ip ttl < 63 counter name again
  }
}
`;
}

const RST_PROBE = `table ip probe {
  counter rst { }
  chain c {
    type filter hook input priority 0; policy accept;
    tcp flags & rst == rst counter name rst
  }
}
`;

const keysFrom = (sport: number, count: number) => Array.from({ length: count }, (_, i) => String(sport + i));

async function flowsComplete(world: World, sport: number, count: number, bulk: number) {
  const target = { source: CLIENT, sport, vip: VIP, port: 80, timeout: 5000 };
  const keys = keysFrom(sport, count);
  const opened = await world.client.call<string[]>('open', { ...target, keys });
  const small = await world.client.call<number[]>('fetch', { keys, bytes: 3000, timeout: 5000 });
  const large = await world.client.call<number[]>('fetch', { keys, bytes: bulk, timeout: 10_000 });
  await world.client.call('close', { keys });
  return {
    opened: opened.filter((answer) => /^s[123]$/.test(answer)).length,
    small: small.filter((bytes) => bytes === 3000).length,
    large: large.filter((bytes) => bytes === bulk).length,
  };
}

const BULK = 200_000;
const PATIENT = { timeout: 10_000, interval: 100 };

function contract(name: string, way: Way, flows: number): void {
  describe(`hand-over, ${name}`, () => {
    const world = new World(`h${way[0]}`, way);
    beforeAll(async () => {
      await world.up();
      await world.applyAll();
    });
    afterAll(() => world.down());

    test('what was applied is read back as programmed, and applying it again does nothing', async () => {
      for (const node of DIRECTORS) {
        const report = await world.apply(node, world.desired(node));
        expect(report).toMatchObject({ programmed: ['web', 'dns'], operations: [], drift: false });
      }
    });

    test(`all of ${flows} connections complete, all datagrams are answered`, async () => {
      const complete = await flowsComplete(world, 20_000, flows, BULK);
      expect(complete).toEqual({ opened: flows, small: flows, large: flows });
      const udp = { source: CLIENT, sport: 30_000, vip: VIP, port: 53, timeout: 3000, count: 60 };
      const answers = await world.client.call<string[]>('udp', udp);
      expect(answers.filter((answer) => !/^s[123]$/.test(answer))).toEqual([]);
    });

    test('answers in fragments, too', async () => {
      // The first that is too large for a tunnel tells the server so, and is lost.
      for (const sport of [32_000, 32_100]) {
        const udp = { source: CLIENT, sport, vip: VIP, port: 53, timeout: 1000, count: 60, word: 'bulk 4000' };
        const answers = await world.client.call<string[]>('udp', udp);
        const whole = answers.filter((answer) => answer.length === 3999).length;
        if (sport > 32_000 || way === 'segment') expect(whole).toBe(60);
      }
    });

    test('what was handed over went one hop, and left no conntrack entry', async () => {
      const counts = await Promise.all(DIRECTORS.map((node) => world.handedOver(node)));
      expect(Math.min(...counts)).toBeGreaterThan(flows);
      // Tunnels are narrower: a packet that is too large for them is lost, and the server told.
      const lost = counts.reduce((a, b) => a + b, 0) - (await world.sum('probe', 'arrived'));
      expect(lost).toBeGreaterThanOrEqual(0);
      expect(lost).toBeLessThanOrEqual(way === 'vxlan' ? flows : 0);
      expect(await world.sum('probe', 'again')).toBe(0);
      expect(await world.strangeEntries()).toEqual([]);
    });
  });
}

contract('over a common segment', 'segment', 300);
contract('over VXLAN', 'vxlan', 60);

describe('hand-over and what changes', () => {
  const world = new World('hc', 'segment');
  beforeAll(async () => {
    await ensureRoots(['tools'], () => undefined);
    await world.up();
    await world.applyAll();
    for (const server of SERVERS) await world.network.in(server, ['nft', '-f', '-'], RST_PROBE);
  });
  afterAll(() => world.down());

  test('packets of connections that nobody knows: one hop at most, dropped by the owner, no entry, no RST', async () => {
    const patient = 'net.netfilter.nf_conntrack_tcp_timeout_established=';
    for (const node of DIRECTORS) await world.network.in(node, ['sysctl', '-qw', `${patient}1`]);
    const keys = keysFrom(21_000, 60);
    await world.client.call('open', { source: CLIENT, sport: 21_000, vip: VIP, port: 80, timeout: 5000, keys });
    await world.client.call('ask', { keys, later: true });
    const known = async () => {
      const tables = DIRECTORS.map((node) => world.network.in(node, ['cat', '/proc/net/nf_conntrack']));
      return (await Promise.all(tables)).join('').match(/ESTABLISHED/g)?.length ?? 0;
    };
    await expect.poll(known, PATIENT).toBe(0);
    const [handed, dropped] = [
      await world.sum('sluice_v1', 'handed_over'),
      await world.sum('sluice_guard_v1', 'lip_unknown'),
    ];
    const pushed = await Promise.all(world.servers.map((server) => server.call<number>('push')));
    expect(pushed.reduce((a, b) => a + b, 0)).toBe(60);
    const dropsNow = async () => (await world.sum('sluice_guard_v1', 'lip_unknown')) - dropped;
    await expect.poll(dropsNow, PATIENT).toBeGreaterThanOrEqual(60);
    expect(await world.sum('sluice_v1', 'handed_over')).toBeGreaterThan(handed);
    expect(await world.sum('probe', 'again')).toBe(0);
    expect(await world.strangeEntries()).toEqual([]);
    const resets = await Promise.all(SERVERS.map((node) => world.counter(node, 'probe', 'rst')));
    expect(resets).toEqual([0, 0, 0]);
    for (const node of DIRECTORS) await world.network.in(node, ['sysctl', '-qw', `${patient}432000`]);
    await world.client.call('close', { keys });
  });

  test('a director that is gone: its blocks are no longer handed over to it, and only elements change', async () => {
    for (const node of ['d1', 'd2'] as const) {
      const { operations } = await world.apply(node, world.desired(node, ['d1', 'd2']));
      expect(operations.filter((line) => !/^sluice_v1 (blocks|hand_over|hand_over_numbers): write/.test(line))).toEqual(
        [],
      );
      const listing = await world.network.in(node, ['nft', 'list', 'map', 'ip', 'sluice_v1', 'hand_over']);
      expect(listing).not.toContain(HAND_OF.d3);
    }
    await world.applyAll();
  });

  test('two directors that disagree about an owner do not pass a packet to and fro', async () => {
    const owners = lipOwners(world.desired('d1'))!.get(ipv4(LIP.shared))!;
    const { low, high } = portsOf(owners.indexOf('d2'));
    const disagreement = `add element ip sluice_v1 hand_over { ${LIP.shared} . ${low}-${high} : ${HAND_OF.d1} }\n`;
    await world.network.in('d2', ['nft', '-f', '-'], disagreement);
    const before = await world.sum('probe', 'arrived');
    const sender = world.network.start('s1', 'client-main');
    const target = { source: ADDRESS_OF.s1, sport: 45_000, vip: LIP.shared, port: low, timeout: 100, count: 30 };
    await sender.call('udp', target);
    expect(await world.sum('probe', 'arrived')).toBeGreaterThan(before);
    expect(await world.sum('probe', 'again')).toBe(0);
    await world.applyAll();
  });

  test('somebody else’s change is drift, and repaired', async () => {
    await world.network.in('d1', ['nft', 'flush', 'map', 'ip', 'sluice_v1', 'hand_over']);
    const report = await world.apply('d1', world.desired('d1'));
    expect(report).toMatchObject({ drift: true, programmed: ['web', 'dns'] });
    expect(report.operations.map((line) => line.replace(/ write.*/, ''))).toEqual(['sluice_v1 hand_over:']);
  });

  test('an interface that goes takes the hand-over along; when it is back, by another number, so is the hand-over', async () => {
    await world.network.in('d1', ['ip', 'link', 'del', 'hand']);
    expect((await world.apply('d1', world.desired('d1'))).programmed).toEqual(['web', 'dns']);
    const rules = () => world.network.in('d1', ['nft', 'list', 'table', 'ip', 'sluice_v1']);
    expect(await rules()).not.toContain('dup to');
    // As on many a host: what appears is strict about where its packets come from.
    await world.network.in('d1', ['sysctl', '-qw', 'net.ipv4.conf.default.rp_filter=1']);
    await world.network.plug('d1', 'hand', HAND_OF.d1);
    await world.apply('d1', world.desired('d1'));
    expect(await rules()).toContain('device "hand"');
    expect(await flowsComplete(world, 22_000, 60, 3000)).toEqual({ opened: 60, small: 60, large: 60 });
  });

  test('an nft or a kernel that cannot is named, and refused only where a hand-over is asked for', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-nft-'));
    const program = '#!/bin/sh\ntext=$(cat)\ncase $text in *"dup to"*) echo "Error: no dup" >&2; exit 1;; esac\n';
    await writeFile(join(directory, 'nft'), program, { mode: 0o755 });
    const path = `PATH=${directory}:${process.env['PATH']}`;
    const driver = world.network.startUnder(['env', path], 'd3', 'driver-main');
    await driver.call('open');
    await expect(driver.call('apply', { desired: world.desired('d3') })).rejects.toThrow(
      /feature=passing on by dup.*lacks/,
    );
    await driver.kill();
    await rm(directory, { recursive: true });
  });

  test('answers to a pool address, from anybody, TCP, UDP and echoes: all of 90 are heard', async () => {
    const from = { address: ipv4('10.2.0.0'), length: 24 };
    const egress = { links: ['front'], pools: [{ name: 'out', from, pool: [ipv4(POOL)] }] };
    const hops = (addresses: Readonly<Record<DirectorNode, string>>) =>
      DIRECTORS.flatMap((name) => ['nexthop', 'via', addresses[name]]);
    await world.network.in('cl', ['ip', 'route', 'add', POOL, ...hops(FRONT_OF)]);
    await world.network.in('s1', ['ip', 'route', 'add', 'default', ...hops(INSIDE_OF)]);
    for (const node of DIRECTORS) {
      await world.network.in(node, ['ip', 'route', 'add', 'local', POOL, 'dev', 'lo']);
      await world.apply(node, { ...world.desired(node), egress });
    }
    const listener = world.network.start('cl', 'server-main', 'world', '7777');
    await listener.call('ready');
    const opener = world.network.start('s1', 'client-main');
    const target = { source: ADDRESS_OF.s1, vip: CLIENT, port: 7777, timeout: 3000 };
    const keys = keysFrom(40_000, 90);
    const handed = () => world.sum('sluice_v1', 'handed_over');
    let before = await handed();
    const opened = await opener.call<string[]>('open', { ...target, sport: 40_000, keys });
    expect(opened.filter((answer) => answer !== 'world')).toEqual([]);
    expect(await handed()).toBeGreaterThan(before);
    before = await handed();
    const datagrams = await opener.call<string[]>('udp', { ...target, sport: 41_000, count: 90 });
    expect(datagrams.filter((answer) => answer !== 'world')).toEqual([]);
    expect(await handed()).toBeGreaterThan(before);
    const ping = ['chroot', await rootPath('tools'), 'ping', '-c', '1', '-W', '2', CLIENT];
    // Each with an identifier of its own, hence from blocks of whichever director.
    for (let round = 0; round < 6; round++)
      await world.network.in('s1', [...ping, '-e', String(50_000 + 1024 * round)]);
    const peers = await listener.call<string[]>('peers');
    expect(new Set(peers.map((peer) => peer.split(':')[0]))).toEqual(new Set([POOL]));
    expect(await world.strangeEntries(ADDRESS_OF.s1)).toEqual([]);
    await world.applyAll();
  });

  test('an ICMP error about a packet from the address goes to the director that has sent it', async () => {
    const deaf = { ...UDP, name: 'deaf', ports: [5353] };
    for (const node of DIRECTORS) {
      const desired = world.desired(node);
      await world.apply(node, { ...desired, services: [...desired.services, deaf] });
    }
    for (const server of SERVERS) await world.network.in(server, ['sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0']);
    const before = await world.sum('sluice_v1', 'handed_over');
    const target = { source: CLIENT, sport: 31_000, vip: VIP, port: 5353, timeout: 2000, count: 30 };
    const answers = await world.client.call<string[]>('udp', target);
    expect(answers.filter((answer) => answer !== 'ECONNREFUSED')).toEqual([]);
    expect(await world.sum('sluice_v1', 'handed_over')).toBeGreaterThan(before);
  });
});
