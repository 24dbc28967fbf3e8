import { fakeBench } from './fake-bench.ts';
import { dataplaneContract } from './suite.ts';

dataplaneContract('fake', fakeBench());
