/**
 * Connections as fast as this machine can make them while the slots of their service are rewritten again and again: what the
 * suite asks for in small and the soak `nft-rewrite` in full.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DataplaneCounters, DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import type { Scheduler } from '../../../src/core/model/scheduler.ts';
import type { ApplyReport } from '../../../src/drivers/dataplane/port.ts';
import { ADDRESS_OF, Network, SERVERS } from './netns.ts';
import { WebLoad } from './web-load.ts';
import { prepareVips, sendTo, URLS, VIPS } from './web-vips.ts';

const CONNECTIONS = 64;
/** Seconds; one follows another as long as slots are rewritten. */
const ROUND = 2;

export interface RewriteOptions {
  readonly scheduler: Scheduler;
  /** At least so many connections, and so many changes of the slots in the time that they take. */
  readonly connections: number;
  readonly rewrites: number;
  readonly progress: (line: string) => void;
}

export interface RewriteReport {
  readonly connections: number;
  /** Per second, while the slots are rewritten and before. */
  readonly rate: number;
  readonly rateBefore: number;
  readonly errors: number;
  /** New connections as the data plane has counted them, and those that found no slot. */
  readonly counted: number;
  readonly misses: number;
  /** SYNs that the client has sent more than once. */
  readonly repeated: number;
  /** Slots written by each change. */
  readonly written: readonly number[];
  /** Milliseconds that each change took. */
  readonly took: readonly number[];
}

/** In namespaces of its own, named `sl-RUN-…`. */
export async function rewriteUnderLoad(run: string, options: RewriteOptions): Promise<RewriteReport> {
  const network = new Network(run);
  const web = new WebLoad(network);
  try {
    await network.up();
    await prepareVips(network, ['d1']);
    await sendTo(network, 'd1');
    await web.up();
    return await measure(network, web, options);
  } finally {
    await web.down();
    await network.down();
  }
}

async function measure(network: Network, web: WebLoad, options: RewriteOptions): Promise<RewriteReport> {
  const { scheduler, connections, rewrites, progress } = options;
  const driver = network.start('d1', 'driver-main');
  await driver.call('open');
  const apply = (down?: number) => driver.call<ApplyReport>('apply', { desired: desired(scheduler, down) });
  await apply();
  const before = await web.load({ urls: URLS, seconds: ROUND, connections: CONNECTIONS });
  const rateBefore = before.requests / before.seconds;
  progress(`${Math.round(rateBefore)} connections per second; now with changes of the slots`);

  const repeatedBefore = await repeatedSyns(network);
  const load = { requests: 0, errors: 0, seconds: 0 };
  const written: number[] = [];
  const took: number[] = [];
  const isEnough = () => load.requests >= connections && written.length >= rewrites;
  const traffic = (async () => {
    while (!isEnough()) {
      const round = await web.load({ urls: URLS, seconds: ROUND, connections: CONNECTIONS });
      for (const key of ['requests', 'errors', 'seconds'] as const) load[key] += round[key];
    }
  })();
  const pace = (1000 * connections) / rateBefore / rewrites;
  const started = performance.now();
  for (let n = 0; !isEnough(); n++) {
    await sleep(Math.max(0, started + n * pace - performance.now()));
    const began = performance.now();
    const { operations } = await apply(whoIsDown(scheduler, n));
    took.push(performance.now() - began);
    written.push(Number(/slots_web: write (\d+) of/.exec(operations.join())?.[1] ?? 0));
  }
  await traffic;
  const [service] = (await driver.call<DataplaneCounters>('counters')).services;
  return {
    connections: load.requests,
    rate: load.requests / load.seconds,
    rateBefore,
    errors: before.errors + load.errors,
    counted: service!.newConnections,
    misses: service!.misses,
    repeated: (await repeatedSyns(network)) - repeatedBefore,
    written,
    took,
  };
}

/** A third of the slots of mh goes elsewhere, and another comes back; the number of turns changes, and with it the rule. */
function whoIsDown({ name }: Scheduler, change: number): number | undefined {
  if (name === 'mh') return change % SERVERS.length;
  return change % 2 === 0 ? (change / 2) % SERVERS.length : undefined;
}

/** One service on all VIPs; the server of that number is down. */
function desired(scheduler: Scheduler, down: number | undefined): DesiredDataplane {
  const servers = SERVERS.map((name, at) => {
    return { name, address: ipv4(ADDRESS_OF[name]), weight: 1, state: at === down ? 'down' : 'up' } as const;
  });
  const web = { name: 'web', vips: VIPS.map(ipv4), ports: [80], protocol: 'tcp', servers, scheduler } as const;
  return { services: [web], upstream: ['front'] };
}

async function repeatedSyns(network: Network): Promise<number> {
  const [names, values] = (await network.in('cl', ['grep', '^TcpExt:', '/proc/net/netstat'])).split('\n');
  const at = names!.split(' ').indexOf('TCPSynRetrans');
  return Number(values!.split(' ')[at]);
}
