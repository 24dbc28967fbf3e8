import type { Service } from '../core/model/cluster.ts';
import type { DataplaneKeeper } from './keepers/dataplane-keeper.ts';

/**
 * Names, as the policy knows them. A service that the file no longer has is served as long as something serves its VIPs.
 *
 * @param served the services that the policy knows
 */
export function programmedServices(
  dataplane: Pick<DataplaneKeeper, 'programmed' | 'vips'>,
  ofFile: readonly Service[],
  served: readonly Service[],
): string[] {
  const names = new Set(ofFile.map(({ name }) => name));
  const vips = dataplane.vips();
  const carried = served.filter(({ name, vips: own }) => !names.has(name) && own.every((vip) => vips.has(vip)));
  return [...new Set([...dataplane.programmed(), ...carried.map(({ name }) => name)])];
}
