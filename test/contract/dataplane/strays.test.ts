/** Answers of connections that nobody has, with real packets, and beside it the fake. */
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { FakeKernel } from '../../../src/drivers/dataplane/fake/fake.ts';
import { fakeBench } from './fake-bench.ts';
import { LIP } from './fullnat-suite.ts';
import { type HandOverBench, handOverContract, SORRY } from './hand-over-suite.ts';
import { ADDRESS_OF, HAND_OF, INSIDE_OF, Network, type Peer } from './netns.ts';
import { netnsBench } from './netns-bench.ts';

const STRANGER = '10.2.0.99';
const SOURCE_OF = { s1: ADDRESS_OF.s1, sorry: SORRY, stranger: STRANGER } as const;

function fakeHandOverBench(): HandOverBench {
  const kernel = new FakeKernel();
  return {
    ...fakeBench(kernel),
    device: 'back',
    async stray(from, port) {
      const hop = kernel.answer({ source: ipv4(SOURCE_OF[from]), address: ipv4(LIP.shared), port });
      const found = Object.entries(HAND_OF).find(([, address]) => hop !== undefined && address === formatIpv4(hop));
      return found?.[0] ?? 'none';
    },
  };
}

handOverContract('fake', fakeHandOverBench());

const PROBE = `table ip probe {
  counter arrived { }
  chain c {
    type filter hook prerouting priority -350; policy accept;
    iifname "hand" ip daddr ${LIP.shared} counter name arrived
  }
}
`;

function kernelHandOverBench(network: Network): HandOverBench {
  let sender: Peer;
  let sport = 10_000;

  async function prepare(): Promise<void> {
    for (const node of ['d1', 'd2', 'd3'] as const) {
      await network.plug(node, 'hand', HAND_OF[node]);
      await network.in(node, ['ip', 'route', 'add', 'local', LIP.shared, 'dev', 'lo']);
      await network.in(node, ['nft', '-f', '-'], PROBE);
    }
    for (const address of [STRANGER, SORRY]) {
      await network.in('s1', ['ip', 'address', 'add', `${address}/24`, 'dev', 'back']);
    }
    await network.in('s1', ['ip', 'route', 'add', LIP.shared, 'via', INSIDE_OF.d1]);
    sender = network.start('s1', 'client-main');
  }

  async function arrived(node: 'd2' | 'd3'): Promise<number> {
    const text = await network.in(node, ['nft', 'list', 'counter', 'ip', 'probe', 'arrived']);
    return Number(/packets (\d+)/.exec(text)?.[1]);
  }

  return {
    ...netnsBench(network, { prepare }),
    device: 'hand',
    async stray(from, port) {
      const before = { d2: await arrived('d2'), d3: await arrived('d3') };
      const target = { source: SOURCE_OF[from], sport: sport++, vip: LIP.shared, port, timeout: 30, count: 1 };
      await sender.call('udp', target);
      for (const node of ['d2', 'd3'] as const) if ((await arrived(node)) > before[node]) return node;
      return 'none';
    },
  };
}

handOverContract('nftables', kernelHandOverBench(new Network(`st${process.pid}`, ['d1', 'd2', 'd3'])));
