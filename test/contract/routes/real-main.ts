/** Runs one claim of the suite against the kernel; started by `routes.test.ts` in a namespace of its own. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
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
  async disappeared(during) {
    const monitor = spawn('ip', ['monitor', 'route'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let heard = '';
    monitor.stdout.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
    });
    // What was done before a route of ours is heard has been heard too.
    const marked = async (prefix: string) => {
      while (!heard.includes(prefix)) {
        ip(`route replace ${prefix} dev up0`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    await marked('10.98.0.0/16');
    const from = heard.length;
    await during();
    await marked('10.99.0.0/16');
    monitor.kill();
    await once(monitor, 'exit');
    const gone = [...heard.slice(from).matchAll(/^Deleted (\S+) (?:.* )?proto 217 /gm)].map(([, prefix]) => prefix!);
    return [...new Set(gone)];
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
