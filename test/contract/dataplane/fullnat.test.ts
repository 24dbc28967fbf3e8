/** FullNAT with real packets, and beside it the fake. */
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { FakeKernel } from '../../../src/drivers/dataplane/fake.ts';
import { fakeBench } from './fake-bench.ts';
import { fullnatBench } from './fullnat-bench.ts';
import { type FullnatBench, fullnatContract } from './fullnat-suite.ts';
import { Network } from './netns.ts';
import { EVEN, type FlowTarget } from './suite.ts';

const NAMES = new Map(Object.keys(EVEN).map((name, i) => [ipv4('10.2.0.21') + i, name]));

function fakeFullnatBench(): FullnatBench {
  const kernel = new FakeKernel();
  return {
    ...fakeBench(kernel),
    async seen(client: string, sport: number, count: number, { vip, port, protocol }: FlowTarget) {
      return Array.from({ length: count }, (_, i) => {
        const flow = { protocol, source: ipv4(client), sport: sport + i, vip: ipv4(vip), port };
        const server = kernel.packet(flow);
        return server === undefined ? 'timeout' : `${NAMES.get(server)} ${kernel.sourceOf(flow)}`;
      });
    },
  };
}

fullnatContract('fake', fakeFullnatBench());

const network = new Network(`fn${process.pid}`);
const bench = fullnatBench(network);
fullnatContract('nftables', bench);
