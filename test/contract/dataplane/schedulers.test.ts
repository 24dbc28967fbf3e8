import { fakeBench } from './fake-bench.ts';
import { Network } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { schedulersContract } from './schedulers-suite.ts';

schedulersContract('fake', fakeBench());
schedulersContract('nftables', netnsBench(new Network(`sc${process.pid}`)));
