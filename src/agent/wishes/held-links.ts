import type { LoadedCluster } from '../cluster-file.ts';

/** This director's interfaces that stay down until it can serve (`holdLink`). */
export function linksToHold({ cluster, director }: LoadedCluster): readonly string[] {
  const held = cluster.routing.instances.flatMap(({ interfaces }) => interfaces.filter(({ holdLink }) => holdLink));
  return held.flatMap(({ alias }) => director.interfaces[alias] ?? []);
}
