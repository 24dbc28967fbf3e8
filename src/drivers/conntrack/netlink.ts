/** The kernel's connections by ctnetlink, in the network namespace that we run in. */
import { STEP, type Steps } from '../../core/base/steps.ts';
import { SERVER_ID_MASK } from '../../core/dataplane/mark.ts';
import { type Connection, decodeConnection, encodeConnectionFilter } from '../../core/netlink/conntrack.ts';
import {
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_NEW,
  IPS_ASSURED,
  IPS_DST_NAT,
  NFNLGRP_CONNTRACK_DESTROY,
  NFNLGRP_CONNTRACK_NEW,
  NFNLGRP_CONNTRACK_UPDATE,
} from '../../core/netlink/conntrack-codes.ts';
import { markFilter } from '../../core/netlink/conntrack-filters.ts';
import {
  type ConntrackStatistics,
  decodeStatistics,
  encodeStatisticsRequest,
  IPCTNL_MSG_CT_GET_STATS_CPU,
} from '../../core/netlink/conntrack-statistics.ts';
import { ConntrackNetlink, subscribeConntrack } from '../../io/conntrack-netlink.ts';
import { inSlices } from '../dataplane/slices.ts';
import type { Conntrack, ConntrackListener } from './port.ts';

const GROUPS = [NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY];

/** Others may mark connections, too; what our rules have marked, they have translated. */
function isOurs({ mark, status }: Connection): boolean {
  return (mark & SERVER_ID_MASK) !== 0 && (status & IPS_DST_NAT) !== 0;
}

/** A listing may have hundreds of thousands. */
function* assuredSteps(payloads: readonly Uint8Array[]): Steps<readonly Connection[]> {
  const found: Connection[] = [];
  for (const [at, payload] of payloads.entries()) {
    if (at > 0 && at % STEP === 0) yield;
    const connection = decodeConnection(payload);
    if (connection !== undefined && isOurs(connection) && (connection.status & IPS_ASSURED) !== 0)
      found.push(connection);
  }
  return found;
}

export class NetlinkConntrack implements Conntrack {
  readonly #netlink = new ConntrackNetlink();

  listen(listener: ConntrackListener): () => void {
    return subscribeConntrack(GROUPS, markFilter(SERVER_ID_MASK), {
      onMessage: (type, payload) => {
        const connection = decodeConnection(payload);
        if (connection === undefined || !isOurs(connection)) return;
        if (type === IPCTNL_MSG_CT_NEW) listener.changed(connection);
        else if (type === IPCTNL_MSG_CT_DELETE) listener.destroyed(connection);
      },
      onLost: () => listener.lost(),
      onError: (error) => listener.failed(error),
    });
  }

  async assured(): Promise<readonly Connection[]> {
    const bits = IPS_ASSURED | IPS_DST_NAT;
    // The kernel cannot select marks that are not 0; a status it can, since 5.18. An older one sends all.
    const filter = encodeConnectionFilter({ status: { value: bits, mask: bits } });
    const payloads = await this.#netlink.dump('conntrack-dump', IPCTNL_MSG_CT_GET, filter);
    return inSlices(assuredSteps(payloads));
  }

  async deleteOf(serverId: number): Promise<void> {
    const mark = { value: serverId, mask: SERVER_ID_MASK };
    const filter = encodeConnectionFilter({ mark, status: { value: IPS_DST_NAT, mask: IPS_DST_NAT } });
    await this.#netlink.request('conntrack-delete', IPCTNL_MSG_CT_DELETE, filter, { serverId });
  }

  async statistics(): Promise<ConntrackStatistics> {
    const request = encodeStatisticsRequest();
    return decodeStatistics(await this.#netlink.dump('conntrack-statistics', IPCTNL_MSG_CT_GET_STATS_CPU, request));
  }

  close(): void {
    this.#netlink.close();
  }
}
