/** Whatever the settings have been on the way: what counts is where they end. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatIpv4, formatPrefix, ipv4 } from '../../src/core/base/ipv4.ts';
import { MAX_AGE } from '../../src/core/ospf/codes.ts';
import type { InterfaceConfig, NetworkType } from '../../src/core/ospf/events.ts';
import { THOROUGH } from '../sizes.ts';
import { instanceConfig, interfaceConfig, Network, SimLink, type SimNode } from './network.ts';
import { announceOwnId } from './topologies.ts';

/** Ours, and what is at the far end of each. The LAN's other router is never DR, so that no election depends on history. */
const FAR_ENDS: Readonly<Record<string, Partial<InterfaceConfig>>> = {
  eth1: { network: 'point-to-point' },
  eth2: { network: 'point-to-point' },
  lan: { network: 'broadcast', priority: 0 },
  mesh: { network: 'point-to-multipoint' },
  cloud: { network: 'nbma', priority: 0, neighbors: [{ address: ipv4('10.1.4.2'), priority: 1 }] },
};

/** Whom the file names, on our side. */
const OUR_NEIGHBORS: Readonly<Record<string, InterfaceConfig['neighbors']>> = {
  cloud: [{ address: ipv4('10.1.4.1'), priority: 0 }],
};

const names = Object.keys(FAR_ENDS);

interface Step {
  readonly interfaces: readonly InterfaceConfig[];
  /** An interface that loses its carrier for a moment; undefined for none. */
  readonly flaps: string | undefined;
  readonly pause: number;
}

function settings(name: string, network: fc.Arbitrary<NetworkType>): fc.Arbitrary<InterfaceConfig> {
  return fc
    .record({
      network,
      cost: fc.constantFrom(1, 10, 25),
      helloInterval: fc.constantFrom(1000, 1000, 1000, 2000),
      deadInterval: fc.constantFrom(4000, 4000, 4000, 5000),
      // On the cloud nobody else may be DR; without one, who hears whom is a matter of when each polls.
      priority: name === 'cloud' ? fc.constantFrom(1, 9) : fc.constantFrom(0, 1, 9),
      rxmtInterval: fc.constantFrom(1000, 5000),
      mtuIgnore: fc.boolean(),
      passive: fc.constantFrom(false, false, false, true),
      neighbors: fc.constant(OUR_NEIGHBORS[name] ?? []),
    })
    .map((some) => interfaceConfig(name, some));
}

function someInterfaces(networkOf: (name: string) => fc.Arbitrary<NetworkType>): fc.Arbitrary<InterfaceConfig[]> {
  return fc
    .tuple(...names.map((name) => fc.option(settings(name, networkOf(name)))))
    .map((all) => all.filter((one) => one !== null));
}

const step: fc.Arbitrary<Step> = fc.record({
  interfaces: someInterfaces(() => fc.constantFrom('point-to-point', 'broadcast', 'point-to-multipoint', 'nbma')),
  flaps: fc.option(fc.constantFrom(...names), { nil: undefined }),
  pause: fc.constantFrom(0, 1, 30, 400, 1500, 6000),
});

/** Two ends that take the link for something different never agree, so that there is no state to arrive at. */
const last = someInterfaces((name) => fc.constant(FAR_ENDS[name]?.network ?? 'point-to-point'));

/** Us in the middle, a router at each far end, coming up with these settings. */
function star(interfaces: readonly InterfaceConfig[]): { net: Network; us: SimNode } {
  const net = new Network();
  const us = net.addNode('us', instanceConfig('10.0.0.9', interfaces));
  names.forEach((name, at) => {
    const link = new SimLink();
    const router = net.addNode(name, instanceConfig(`10.0.0.${at + 1}`, [interfaceConfig('eth1', FAR_ENDS[name])]));
    net.attach(link, router, 'eth1', `10.1.${at}.1`, 24);
    net.attach(link, us, name, `10.1.${at}.2`, 24);
    announceOwnId(net, router);
  });
  announceOwnId(net, us);
  return { net, us };
}

function apply(net: Network, us: SimNode, { interfaces, flaps, pause }: Step): void {
  if (flaps !== undefined) net.down(us, flaps);
  net.configure(us, interfaces);
  if (flaps !== undefined) net.at(net.now + 1000, () => net.up(us, flaps));
  net.run(pause);
}

/** Where an instance has arrived: interfaces, neighbors, what it says and what it has learned; not how, nor sequence numbers. */
function outcome({ net, us }: { net: Network; us: SimNode }) {
  const { instance } = us;
  const sorted = (lines: string[]) => lines.sort();
  const own = instance.lsdb(net.now).filter((row) => row.own && row.age < MAX_AGE);
  return {
    interfaces: sorted(instance.interfaces().map((row) => JSON.stringify({ ...row, troubles: undefined }))),
    neighbors: sorted(instance.neighbors(net.now).map((n) => `${n.interface} ${formatIpv4(n.routerId)} ${n.state}`)),
    own: sorted(own.map(({ type, id, summary }) => `${type} ${formatIpv4(id)} ${[...summary].sort().join(', ')}`)),
    routes: sorted(instance.routes().map((r) => `${formatPrefix(r.prefix)} ${r.cost} ${JSON.stringify(r.nextHops)}`)),
    pending: instance.neighbors(net.now).map((n) => n.retransmissions),
  };
}

test('any sequence of settings ends where an instance that starts with the last of them ends', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), last, (steps, interfaces) => {
      const changed = star([interfaceConfig('eth1'), interfaceConfig('eth2')]);
      changed.net.run(3000);
      for (const one of steps) apply(changed.net, changed.us, one);
      changed.net.configure(changed.us, interfaces);
      changed.net.run(40_000);
      const fresh = star(interfaces);
      fresh.net.run(40_000);
      expect(outcome(changed)).toEqual(outcome(fresh));
    }),
    { numRuns: THOROUGH ? 200 : 8 },
  );
});
