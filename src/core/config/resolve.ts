import type { Cluster, Director, RoutingInstance, RoutingInterface, Service } from '../model/cluster.ts';

/** A routing interface with the name that it has on this host. */
export interface ResolvedInterface extends RoutingInterface {
  readonly interface: string;
}

export interface ResolvedInstance extends Omit<RoutingInstance, 'interfaces'> {
  readonly interfaces: readonly ResolvedInterface[];
}

/** The cluster as one director sees it. */
export interface DirectorView {
  readonly director: Director;
  readonly routing: { readonly instances: readonly ResolvedInstance[] };
  readonly services: readonly Service[];
}

/**
 * The part of the cluster that concerns the director `name`, with its own interface names.
 *
 * @returns the view, or a sentence that says which directors there are
 */
export function directorView(
  cluster: Cluster,
  name: string,
): { readonly view: DirectorView } | { readonly fault: string } {
  const director = cluster.directors.find((candidate) => candidate.name === name);
  if (director === undefined) {
    const known = cluster.directors.map((candidate) => candidate.name).join(', ');
    return { fault: `cluster ${cluster.cluster} has no director "${name}"; its directors are ${known}` };
  }
  const instances = cluster.routing.instances.map((instance) => ({
    ...instance,
    interfaces: instance.interfaces.map((settings) => ({
      ...settings,
      // The parser has checked that every director has every alias.
      interface: director.interfaces[settings.alias]!,
    })),
  }));
  return { view: { director, routing: { instances }, services: cluster.services } };
}
