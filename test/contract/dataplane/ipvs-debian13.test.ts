/** The same on Debian 13's kernel. */
import { guestBench } from './guest-bench.ts';
import { ipvsModes } from './ipvs-modes.ts';
import { ipvsSchedulers } from './ipvs-schedulers.ts';
import { ipvsContract } from './ipvs-suite.ts';
import { ipvsTimes } from './ipvs-times.ts';
import { Network } from './netns.ts';

const network = new Network(`iw${process.pid}`, []);
const bench = guestBench(network, '6.12');

ipvsContract('Linux 6.12', bench, () => {
  ipvsSchedulers(bench, network);
  ipvsTimes(bench, network);
  ipvsModes(bench, network);
});
