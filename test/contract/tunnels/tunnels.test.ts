import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FoundVxlan } from '../../../src/core/netlink/vxlan.ts';
import { FakeTunnels } from '../../../src/drivers/tunnels/fake.ts';
import { Peer } from '../dataplane/netns.ts';
import { Namespace } from '../ospf-socket/namespace.ts';
import { type Tampering, type TunnelWorld, tunnelContract, WANTED } from './suite.ts';

const FAR_MAC = '02:73:0a:04:00:03';

describe('tunnels: fake', () => {
  let fake: FakeTunnels;
  beforeEach(() => {
    fake = new FakeTunnels();
  });

  function tamper(what: Tampering): void {
    const device = fake.found.device as FoundVxlan;
    const without = (kind: 'arp' | 'forwarding') =>
      fake.found.neighbours.filter((one) => one.kind !== kind || one.mac[5] !== 3);
    const changed: Readonly<Record<Tampering, Partial<FakeTunnels['found']>>> = {
      'delete-device': { device: undefined, addressed: false, neighbours: [] },
      down: { device: { ...device, enabled: false } },
      mtu: { device: { ...device, mtu: 1300 } },
      learning: { device: { ...device, learning: true } },
      address: { addressed: false, neighbours: fake.found.neighbours.filter(({ kind }) => kind !== 'arp') },
      'next-hop': { neighbours: without('arp') },
      'far-end': { neighbours: without('forwarding') },
    };
    fake.found = { ...fake.found, ...changed[what] };
  }

  tunnelContract(() => ({
    control: fake,
    tamper,
    occupy: () => {
      fake.found = { device: 'foreign', addressed: false, neighbours: [] };
    },
  }));
});

describe('tunnels: kernel', () => {
  let namespace: Namespace;
  let peer: Peer;
  beforeEach(() => {
    namespace = new Namespace('vx');
    namespace.ip('link add y0 type veth peer name y1');
    namespace.ip('addr add 10.4.0.1/24 dev y0');
    for (const name of ['y0', 'y1']) namespace.ip(`link set ${name} up`);
    peer = new Peer(namespace.name, '../tunnels/tunnels-main', []);
  });
  afterEach(async () => {
    await peer.kill();
    namespace.remove();
  });

  function bridgeForgets(): void {
    const [program, ...words] = namespace.command(['bridge', 'fdb', 'del', FAR_MAC, 'dev', 'sluice-vxlan', 'self']);
    execFileSync(program, words);
  }

  function tamper(what: Tampering): void {
    const acts: Readonly<Record<Tampering, () => void>> = {
      'delete-device': () => namespace.ip('link del sluice-vxlan'),
      down: () => namespace.ip('link set sluice-vxlan down'),
      mtu: () => namespace.ip('link set sluice-vxlan mtu 1300'),
      learning: () => namespace.ip('link set sluice-vxlan type vxlan id 7 learning'),
      address: () => namespace.ip('addr del 169.254.217.1/24 dev sluice-vxlan'),
      'next-hop': () => namespace.ip('neigh del 169.254.217.3 dev sluice-vxlan'),
      'far-end': bridgeForgets,
    };
    acts[what]();
  }

  const kernel = (): TunnelWorld => ({
    control: {
      settle: (wanted) => peer.call('settle', { wanted }),
      remove: () => peer.call('remove'),
    },
    tamper,
    occupy: () => namespace.ip('link add sluice-vxlan type veth peer name other'),
  });
  tunnelContract(kernel);

  test('the port of somebody else’s device: refused with what the kernel said', async () => {
    namespace.ip('link add other type vxlan id 7 dstport 4789 local 10.4.0.1 nolearning');
    namespace.ip('link set other up');
    await expect(kernel().control.settle(WANTED)).rejects.toThrow(/tunnel-add-device.*EEXIST/);
  });
});
