/** The kernel's connections by ctnetlink, in the network namespace that we run in. */
import { SERVER_ID_MASK } from '../../core/dataplane/mark.ts';
import { encodeConnectionFilter } from '../../core/netlink/conntrack.ts';
import {
  IPCTNL_MSG_CT_DELETE,
  IPS_ASSURED,
  IPS_DST_NAT,
  NFNLGRP_CONNTRACK_DESTROY,
  NFNLGRP_CONNTRACK_UPDATE,
} from '../../core/netlink/conntrack-codes.ts';
import { markFilter } from '../../core/netlink/conntrack-filters.ts';
import {
  type ConntrackStatistics,
  decodeStatistics,
  encodeStatisticsRequest,
  IPCTNL_MSG_CT_GET_STATS_CPU,
} from '../../core/netlink/conntrack-statistics.ts';
import { FLOW_WORDS, Flow, isRedirected, messageType, readFlow } from '../../core/netlink/flow.ts';
import { FlowRequests } from '../../core/netlink/flow-requests.ts';
import { ConntrackNetlink } from '../../io/conntrack-netlink.ts';
import { ctnetlinkRefusal, openCtnetlink } from '../../io/ctnetlink.ts';
import { dumpFlows } from './flow-dump.ts';
import type { Conntrack, ConntrackListener } from './port.ts';

/** A message is 232 bytes, and more with extensions that we do not use. */
const SLOT_BYTES = 1088;
const BATCH = 256;
/** 26,000 events. */
const RECEIVE_BYTES = 32 * 1024 * 1024;
/** Nobody waits for a count: a hundred looks a second are enough, however many events there are. */
const REST = { from: 1, within: 10, milliseconds: 10 };
/** Deletes in one datagram. */
const CHUNK = 128;

/** Others may mark connections, too; what our rules have marked is translated. */
function isOurs(flow: Uint32Array): boolean {
  return (flow[Flow.mark]! & SERVER_ID_MASK) !== 0 && isRedirected(flow);
}

export class NetlinkConntrack implements Conntrack {
  readonly #netlink = new ConntrackNetlink();

  listen(listener: ConntrackListener): () => void {
    const flow = new Uint32Array(FLOW_WORDS);
    const socket = openCtnetlink({
      groups: [NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY],
      filter: markFilter(SERVER_ID_MASK),
      slotBytes: SLOT_BYTES,
      batch: BATCH,
      receiveBytes: RECEIVE_BYTES,
      rest: REST,
      listener: {
        batch(datagrams) {
          const { bytes, table } = socket;
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
          for (let row = 0; row < datagrams; row++) {
            const at = table[2 * row]!;
            if (!readFlow(view, at, at + table[2 * row + 1]!, flow) || !isOurs(flow)) continue;
            if (messageType(view, at) === IPCTNL_MSG_CT_DELETE) listener.destroyed(flow);
            else listener.changed(flow);
          }
        },
        lost: () => listener.lost(),
        failed: (error) => listener.failed(error),
      },
    });
    return () => socket.close();
  }

  async assured(on: (flow: Uint32Array) => void): Promise<void> {
    // The kernel cannot select marks that are not 0; a status it can, since 5.18. An older one sends all.
    const take = (flow: Uint32Array) => {
      if (isOurs(flow) && (flow[Flow.status]! & IPS_ASSURED) !== 0) on(flow);
    };
    await dumpFlows(openCtnetlink, { status: { value: IPS_ASSURED, mask: IPS_ASSURED } }, take, async () => true);
  }

  async deleteOf(serverId: number): Promise<void> {
    const mark = { value: serverId, mask: SERVER_ID_MASK };
    const filter = encodeConnectionFilter({ mark, status: { value: IPS_DST_NAT, mask: IPS_DST_NAT } });
    await this.#netlink.request('conntrack-delete', IPCTNL_MSG_CT_DELETE, filter, { serverId });
    // What IPVS has translated lacks that status, and by its mark alone it could be somebody else's.
    const left: Uint32Array[] = [];
    const take = (flow: Uint32Array) => {
      if (isOurs(flow)) left.push(flow.slice());
    };
    await dumpFlows(openCtnetlink, { mark }, take, async () => true);
    if (left.length > 0) deleteAll(left);
  }

  async statistics(): Promise<ConntrackStatistics> {
    const request = encodeStatisticsRequest();
    return decodeStatistics(await this.#netlink.dump('conntrack-statistics', IPCTNL_MSG_CT_GET_STATS_CPU, request));
  }

  close(): void {
    this.#netlink.close();
  }
}

/** What has gone by itself meanwhile is as good. @throws KernelError `conntrack-delete` */
function deleteAll(flows: readonly Uint32Array[]): void {
  const socket = openCtnetlink({ slotBytes: SLOT_BYTES, batch: CHUNK, receiveBytes: RECEIVE_BYTES });
  const requests = new FlowRequests(CHUNK);
  try {
    for (let at = 0; at < flows.length; at += CHUNK) {
      requests.begin(at + 1);
      for (const flow of flows.slice(at, at + CHUNK)) requests.delete(flow, flow[Flow.id]!);
      socket.send(requests.finish());
      socket.receive();
    }
  } catch (cause) {
    throw ctnetlinkRefusal('conntrack-delete', cause);
  } finally {
    socket.close();
  }
}
