/** What the cluster file asks of the speakers of this director. */
import { ringName } from '../../api/key-files.ts';
import type { LoadedCluster } from '../cluster-file.ts';
import type { InterfaceKeys } from '../keepers/key-keeper.ts';
import { instanceConfig, type WantedSpeaker } from '../speakers.ts';
import { ownAddresses } from './own-addresses.ts';

/** The key ring of each interface that has one. */
export function interfaceKeys({ cluster, director, keyRings }: LoadedCluster): InterfaceKeys[] {
  return cluster.routing.instances.flatMap(({ name: instance, interfaces }) =>
    interfaces.flatMap(({ alias, auth }): InterfaceKeys[] => {
      const ring = auth && keyRings.get(ringName(auth));
      const name = director.interfaces[alias];
      return ring === undefined || name === undefined ? [] : [{ instance, interface: name, ring }];
    }),
  );
}

/** `seed`: of the speakers' jitter and sequence numbers. */
export function wantedSpeakers({ cluster, director }: LoadedCluster, seed: number): WantedSpeaker[] {
  const own = ownAddresses(cluster, director);
  const { frr, instances } = cluster.routing;
  return instances.map((instance, index) => {
    // One is the usual `router ospf`; several are `router ospf 1`, `router ospf 2`, …: a process of its own each.
    const process = instances.length === 1 ? undefined : index + 1;
    const config = instanceConfig(instance, director, own, seed);
    return { instance, config, frr: frr && { settings: frr, process } };
  });
}
