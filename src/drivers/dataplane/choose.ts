/** Which data plane a director has, and why: what the file says, what it needs, what the kernel has. */
import type { Cluster } from '../../core/model/cluster.ts';
import type { Plane } from '../../core/model/plane.ts';

export interface ChosenPlane {
  readonly plane: Plane;
  /** For the operator. */
  readonly reason: string;
}

/**
 * @param hasIpvs asked only where the kernel decides
 * @throws KernelError of `hasIpvs`
 */
export async function choosePlane(
  { dataplane, planeNeeded, keys }: Pick<Cluster, 'dataplane' | 'planeNeeded' | 'keys'>,
  hasIpvs: () => Promise<boolean>,
): Promise<ChosenPlane> {
  if (dataplane !== 'auto') return { plane: dataplane, reason: 'the cluster file says so' };
  if (planeNeeded !== undefined) return { plane: planeNeeded.plane, reason: `${planeNeeded.by} needs it` };
  if (keys !== undefined)
    return {
      plane: 'nftables',
      reason: 'connections are synced: all that are translated there, on ipvs those of fullnat only',
    };
  if (await hasIpvs()) return { plane: 'ipvs', reason: 'the kernel has IPVS' };
  return { plane: 'nftables', reason: 'the kernel has no IPVS' };
}
