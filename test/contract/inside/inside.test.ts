import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { FakeInside } from '../../../src/drivers/inside/fake.ts';
import type { InsideControl, InsideReport } from '../../../src/drivers/inside/port.ts';
import { Peer } from '../dataplane/netns.ts';
import { Namespace } from '../ospf-socket/namespace.ts';
import { insideContract } from './suite.ts';

const OWN_D1 = '10.2.0.101';
const OTHER = ipv4('10.2.0.102');
const TAKEN_OVER = { address: ipv4(OWN_D1), owner: 'd1' };

describe('inside addresses: fake', () => {
  let fake: FakeInside;
  beforeEach(() => {
    fake = new FakeInside();
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
    fake.found = {
      links: [
        { ifindex: 2, name: 'up0', mac, networks: [{ address: ipv4('10.1.0.1'), prefixLength: 24 }] },
        { ifindex: 3, name: 'in0', mac, networks: [{ address: ipv4('10.2.0.1'), prefixLength: 24 }] },
      ],
      held: [],
    };
  });

  insideContract(() => ({
    control: fake,
    held: () => fake.found.held.map(({ address }) => formatIpv4(address)),
    remove: (gone) => {
      fake.found = { ...fake.found, held: fake.found.held.filter(({ address }) => formatIpv4(address) !== gone) };
    },
    other: (link) => (link === 'up' ? fake.answered.add(OTHER) : fake.answered.delete(OTHER)),
  }));

  test('the neighbours are told of what is new, and of all when asked to', async () => {
    await fake.settle([{ address: ipv4(OWN_D1) }]);
    await fake.settle([{ address: ipv4(OWN_D1) }, { address: ipv4('10.2.0.102'), owner: 'd2' }]);
    await fake.announce();
    expect(fake.told).toEqual([OWN_D1, '10.2.0.102', OWN_D1, '10.2.0.102']);
  });
});

/** Two directors and a real server on one segment; d1 has a link elsewhere, too. */
describe('inside addresses: kernel', () => {
  let segment: Namespace;
  let d1: Namespace;
  let d2: Namespace;
  let server: Namespace;
  let peers: Peer[];
  beforeEach(() => {
    [segment, d1, d2, server] = ['is', 'i1', 'i2', 'ir'].map((label) => new Namespace(label)) as [
      Namespace,
      Namespace,
      Namespace,
      Namespace,
    ];
    segment.batch(['link add br0 type bridge', 'link set br0 up']);
    for (const [place, node] of [d1, d2, server].entries()) {
      segment.batch([
        `link add p${place} type veth peer name in0 netns ${node.name}`,
        `link set p${place} master br0 up`,
      ]);
      node.batch([`addr add 10.2.0.${place + 1}/24 dev in0`, 'link set in0 up']);
    }
    d1.batch(['link add up0 type veth peer name up1', 'addr add 10.1.0.1/24 dev up0', 'link set up0 up']);
    peers = [d1, d2].map(({ name }) => new Peer(name, '../inside/inside-main', []));
  });
  afterEach(async () => {
    for (const peer of peers) await peer.kill();
    for (const namespace of [segment, d1, d2, server]) namespace.remove();
  });

  const controlOf = (peer: Peer): InsideControl => ({
    settle: (wanted) => peer.call<InsideReport>('settle', { wanted }),
    announce: () => peer.call('announce'),
  });

  insideContract(() => ({
    control: controlOf(peers[0]!),
    held: () => [...d1.ip('-4 -o addr show dev in0 scope link').matchAll(/inet (\S+)\/32 /g)].map(([, one]) => one!),
    remove: (address) => d1.ip(`addr del ${address}/32 dev in0`),
    other: (link) => {
      d2.ip(`addr replace ${formatIpv4(OTHER)}/32 dev in0`);
      d2.ip(`link set in0 ${link}`);
    },
  }));

  const macOf = (node: Namespace) => /ether (\S+)/.exec(node.ip('link show dev in0'))![1]!;
  const asSeen = () => /lladdr (\S+)/.exec(server.ip(`neigh show ${OWN_D1} dev in0`))?.[1];

  /** The server sends to d1 by its inside address, and so knows where that is. */
  async function taken(): Promise<void> {
    await controlOf(peers[0]!).settle([{ address: ipv4(OWN_D1) }]);
    server.ip(`neigh replace ${OWN_D1} lladdr ${macOf(d1)} nud reachable dev in0`);
    expect(asSeen()).toBe(macOf(d1));
    d1.ip('link set in0 down');
  }

  test('who takes over is known to the neighbours at once, without a question of theirs', async () => {
    await taken();
    await controlOf(peers[1]!).settle([TAKEN_OVER]);
    await expect.poll(asSeen, { interval: 10, timeout: 1000 }).toBe(macOf(d2));
  });

  test('nobody answers: taken within half a second; what an operator has written down for the address stays, and is no answer', async () => {
    const at = performance.now();
    await controlOf(peers[1]!).settle([TAKEN_OVER]);
    expect(performance.now() - at).toBeLessThan(500);
    await controlOf(peers[1]!).settle([]);
    d2.ip(`neigh replace ${OWN_D1} lladdr ${macOf(server)} nud permanent dev in0`);
    expect(await controlOf(peers[1]!).settle([TAKEN_OVER])).toMatchObject({ taken: true });
    expect(d2.ip('neigh show dev in0')).toContain(`${OWN_D1} lladdr ${macOf(server)} PERMANENT`);
  });

  test('the question is asked from the link’s own address, also where an inside address is held', async () => {
    await controlOf(peers[0]!).settle([{ address: ipv4(OWN_D1) }]);
    server.ip('addr add 10.2.0.102/32 dev in0');
    await controlOf(peers[0]!).settle([{ address: ipv4(OWN_D1) }, { address: OTHER, owner: 'd2' }]);
    expect(server.ip('neigh show dev in0')).toContain('10.2.0.1 ');
    expect(server.ip(`neigh show ${OWN_D1} dev in0`)).toBe('');
  });

  test('an address that the kernel only is given leaves them as they were, also with arp_notify', async () => {
    await taken();
    const [program, ...words] = d2.command(['sysctl', '-qw', 'net.ipv4.conf.in0.arp_notify=1']);
    execFileSync(program, words);
    d2.ip(`addr add ${OWN_D1}/32 dev in0`);
    // That nothing comes is no event: what the kernel tells by itself, it tells as it takes the address.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(asSeen()).toBe(macOf(d1));
  });

  test('the owner that is back tells them, too; and once more when it is asked to', async () => {
    await taken();
    await controlOf(peers[1]!).settle([TAKEN_OVER]);
    d1.ip('link set in0 up');
    await controlOf(peers[1]!).settle([]);
    // The bridge needs a moment to know that the link is up again.
    const told = async () => {
      await controlOf(peers[0]!).announce();
      return asSeen();
    };
    await expect.poll(told, { interval: 50, timeout: 5000 }).toBe(macOf(d1));
  });

  test('a link that is down is a refusal with the kernel’s words', async () => {
    d1.ip('link set in0 down');
    await expect(controlOf(peers[0]!).settle([{ address: ipv4(OWN_D1) }])).rejects.toThrow(/packet-send.*ENETDOWN/);
  });
});
