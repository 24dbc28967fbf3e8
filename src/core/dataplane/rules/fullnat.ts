/**
 * FullNAT: the real server sees an address of ours (a LIP) in place of the client's, and answers to it wherever the client is.
 *
 * The source port comes from a port block that belongs to this director (`src/core/hash/port-blocks.ts`): the hash of the client's address
 * and port finds a slot, the slot a LIP with a range of ports, and the port is the first of the range plus the client's port
 * modulo 1,024; the next free one if another flow to the same server has it. So the translation of a flow can be computed
 * from its client's side alone (`src/core/hash/flow-prediction.ts`).
 *
 * A connection for which there is no port is dropped, never passed on with the client's address: the server would answer
 * past the director.
 */
import { formatIpv4 } from '../../base/ipv4.ts';
import { BLOCK_SLOT_SEED, blockSlots } from '../../hash/block-slots.ts';
import { allLips, OwnBlocks, usesFullnat } from '../../hash/lips.ts';
import { type PortBlock, portsOf } from '../../hash/port-blocks.ts';
import type { DesiredDataplane } from '../../model/dataplane.ts';
import { SERVER_ID_EXPRESSION } from '../mark.ts';
import { BLOCKS_MAP, FULLNAT_SET, LIPS_SET, NO_BLOCK_COUNTER } from '../names.ts';
import { sizeFor, type WantedRule, type WantedSet } from '../ruleset.ts';
import type { ServerIds } from '../server-ids.ts';
import type { Part } from './parts.ts';

/** Connections of ours to servers of FullNAT services; `translated`, as others may set marks too. */
const ours = (translated: string) => `${translated} ${SERVER_ID_EXPRESSION} @${FULLNAT_SET}`;

/** One rule per protocol: the map holds ports, for which nft wants to know the one protocol that they are of. */
function translation(protocol: 'tcp' | 'udp', slots: number, translated: string): WantedRule {
  const slot = `jhash ip saddr . th sport mod ${slots} seed 0x${BLOCK_SLOT_SEED.toString(16)}`;
  return {
    text: `${ours(translated)} meta l4proto ${protocol} snat ip to ${slot} map @${BLOCKS_MAP}`,
    portOffset: true,
  };
}

/** As nft reads the ports of a block on its address. */
export function blockElement({ address, block }: PortBlock): string {
  const { low, high } = portsOf(block);
  return `${formatIpv4(address)} . ${low}-${high}`;
}

/** Slots of the hash to own blocks. */
export function blocksMap(own: readonly PortBlock[]): WantedSet {
  const slots = blockSlots(own);
  const texts = new Map(own.map((block) => [block, blockElement(block)]));
  return {
    kind: 'map',
    declaration: `typeof numgen inc mod 1009 : interval ip saddr . th sport${sizeFor(slots.length)}`,
    elements: new Map(slots.map((block, slot) => [String(slot), texts.get(block)!])),
  };
}

/** The map of a director's own blocks, computed anew only when these have changed. */
export class BlockMaps {
  readonly #ownBlocks = new OwnBlocks();
  #own: readonly PortBlock[] = [];
  #map: WantedSet = blocksMap([]);

  of(desired: DesiredDataplane): WantedSet {
    const own = this.#ownBlocks.of(desired);
    if (own !== this.#own) this.#map = blocksMap(own);
    this.#own = own;
    return this.#map;
  }
}

function addressSet(elements: readonly string[], key: string): WantedSet {
  return { kind: 'set', declaration: `typeof ${key}`, elements: new Map(elements.map((element) => [element, ''])) };
}

/**
 * Without a FullNAT service only the set of LIPs, empty, for those whose rules ask it.
 *
 * @param translated a match that is true of connections of services only
 */
export function fullnatPart(
  desired: DesiredDataplane,
  ids: ServerIds,
  blockMaps: BlockMaps,
  translated = 'ct status dnat',
): Part {
  if (!usesFullnat(desired)) return { sets: new Map([[LIPS_SET, addressSet([], 'ip daddr')]]) };
  const services = desired.services.filter(({ fullnat }) => fullnat === true);
  const servers = services.flatMap(({ name }) => [...(ids.get(name)?.values() ?? [])].map(String));
  const blocks = blockMaps.of(desired);
  const rules =
    blocks.elements.size === 0 ? [] : PROTOCOLS.map((one) => translation(one, blocks.elements.size, translated));
  return {
    // Translation ends the chain: the last rule is reached by those for whom there is none.
    rules: { postrouting: [...rules, `${ours(translated)} counter name ${NO_BLOCK_COUNTER} drop`] },
    sets: new Map([
      [LIPS_SET, addressSet(allLips(desired).map(formatIpv4), 'ip daddr')],
      [FULLNAT_SET, addressSet(servers, `ct mark${sizeFor(servers.length)}`)],
      [BLOCKS_MAP, blocks],
    ]),
    counters: [NO_BLOCK_COUNTER],
  };
}

const PROTOCOLS = ['tcp', 'udp'] as const;
