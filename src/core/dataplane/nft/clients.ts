/**
 * Maps of clients (`rules/persistence.ts`) as a whole: what is in one, and the messages that put clients of other directors into
 * it (linux/netfilter/nf_tables.h). One entry at a time: `explain/client-entry.ts`.
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Millis } from '../../base/machine.ts';
import { NetlinkReader, type NetlinkWriter } from '../../netlink/attributes.ts';
import type { BatchMessage } from '../../netlink/batch.ts';
import { NFGENMSG_BYTES, NLM_F_CREATE } from '../../netlink/codes.ts';
import { SERVER_ID_MASK } from '../mark.ts';
import { DATA_TABLE } from '../names.ts';
import {
  elementsRequest,
  NFT_MSG_DELSETELEM,
  NFT_MSG_NEWSETELEM,
  NFTA_DATA_VALUE,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_EXPIRATION,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_TIMEOUT,
} from './messages.ts';

export interface MappedClient {
  readonly client: Ipv4;
  readonly serverId: number;
  /** How long the entry lives if the client sends nothing more. */
  readonly expiresIn: Millis;
}

/**
 * One message of a dump of a map of clients. What is no entry of a client is left out.
 *
 * @throws DecodeError when the attributes do not fit into each other
 */
export function decodeClients(payload: Uint8Array): readonly MappedClient[] {
  const list = new NetlinkReader(payload).attributes(NFGENMSG_BYTES).get(NFTA_SET_ELEM_LIST_ELEMENTS);
  return (list?.list(0, NFTA_LIST_ELEM) ?? []).flatMap((element) => {
    const attributes = element.attributes(0);
    const key = attributes.get(NFTA_SET_ELEM_KEY)?.attributes(0).get(NFTA_DATA_VALUE);
    const data = attributes.get(NFTA_SET_ELEM_DATA)?.attributes(0).get(NFTA_DATA_VALUE);
    const expiration = attributes.get(NFTA_SET_ELEM_EXPIRATION);
    if (key === undefined || data === undefined || expiration === undefined) return [];
    const serverId = (data.u32(0) & SERVER_ID_MASK) >>> 0;
    return [{ client: key.ipv4(0), serverId, expiresIn: expiration.ipv4(0) * 2 ** 32 + expiration.ipv4(4) }];
  });
}

/** A message's list of elements may have 64 KiB. */
export const MAX_CLIENTS_PER_MESSAGE = 1000;

/**
 * One transaction: takes entries out (ENOENT when one is not there), then puts others in (EBUSY when one is there with another
 * server). An entry's server and, on kernels before 6.14, its time can be changed by no other way.
 *
 * @param out at most `MAX_CLIENTS_PER_MESSAGE`, as `into`
 */
export function clientsMessages(
  map: string,
  out: readonly Ipv4[],
  into: readonly MappedClient[],
): readonly BatchMessage[] {
  const messages: BatchMessage[] = [];
  if (out.length > 0) messages.push({ type: NFT_MSG_DELSETELEM, flags: 0, payload: deletions(map, out) });
  if (into.length > 0) messages.push({ type: NFT_MSG_NEWSETELEM, flags: NLM_F_CREATE, payload: additions(map, into) });
  return messages;
}

function deletions(map: string, clients: readonly Ipv4[]): Uint8Array {
  const w = elementsRequest(DATA_TABLE, map);
  w.attribute(NFTA_SET_ELEM_LIST_ELEMENTS, () => {
    for (const client of clients) w.attribute(NFTA_LIST_ELEM, () => key(w, client));
  });
  return w.finish();
}

function additions(map: string, clients: readonly MappedClient[]): Uint8Array {
  const w = elementsRequest(DATA_TABLE, map);
  w.attribute(NFTA_SET_ELEM_LIST_ELEMENTS, () => {
    for (const { client, serverId, expiresIn } of clients) {
      w.attribute(NFTA_LIST_ELEM, () => {
        key(w, client);
        w.attribute(NFTA_SET_ELEM_DATA, () => w.attribute(NFTA_DATA_VALUE, () => w.u32(serverId)));
        w.attribute(NFTA_SET_ELEM_TIMEOUT, () => w.be32(Math.floor(expiresIn / 2 ** 32)).be32(expiresIn));
      });
    }
  });
  return w.finish();
}

function key(w: NetlinkWriter, client: Ipv4): void {
  w.attribute(NFTA_SET_ELEM_KEY, () => w.attribute(NFTA_DATA_VALUE, () => w.ipv4(client)));
}
