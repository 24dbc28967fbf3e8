import { fakeIpvsBench } from './ipvs-fake-bench.ts';
import { ipvsContract } from './ipvs-suite.ts';

ipvsContract('fake', fakeIpvsBench());
