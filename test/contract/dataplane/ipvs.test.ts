/** The IPVS data plane with real packets, on Debian 12's kernel. */
import { guestBench } from './guest-bench.ts';
import { ipvsContract } from './ipvs-suite.ts';
import { Network } from './netns.ts';

ipvsContract('Linux 6.1', guestBench(new Network(`iv${process.pid}`, []), '6.1'));
