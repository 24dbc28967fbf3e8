/**
 * Two directors that are each other's real servers of direct routing, and take turns: without our rules what one sends the other
 * comes back, until its TTL ends. Directors, client and wire are namespaces of one guest.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot } from '../../../lab/project.ts';
import { type Guest, startGuest } from '../../../lab/runtimes/guest.ts';
import { KERNELS } from '../../../lab/runtimes/lab.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';

const VIP = '203.0.113.10';
const DIRECTORS = ['d1', 'd2'] as const;
const ADDRESS = { cl: '10.1.0.2', d1: '10.1.0.11', d2: '10.1.0.12' } as const;
const MACS = { d1: '02:00:00:00:00:d1', d2: '02:00:00:00:00:d2' } as const;
const CONNECTIONS = 40;

/** On the wire a client's packet that a director has sent on has one hop behind it; whatever has two has been to and fro. */
const LOOPED = `table ip watch {
  chain in { type filter hook prerouting priority -400; iifname != "lo" ip daddr ${VIP} ip ttl < 63 counter; }
}
`;

let guest: Guest;

async function said(argv: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await guest.exec(argv, { input, deadline: 60_000 });
  expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: '' });
  return stdout;
}

const inside = (netns: string, ...argv: readonly string[]) => ['ip', 'netns', 'exec', netns, ...argv];

/** Every node on one wire; on each director a program that says its name on port 80. */
const NETWORK = `set -e
ip link add name wire type bridge
ip link set wire up
for node in cl d1 d2; do
  ip netns add $node
  ip -n $node link set lo up
  ip link add $node type veth peer name eth0 netns $node
  ip link set $node master wire up
done
${Object.entries(MACS)
  .map(([node, mac]) => `ip -n ${node} link set eth0 address ${mac}`)
  .join('\n')}
${Object.entries(ADDRESS)
  .map(([node, address]) => `ip -n ${node} link set eth0 up; ip -n ${node} address add ${address}/24 dev eth0`)
  .join('\n')}
for node in d1 d2; do
  ip -n $node route add local ${VIP}/32 dev lo
  echo $node > /run/$node
  ip netns exec $node setsid socat -U TCP-LISTEN:80,fork,reuseaddr OPEN:/run/$node >/dev/null 2>&1 </dev/null &
done
`;

/** By hand, as one would without an agent: plain services, and nothing else. */
const PLAIN = `-A -t ${VIP}:80 -s rr
${DIRECTORS.map((name) => `-a -t ${VIP}:80 -r ${ADDRESS[name]}:80 -g`).join('\n')}
`;

/** No process for each: that is what takes its time in a guest. */
const ASK = `for i in $(seq ${CONNECTIONS}); do
  answer=none
  { exec 3<>/dev/tcp/${VIP}/80 && read -t 5 answer <&3; exec 3>&-; } 2>/dev/null
  echo $answer
done`;

/** From each of these ports; a name or nothing by line. */
const ASK_FROM = `for port in "$@"; do
  echo "$(socat -u -T 5 TCP:${VIP}:80,sourceport=$port,reuseaddr,connect-timeout=5 - 2>/dev/null)"
done`;

interface Applied {
  readonly programmed: readonly string[];
  readonly refused: readonly string[];
}

interface Asked {
  readonly answers: Readonly<Record<string, number>>;
  /** Packets that have been to and fro, at both directors. */
  readonly looped: number;
}

/** Leads the client by this director, and counts from nothing. */
async function lead(by: 'd1' | 'd2'): Promise<void> {
  await said(inside('cl', 'ip', 'route', 'replace', VIP, 'via', ADDRESS[by]));
  for (const name of DIRECTORS)
    await said(inside(name, 'nft', '-f', '-'), `table ip watch\ndelete table ip watch\n${LOOPED}`);
}

async function packetsLooped(): Promise<number> {
  let looped = 0;
  for (const name of DIRECTORS) {
    const listing = await said(inside(name, 'nft', 'list', 'table', 'ip', 'watch'));
    looped += Number(/packets (\d+)/.exec(listing)?.[1]);
  }
  return looped;
}

async function ask(by: 'd1' | 'd2'): Promise<Asked> {
  await lead(by);
  const answers: Record<string, number> = {};
  for (const answer of (await said(inside('cl', 'bash', '-c', ASK))).trim().split('\n')) {
    answers[answer] = (answers[answer] ?? 0) + 1;
  }
  return { answers, looped: await packetsLooped() };
}

/** Who answers a connection from each of these ports. */
async function askFrom(ports: readonly number[]): Promise<ReadonlyMap<number, string>> {
  const lines = (await said(inside('cl', 'bash', '-c', ASK_FROM, 'ask', ...ports.map(String)))).trim().split('\n');
  return new Map(ports.map((port, i) => [port, lines[i]!]));
}

function desired(self: 'd1' | 'd2'): DesiredDataplane {
  const servers = DIRECTORS.map((director) => {
    return { name: director, address: ipv4(ADDRESS[director]), weight: 1, state: 'up' as const, director };
  });
  const scheduler = { name: 'rr' } as const;
  const vips = [ipv4(VIP)];
  return {
    services: [{ name: 'web', vips, ports: [80], protocol: 'tcp', servers, scheduler, direct: { device: 'eth0' } }],
    upstream: ['eth0'],
    plane: 'ipvs',
    self,
    macs: { d1: [MACS.d1], d2: [MACS.d2] },
  };
}

describe.each(KERNELS)('Linux %s', (kernel) => {
  beforeAll(async () => {
    guest = await startGuest({ name: 'loop', kernel });
    await said(['modprobe', '-a', 'ip_vs', 'ip_vs_rr', 'bridge', 'veth', 'nf_tables']);
    await said(['bash', '-c', NETWORK]);
    // Else each would tell the client of the other, which is on the same wire.
    for (const name of DIRECTORS) await said(inside(name, 'sysctl', '-q', '-w', 'net.ipv4.conf.all.send_redirects=0'));
  }, 120_000);
  afterAll(() => guest?.down());

  test('services as they are made by hand send packets to and fro until nobody answers', async () => {
    for (const name of DIRECTORS) await said(inside(name, 'ipvsadm', '--restore'), PLAIN);
    const { answers, looped } = await ask('d1');
    for (const name of DIRECTORS) await said(inside(name, 'ipvsadm', '--clear'));
    expect(looped).toBeGreaterThan(100);
    expect(answers['none']).toBeGreaterThan(0);
  });

  test('with the rules that are made of the file every packet is sent on once at most, and everyone is answered', async () => {
    const main = join(projectRoot, 'dist/test/contract/dataplane/ipvs-apply-main.js');
    for (const name of DIRECTORS) {
      const report = JSON.parse(await said(inside(name, 'node', main), JSON.stringify(desired(name)))) as Applied;
      expect(report).toMatchObject({ programmed: ['web'], refused: [] });
    }
    for (const by of DIRECTORS) {
      expect(await ask(by)).toEqual({ answers: { d1: CONNECTIONS / 2, d2: CONNECTIONS / 2 }, looped: 0 });
    }
  });

  test('a port that is used again by way of the other director, while the first one remembers that it sent it there', async () => {
    await lead('d1');
    const before = await askFrom([5001, 5002, 5003, 5004]);
    await lead('d2');
    // Whoever has the first turn: in one of these orders d1 has sent a port to d2, and d2 sends it to d1 now.
    const after = await askFrom([5001, 5002, 5004, 5003]);
    expect(await packetsLooped()).toBe(0);
    expect([...before].some(([port, server]) => server === 'd2' && after.get(port) === 'd1')).toBe(true);
    const each = ['d1', 'd1', 'd2', 'd2'];
    expect([[...before.values()].toSorted(), [...after.values()].toSorted()]).toEqual([each, each]);
  });
});
