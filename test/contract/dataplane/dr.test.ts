/** Direct routing, by real packets: the servers answer the client past the directors. */

import { directContract } from './direct-suite.ts';
import { fakeBench } from './fake-bench.ts';
import { Network } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { OTHER_VIP, VIP } from './suite.ts';

const network = new Network(`dr${process.pid}`);
const bench = netnsBench(network, {
  ports: [`${VIP}:80`, `${VIP}:53`],
  prepare: () => network.answerDirectly([VIP, OTHER_VIP]),
});

directContract('fake', fakeBench());
directContract('nftables', bench);
