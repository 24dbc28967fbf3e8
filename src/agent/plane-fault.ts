/** A data plane is chosen when an agent starts. What a file says against it, that is to be read while it runs. */
import type { Fault } from '../core/base/fault.ts';
import type { Cluster } from '../core/model/cluster.ts';

/** @param running name of the data plane; `undefined` is returned where it serves the file. */
export function planeFault(
  { dataplane, planeNeeded }: Pick<Cluster, 'dataplane' | 'planeNeeded'>,
  running: string,
): Fault | undefined {
  const wanted = dataplane === 'auto' ? planeNeeded : { plane: dataplane, by: 'the file' };
  if (wanted === undefined || wanted.plane === running || (running !== 'ipvs' && running !== 'nftables'))
    return undefined;
  return {
    line: 1,
    column: 1,
    path: 'dataplane',
    message: `this agent runs the ${running} data plane, and ${wanted.by} needs ${wanted.plane}`,
    hint: 'start the agent anew: sluice restart',
  };
}
