import { Network } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { dataplaneContract } from './suite.ts';

dataplaneContract('nftables', netnsBench(new Network(`dp${process.pid}`)));
