/**
 * What the kernel makes of a new flow, computed in user space: the real server, and with FullNAT the address and port that
 * the server sees as its client. The same rules as `rules/service.ts` and `rules/fullnat.ts` of `src/core/dataplane`, and the same hash.
 *
 * The port is that of a flow that finds it free. A flow to the same server that had it before gets in the way: then the
 * kernel takes the next free one of the block, which nobody can tell from outside.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import type { DesiredDataplane, DesiredServer, DesiredService } from '../model/dataplane.ts';
import { BLOCK_SLOT_SEED, blockSlots } from './block-slots.ts';
import { flowChooser } from './flow-choice.ts';
import { slotOf } from './jhash.ts';
import { lipOwners } from './lips.ts';
import { BLOCK_PORTS, type BlockOwners, blocksOf, type PortBlock, portsOf } from './port-blocks.ts';

/** Where a FullNAT flow comes from, as its server sees it. */
export interface FlowSource extends PortBlock {
  /** Which slot of the director's own blocks the hash has found. */
  readonly slot: number;
  readonly port: number;
}

export interface FlowPrediction {
  /** Of the service; `undefined` where connections take turns, and no one can say which server is next. */
  readonly slot: number | undefined;
  /** `undefined` when the slot is empty, so that the flow is dropped, or not known. */
  readonly server: DesiredServer | undefined;
  /** `undefined` when the server sees the client itself, or when the director has no port block and drops the flow. */
  readonly source: FlowSource | undefined;
}

/** `vipPort`: the port that the client asked for; of IPVS, where packets are not known by a mark. */
export type Predict = (client: Ipv4, port: number, vipPort?: number) => FlowPrediction;

/**
 * Where flows come from that `director` takes, whoever asks.
 *
 * @returns a function of the client's address and port; its result is `undefined` when the director has no port blocks
 */
export function sourcePredictor(
  owners: BlockOwners,
  director: string,
): (client: Ipv4, port: number) => FlowSource | undefined {
  const slots = blockSlots(blocksOf(owners, director));
  return (client, port) => {
    const slot = slotOf(client, port, BLOCK_SLOT_SEED, slots.length);
    const block = slots[slot];
    return block && { ...block, slot, port: portsOf(block.block).low + (port % BLOCK_PORTS) };
  };
}

/** The address and port that a new flow to a service has towards its server; undefined where that is the client's. */
export function flowSources(
  desired: DesiredDataplane,
  service: DesiredService,
): (client: Ipv4, port: number) => FlowSource | undefined {
  const owners = service.fullnat === true ? lipOwners(desired) : undefined;
  return owners && desired.self !== undefined ? sourcePredictor(owners, desired.self) : () => undefined;
}

/** What this director makes of new flows to a service. Computes the tables; what it returns only looks into them. */
export function flowPredictor(desired: DesiredDataplane, service: DesiredService): Predict {
  const choose = flowChooser(service, desired.plane);
  const source = flowSources(desired, service);
  return (client, port, vipPort = 0) => {
    const { slot, server } = choose(client, port, vipPort);
    return { slot, server, source: source(client, port) };
  };
}
