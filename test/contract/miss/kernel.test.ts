/** Misses of a real kernel, with the product's rules. */
import type { MissCounts } from '../../../src/drivers/miss/port.ts';
import { Network, type Peer } from '../dataplane/netns.ts';
import { netnsBench } from '../dataplane/netns-bench.ts';
import { CLIENT, EVEN, only, servers, VIP, web } from '../dataplane/suite.ts';
import { missContract, type Told } from './suite.ts';

const network = new Network(`mk${process.pid}`);
const bench = netnsBench(network);
let misses: Peer;
let stray: Peer;

missContract('kernel', {
  async up() {
    await bench.up();
    await bench.apply(only(web(servers(EVEN))));
    await bench.takeMisses(60_000);
    stray = network.start('cl', 'stray-main', 'front');
    await stray.call('makeTcp');
    misses = network.start('d1', '../miss/misses-main');
  },
  down: () => bench.down(),
  open: () => misses.call('open'),
  close: () => misses.call('close'),
  async send(strays) {
    for (const { sport, payload, damaged } of strays) {
      await stray.call('send', { sources: [CLIENT], target: VIP, port: 80, sport, each: 1, payload, damaged });
    }
  },
  told: () => misses.call<readonly Told[]>('told'),
  giveBack: () => misses.call('giveBack'),
  counts: () => misses.call<MissCounts>('counts'),
});
