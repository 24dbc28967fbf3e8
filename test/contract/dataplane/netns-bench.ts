/** The bench with real packets: the nftables driver in a director's namespace, client and servers around it. */
import { clientFlows, driverCalls, markingTable } from './bench-client.ts';
import { type Network, type Peer, SERVERS } from './netns.ts';
import { type Bench, MANY_CLIENTS, OTHER_VIP, type Tampering, VIP } from './suite.ts';

/** Long enough for a lost SYN to be sent again, twice. */
const PATIENCE_MS = 5000;
const SERVICE_PORTS = ['80', '443', '53'];

export interface NetnsBench extends Bench {
  readonly client: () => Peer;
  readonly servers: () => readonly Peer[];
  /** Of the nftables of the director's namespace. */
  readonly generation: () => Promise<number>;
  /** The program that has the driver of the first director. */
  readonly driver: () => Peer;
  /** A second director with a driver of its own. */
  readonly secondDriver: () => Promise<Peer>;
}

export interface BenchOptions {
  /** Where the real servers listen, as `server-main` takes it. */
  readonly ports?: readonly string[];
  /** What else the network needs, before any program starts. */
  prepare?(): Promise<void>;
}

export function netnsBench(
  network: Network,
  { ports = SERVICE_PORTS, prepare = async () => {} }: BenchOptions = {},
): NetnsBench {
  let driver: Peer;
  let client: Peer;
  let servers: readonly Peer[];

  async function startDriver(): Promise<void> {
    driver = network.start('d1', 'driver-main');
    await driver.call('open');
  }

  async function up(): Promise<void> {
    await network.up();
    await prepare();
    for (const vip of [VIP, OTHER_VIP]) {
      await network.routeVip(vip, 'd1');
      // Somebody else's duty in the product; without it a VIP's packets would be forwarded before they are dropped.
      for (const node of ['d1', 'd2'] as const) {
        await network.in(node, ['ip', 'route', 'add', 'local', `${vip}/32`, 'dev', 'lo']);
      }
    }
    await network.addClients(MANY_CLIENTS);
    client = network.start('cl', 'client-main');
    servers = SERVERS.map((name) => network.start(name, 'server-main', name, ...ports));
    await Promise.all(servers.map((server) => server.call('ready')));
    await startDriver();
  }

  const replace = (map: string, key: string, data: string) =>
    `delete element ip sluice_v1 ${map} { ${key} }\nadd element ip sluice_v1 ${map} { ${key} : ${data} }\n`;
  const acts: Readonly<Record<Exclude<Tampering, 'replace-rule'>, string>> = {
    'delete-tables': 'delete table ip sluice_v1\ndelete table ip sluice_guard_v1\n',
    'empty-slots': 'flush map ip sluice_v1 slots_web\n',
    'delete-slot': 'delete element ip sluice_v1 slots_web { 7 }\n',
    'change-slot': replace('slots_web', '7', '77'),
    'change-server': replace('servers_web', '1', '10.2.0.99'),
    'change-verdict': replace('services', `${VIP} . tcp . 80`, 'drop'),
    'flush-rules': 'flush chain ip sluice_v1 service_web\n',
    'add-rule': 'insert rule ip sluice_v1 mid_life drop\n',
    'drop-policy': 'add chain ip sluice_v1 mid_life { policy drop; }\n',
    'redeclare-map':
      'flush chain ip sluice_v1 service_web\ndelete map ip sluice_v1 slots_web\n' +
      'add map ip sluice_v1 slots_web { typeof numgen inc mod 4099 : ct mark; size 5000; }\n',
    'add-set': 'add set ip sluice_v1 mine { type ipv4_addr; elements = { 192.0.2.1 }; }\n',
  };

  /** Puts another rule in place of ours, with our comment on it. */
  async function replaceRule(): Promise<void> {
    const listing = await network.in('d1', ['nft', '-a', 'list', 'chain', 'ip', 'sluice_v1', 'prerouting']);
    const found = /comment "(sluice \w+)" # handle (\d+)/.exec(listing);
    if (found === null) throw new Error(`no rule of ours in: ${listing}`);
    const [, comment, handle] = found;
    const rule = `replace rule ip sluice_v1 prerouting handle ${handle} accept comment "${comment}"\n`;
    await network.in('d1', ['nft', '-f', '-'], rule);
  }

  return {
    client: () => client,
    servers: () => servers,
    driver: () => driver,
    generation: () => driver.call('generation'),
    async secondDriver() {
      const second = network.start('d2', 'driver-main');
      await second.call('open');
      return second;
    },
    up,
    down: () => network.down(),
    ...driverCalls((method, values) => driver.call(method, values)),
    ...clientFlows(() => client, PATIENCE_MS),
    async restart() {
      await driver.kill();
      await startDriver();
    },
    remembered: (service, client) => driver.call('remembered', { service, client }),
    clients: (service) => driver.call('clients', { service }),
    remember: (service, clients) => driver.call('remember', { service, clients }),
    async markPackets(mark) {
      await network.in('d1', ['nft', '-f', '-'], markingTable(mark));
    },
    async tamper(what) {
      if (what === 'replace-rule') await replaceRule();
      else await network.in('d1', ['nft', '-f', '-'], acts[what]);
    },
  };
}
