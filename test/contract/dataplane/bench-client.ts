/** What the benches with real packets ask of their two programs, wherever those run: the client, and whoever has the driver. */
import type { ApplyReport } from '../../../src/drivers/dataplane/port.ts';
import type { Peer } from './netns.ts';
import { type Bench, CLIENT, type FlowTarget, VIP, WEB } from './suite.ts';

const keys = (sport: number, count: number) => Array.from({ length: count }, (_, i) => String(sport + i));

/** `patience`: milliseconds to wait for an answer, unless a target has its own. */
export function clientFlows(client: () => Peer, patience: number): Pick<Bench, 'connect' | 'ask'> {
  return {
    connect(sport: number, count: number, target: FlowTarget = WEB) {
      const { sources, vip, port, word, timeout = patience } = target;
      const values = { source: CLIENT, sources, sport, vip, port, word, timeout };
      if (target.protocol === 'udp') return client().call('udp', { ...values, count });
      return client().call('open', { ...values, keys: keys(sport, count) });
    },
    ask: (sport, count) => client().call('ask', { keys: keys(sport, count), timeout: patience }),
  };
}

type DriverCalls = Pick<Bench, 'guard' | 'isPresent' | 'apply' | 'counters' | 'remove' | 'takeMisses'>;

/** The calls that every driver has, by their names in its program. */
export function driverCalls(call: Peer['call']): DriverCalls {
  return {
    guard: (desired) => call<readonly string[]>('guard', { desired }),
    isPresent: () => call<boolean>('present'),
    apply: (desired) => call<ApplyReport>('apply', { desired }),
    counters: () => call('counters'),
    remove: () => call('remove'),
    takeMisses: (lifetime) => call('takeMisses', { lifetime }),
  };
}

/** An operator's own table that marks packets for ports of the VIP, as `markPackets` says. */
export function markingTable(mark: number): string {
  const rules = ['tcp dport { 80, 443 }', 'udp dport 53'].map(
    (ports) => `ip daddr ${VIP} ${ports} meta mark set ${mark}\n`,
  );
  const chain = `chain marks {\n type filter hook prerouting priority mangle;\n ${rules.join(' ')} }`;
  return `table ip mine\ndelete table ip mine\ntable ip mine {\n ${chain}\n}\n`;
}
