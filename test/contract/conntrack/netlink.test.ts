import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { Network, type Peer } from '../dataplane/netns.ts';
import { netnsBench } from '../dataplane/netns-bench.ts';
import { CLIENT, EVEN, only, servers, web } from '../dataplane/suite.ts';
import { conntrackContract, type Told } from './suite.ts';

const network = new Network(`ct${process.pid}`);
const bench = netnsBench(network);
let peer: Peer;

const FOREIGN_VIP = '203.0.113.77';

beforeAll(async () => {
  await bench.up();
  await bench.apply(only(web(servers(EVEN))));
  peer = network.start('d1', '../conntrack/conntrack-main');
  await peer.call('listen');
  await network.routeVip(FOREIGN_VIP, 'd1');
  const rules = `table ip foreign { chain c { type nat hook prerouting priority -110
    ip daddr ${FOREIGN_VIP} ct mark set 0x10000 dnat to 10.2.0.21
  }
}
`;
  await network.in('d1', ['nft', '-f', '-'], rules);
});
afterAll(() => bench.down());

const keys = (sport: number, count: number) => Array.from({ length: count }, (_, i) => String(sport + i));

/** Events come within microseconds of the packet; a machine that does other things may take a moment to let us read them. */
async function told(enough: (all: readonly Told[]) => boolean): Promise<readonly Told[]> {
  const all: Told[] = [];
  for (let attempt = 0; attempt < 100; attempt++) {
    all.push(...(await peer.call<Told[]>('told')));
    if (enough(all)) break;
    await sleep(50);
  }
  return all;
}

conntrackContract('kernel', () => ({
  control: {
    assured: () => peer.call('assured'),
    deleteOf: (serverId) => peer.call('deleteOf', { serverId }),
  },
  told,
  connect: (sport, count) => bench.connect(sport, count),
  close: (sport, count) => bench.client().call('close', { keys: keys(sport, count) }),
  async connectForeign(sport, count) {
    const values = { source: CLIENT, sport, vip: FOREIGN_VIP, port: 80, timeout: 5000 };
    await bench.client().call('open', { ...values, keys: keys(sport, count) });
  },
}));
