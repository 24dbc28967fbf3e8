/** Transactions on the nftables of the network namespace that we run in, as they happen. */
import { NetlinkReader } from 'netlink-batch';
import { NETLINK_NETFILTER } from '../core/netlink/codes.ts';
import { GENERATIONS_ONLY, NFNLGRP_NFTABLES } from '../core/netlink/ruleset-events.ts';
import { netlinkRefusal } from './netlink-requests.ts';

/**
 * Calls after each transaction, our own among them, until the returned function is called. One that is lost counts as one more.
 * Does not keep the process alive.
 *
 * @throws KernelError `nft-subscribe`
 */
export function subscribeTransactions(onTransaction: () => void): () => void {
  const groups = [NFNLGRP_NFTABLES];
  try {
    const reader = new NetlinkReader({ protocol: NETLINK_NETFILTER, groups, filter: GENERATIONS_ONLY });
    reader.on('message', onTransaction).on('lost', onTransaction);
    // There is nothing to be heard any more; whoever listens has other ways to find out.
    reader.on('error', () => void reader.close());
    reader.unref();
    return () => void reader.close();
  } catch (cause) {
    throw netlinkRefusal('nft-subscribe', { groups }, cause);
  }
}
