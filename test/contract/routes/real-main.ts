/** Runs one claim of the suite against the kernel; started by `routes.test.ts` in a namespace of its own. */
import { execFileSync } from 'node:child_process';
import { RtnetlinkRoutes } from '../../../src/drivers/routes/rtnetlink.ts';
import { claims, type RouteWorld } from './suite.ts';

const ADDRESS: Readonly<Record<string, string>> = { up0: '10.1.0.1/24', up1: '10.1.1.1/24' };

function ip(words: string): string {
  return execFileSync('ip', words.split(' '), { encoding: 'utf8' });
}

function addInterface(name: string): void {
  ip(`link add ${name} type veth peer name ${name}p`);
  ip(`link set ${name}p up`);
  ip(`link set ${name} up`);
  ip(`addr add ${ADDRESS[name]} dev ${name}`);
}

const kernel: RouteWorld = {
  table: () => new RtnetlinkRoutes(),
  addForeign(prefix, metric) {
    ip(`route prepend ${prefix} metric ${metric} via 10.1.0.2 dev up0 proto static`);
  },
  foreign() {
    const routes = JSON.parse(ip('-json route show proto static')) as { dst: string; metric: number }[];
    return routes.map(({ dst, metric }) => `${dst} ${metric}`);
  },
  addLoopbackAddress(address) {
    ip('link set lo up');
    ip(`addr add ${address}/32 dev lo`);
  },
  removeInterface(name) {
    ip(`link del ${name}`);
  },
  restoreInterface: addInterface,
};

const claim = claims[Number(process.argv[2])];
if (claim === undefined) throw new Error(`no claim ${process.argv[2]}`);
for (const name of Object.keys(ADDRESS)) addInterface(name);
await claim.run(kernel);
