/**
 * The bench with real packets and a real IPVS: the director is a guest on a Debian kernel, client and servers are namespaces around
 * it, on the same bridges as those of `netns.ts`.
 */
import { join } from 'node:path';
import { projectRoot } from '../../../lab/project.ts';
import { type Guest, startGuest } from '../../../lab/runtimes/guest.ts';
import type { KernelVersion } from '../../../lab/runtimes/lab.ts';
import { clientFlows, driverCalls, markingTable } from './bench-client.ts';
import type { IpvsBench } from './ipvs-suite.ts';
import { FRONT_OF, INSIDE_OF, type Network, type Peer, SERVERS } from './netns.ts';
import { MANY_CLIENTS, OTHER_VIP, VIP } from './suite.ts';

/** Long enough for a lost SYN to be sent again, twice. */
const PATIENCE_MS = 8000;
const SERVICE_PORTS = ['80', '443', '53'];
const DRIVER_PORT = '7000';
const MEMORY = '/run/sluice-ipvs.json';
const PROGRAM = join(projectRoot, 'dist/test/contract/dataplane/guest-driver-main.js');
/** One line to the driver, one line from it. */
const ASK = `exec 3<>/dev/tcp/127.0.0.1/${DRIVER_PORT}; cat >&3; head -n 1 <&3`;

export interface GuestBench extends IpvsBench {
  readonly client: () => Peer;
  readonly servers: () => readonly Peer[];
  readonly guest: () => Guest;
  call<T>(method: string, values?: Readonly<Record<string, unknown>>): Promise<T>;
}

/** `driven`: by the driver alone, or by an agent, which the caller starts. */
export function guestBench(network: Network, kernel: KernelVersion, driven: 'driver' | 'agent' = 'driver'): GuestBench {
  let guest: Guest;
  let client: Peer;
  let servers: readonly Peer[];
  let pid = '';

  async function said(argv: readonly string[], input?: string, deadline = 60_000): Promise<string> {
    const { code, stdout, stderr } = await guest.exec(argv, { deadline, ...(input === undefined ? {} : { input }) });
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr.trim()}`);
    return stdout;
  }

  async function call<T>(method: string, values: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const line = await said(['bash', '-c', ASK], `${JSON.stringify({ id: 1, method, ...values })}\n`);
    const { result, error } = JSON.parse(line) as { result?: T; error?: string };
    if (error !== undefined) throw new Error(error);
    return result as T;
  }

  async function startDriver(): Promise<void> {
    const run = `setsid ${process.execPath} ${PROGRAM} ${DRIVER_PORT} ${MEMORY} >/run/driver.log 2>&1 </dev/null & echo $!`;
    pid = (await said(['sh', '-c', run])).trim();
    await said(['bash', '-c', `until (exec 3<>/dev/tcp/127.0.0.1/${DRIVER_PORT}) 2>/dev/null; do sleep 0.1; done`]);
    await call('open');
  }

  /** The guest is the only director. */
  async function plugDirector(): Promise<void> {
    const sw = network.netns('sw');
    const nics = (['front', 'back'] as const).map((name) => ({ tap: `d1-${name}`, netns: sw, name }));
    guest = await startGuest({ name: `ipvs-${process.pid}`, kernel, nics });
    for (const { tap, name } of nics) await network.in('sw', ['ip', 'link', 'set', tap, 'master', name, 'up']);
    const addresses = [
      ['front', FRONT_OF.d1],
      ['back', INSIDE_OF.d1],
    ].flatMap(([name, address]) => [`addr add ${address}/24 dev ${name}`, `link set ${name} up`]);
    // An agent makes the route itself.
    const locals = driven === 'agent' ? [] : [VIP, OTHER_VIP].map((vip) => `route add local ${vip}/32 dev lo`);
    const clients = `route add ${MANY_CLIENTS} via ${FRONT_OF.cl}`;
    await said(['ip', '-batch', '-'], [...addresses, ...locals, clients, ''].join('\n'));
  }

  return {
    kernel,
    client: () => client,
    servers: () => servers,
    guest: () => guest,
    call,
    said,
    async up() {
      await network.up();
      await plugDirector();
      for (const vip of [VIP, OTHER_VIP]) await network.routeVip(vip, 'd1');
      await network.in('cl', ['ip', 'route', 'add', 'local', MANY_CLIENTS, 'dev', 'lo']);
      client = network.start('cl', 'client-main');
      servers = SERVERS.map((name) => network.start(name, 'server-main', name, ...SERVICE_PORTS));
      await Promise.all(servers.map((server) => server.call('ready')));
      if (driven === 'driver') await startDriver();
    },
    async down() {
      await guest?.down();
      await network.down();
    },
    ...driverCalls(call),
    ...clientFlows(() => client, PATIENCE_MS),
    async restart() {
      await said(['kill', '-9', pid]);
      await startDriver();
    },
    async markPackets(mark) {
      await said(['nft', '-f', '-'], markingTable(mark));
    },
    async byHand(rules) {
      await said(['ipvsadm', '-R'], rules);
    },
    listing: async () => (await said(['ipvsadm', '-S', '-n'])).trimEnd().split('\n'),
  };
}
