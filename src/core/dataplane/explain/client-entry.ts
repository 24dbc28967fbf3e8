/**
 * One entry of a map of clients (`rules/persistence.ts`), asked for by the client's address: NFT_MSG_GETSETELEM for an element
 * in place of a dump. Layout as in `nft/messages.ts`.
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Millis } from '../../base/machine.ts';
import { NetlinkReader } from '../../netlink/attributes.ts';
import { NFGENMSG_BYTES } from '../../netlink/codes.ts';
import { SERVER_ID_MASK } from '../mark.ts';
import {
  elementsRequest,
  NFTA_DATA_VALUE,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_EXPIRATION,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_LIST_ELEMENTS,
} from '../nft/messages.ts';

export interface ClientEntry {
  readonly serverId: number;
  /** How long it lives if the client sends nothing more. */
  readonly expiresIn: Millis;
}

/** The kernel answers with ENOENT when there is no such entry, or no such map. */
export function encodeClientRequest(table: string, map: string, client: Ipv4): Uint8Array {
  const w = elementsRequest(table, map);
  const value = () => w.attribute(NFTA_DATA_VALUE, () => w.ipv4(client));
  const element = () => w.attribute(NFTA_SET_ELEM_KEY, value);
  return w.attribute(NFTA_SET_ELEM_LIST_ELEMENTS, () => w.attribute(NFTA_LIST_ELEM, element)).finish();
}

/** @throws DecodeError when the answer holds no element, or one without data or time */
export function decodeClientEntry(payload: Uint8Array): ClientEntry {
  const list = new NetlinkReader(payload).attributes(NFGENMSG_BYTES).get(NFTA_SET_ELEM_LIST_ELEMENTS);
  const element = list?.attributes(0).get(NFTA_LIST_ELEM)?.attributes(0);
  const data = element?.get(NFTA_SET_ELEM_DATA)?.attributes(0).get(NFTA_DATA_VALUE);
  const expiration = element?.get(NFTA_SET_ELEM_EXPIRATION);
  if (data === undefined || expiration === undefined) throw new DecodeError('value', 0, 'no entry of a client');
  const expiresIn = expiration.ipv4(0) * 2 ** 32 + expiration.ipv4(4);
  return { serverId: (data.u32(0) & SERVER_ID_MASK) >>> 0, expiresIn };
}
