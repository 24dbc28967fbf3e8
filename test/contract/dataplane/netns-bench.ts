/** The bench with real packets: the nftables driver in a director's namespace, client and servers around it. */
import type { ApplyReport } from '../../../src/drivers/dataplane/port.ts';
import { type Network, type Peer, SERVERS } from './netns.ts';
import { type Bench, CLIENT, type FlowTarget, OTHER_VIP, VIP, WEB } from './suite.ts';

/** Long enough for a lost SYN to be sent again, twice. */
const PATIENCE_MS = 5000;
const SERVICE_PORTS = ['80', '443', '53'];

export interface NetnsBench extends Bench {
  readonly client: () => Peer;
  readonly servers: () => readonly Peer[];
  /** A second director with a driver of its own. */
  readonly secondDriver: () => Promise<Peer>;
}

const keys = (sport: number, count: number) => Array.from({ length: count }, (_, i) => String(sport + i));

export function netnsBench(network: Network): NetnsBench {
  let driver: Peer;
  let client: Peer;
  let servers: readonly Peer[];

  async function startDriver(): Promise<void> {
    driver = network.start('d1', 'driver-main');
    await driver.call('open');
  }

  async function up(): Promise<void> {
    await network.up();
    for (const vip of [VIP, OTHER_VIP]) {
      await network.routeVip(vip, 'd1');
      // Somebody else's duty in the product; without it a VIP's packets would be forwarded before they are dropped.
      for (const node of ['d1', 'd2'] as const) {
        await network.in(node, ['ip', 'route', 'add', 'local', `${vip}/32`, 'dev', 'lo']);
      }
    }
    client = network.start('cl', 'client-main');
    servers = SERVERS.map((name) => network.start(name, 'server-main', name, ...SERVICE_PORTS));
    await Promise.all(servers.map((server) => server.call('ready')));
    await startDriver();
  }

  const rules: Readonly<Record<Parameters<Bench['tamper']>[0], string>> = {
    'delete-tables': 'delete table ip sluice_v1\ndelete table ip sluice_guard_v1\n',
    'empty-slots': 'flush map ip sluice_v1 slots_web\n',
    'flush-rules': 'flush chain ip sluice_v1 service_web\n',
    'replace-rule': '',
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
    async secondDriver() {
      const second = network.start('d2', 'driver-main');
      await second.call('open');
      return second;
    },
    up,
    down: () => network.down(),
    apply: (desired) => driver.call<ApplyReport>('apply', { desired }),
    counters: () => driver.call('counters'),
    remove: () => driver.call('remove'),
    async restart() {
      await driver.kill();
      await startDriver();
    },
    connect(sport: number, count: number, target: FlowTarget = WEB) {
      const values = { source: CLIENT, sport, vip: target.vip, port: target.port, timeout: PATIENCE_MS };
      if (target.protocol === 'udp') return client.call('udp', { ...values, count });
      return client.call('open', { ...values, keys: keys(sport, count) });
    },
    ask: (sport, count) => client.call('ask', { keys: keys(sport, count), timeout: PATIENCE_MS }),
    async tamper(what) {
      if (what === 'replace-rule') await replaceRule();
      else await network.in('d1', ['nft', '-f', '-'], rules[what]);
    },
  };
}
