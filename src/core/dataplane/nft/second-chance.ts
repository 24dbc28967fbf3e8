/**
 * The messages that keep the second chance alive (linux/netfilter/nf_tables.h): the set's elements run out by themselves when
 * nobody sends them any more. The set is emptied and filled in one transaction, as kernels before 6.14 leave the time of an element
 * that is there already as it is; what reads the set meanwhile finds it as it was, or as it is after that.
 */
import { IPPROTO_TCP, IPPROTO_UDP } from '../../base/ip-protocol.ts';
import type { Millis } from '../../base/machine.ts';
import type { BatchMessage } from '../../netlink/batch.ts';
import { NLM_F_CREATE } from '../../netlink/codes.ts';
import { DATA_TABLE, SECOND_CHANCE_SET } from '../names.ts';
import {
  elementsRequest,
  NFT_MSG_DELSETELEM,
  NFT_MSG_NEWSETELEM,
  NFTA_DATA_VALUE,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_TIMEOUT,
} from './messages.ts';

/** One transaction: unknown packets of TCP and UDP are handed to the agent for `lifetime`. ENOENT where there is no table. */
export function secondChanceMessages(lifetime: Millis): readonly BatchMessage[] {
  const w = elementsRequest(DATA_TABLE, SECOND_CHANCE_SET);
  w.attribute(NFTA_SET_ELEM_LIST_ELEMENTS, () => {
    for (const protocol of [IPPROTO_TCP, IPPROTO_UDP]) {
      w.attribute(NFTA_LIST_ELEM, () => {
        w.attribute(NFTA_SET_ELEM_KEY, () => w.attribute(NFTA_DATA_VALUE, () => w.u8(protocol)));
        w.attribute(NFTA_SET_ELEM_TIMEOUT, () => w.be32(0).be32(lifetime));
      });
    }
  });
  return [
    { type: NFT_MSG_DELSETELEM, flags: 0, payload: elementsRequest(DATA_TABLE, SECOND_CHANCE_SET).finish() },
    { type: NFT_MSG_NEWSETELEM, flags: NLM_F_CREATE, payload: w.finish() },
  ];
}
