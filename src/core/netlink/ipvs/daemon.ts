/**
 * IPVS_CMD_*_DAEMON: the kernel's own senders and receivers of connections, at most one of each.
 *
 *   DAEMON { STATE u32 | MCAST_IFN string | SYNC_ID u32 | SYNC_MAXLEN u16 | MCAST_GROUP 4 bytes | MCAST_PORT u16 | MCAST_TTL u8 }
 *
 * The port is in the machine's order, other than everywhere else in this family.
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import { NetlinkReader, type NetlinkWriter } from '../attributes.ts';
import { GENL_HEADER_BYTES } from '../generic.ts';
import {
  IP_VS_STATE_BACKUP,
  IP_VS_STATE_MASTER,
  IPVS_CMD_ATTR_DAEMON,
  IPVS_DAEMON_ATTR_MCAST_GROUP,
  IPVS_DAEMON_ATTR_MCAST_IFN,
  IPVS_DAEMON_ATTR_MCAST_PORT,
  IPVS_DAEMON_ATTR_MCAST_TTL,
  IPVS_DAEMON_ATTR_STATE,
  IPVS_DAEMON_ATTR_SYNC_ID,
  IPVS_DAEMON_ATTR_SYNC_MAXLEN,
} from './codes.ts';

export interface IpvsDaemon {
  /** `master` tells of connections, `backup` takes what it hears. */
  readonly state: 'master' | 'backup';
  readonly device: string;
  readonly syncId: number;
  /** Bytes of a datagram at most. */
  readonly maxLength: number;
  readonly group: Ipv4;
  readonly port: number;
  readonly ttl: number;
}

const STATES = { master: IP_VS_STATE_MASTER, backup: IP_VS_STATE_BACKUP } as const;

/** The attributes of NEW_DAEMON. DEL_DAEMON wants the state alone, and takes the rest. */
export function encodeDaemon(w: NetlinkWriter, daemon: IpvsDaemon): void {
  w.attribute(IPVS_CMD_ATTR_DAEMON, () => {
    w.attribute(IPVS_DAEMON_ATTR_STATE, () => w.u32(STATES[daemon.state]));
    w.attribute(IPVS_DAEMON_ATTR_MCAST_IFN, () => w.text(daemon.device));
    w.attribute(IPVS_DAEMON_ATTR_SYNC_ID, () => w.u32(daemon.syncId));
    w.attribute(IPVS_DAEMON_ATTR_SYNC_MAXLEN, () => w.u16(daemon.maxLength));
    w.attribute(IPVS_DAEMON_ATTR_MCAST_GROUP, () => w.ipv4(daemon.group));
    w.attribute(IPVS_DAEMON_ATTR_MCAST_PORT, () => w.u16(daemon.port));
    w.attribute(IPVS_DAEMON_ATTR_MCAST_TTL, () => w.u8(daemon.ttl));
  });
}

/** The daemon in the payload of an answer of GET_DAEMON, generic header included. @throws DecodeError */
export function decodeDaemon(payload: Uint8Array): IpvsDaemon {
  const found = new NetlinkReader(payload).attributes(GENL_HEADER_BYTES).get(IPVS_CMD_ATTR_DAEMON);
  const attributes = found?.attributes(0);
  const state = attributes?.get(IPVS_DAEMON_ATTR_STATE)?.u32(0);
  if (attributes === undefined || (state !== IP_VS_STATE_MASTER && state !== IP_VS_STATE_BACKUP)) {
    throw new DecodeError('value', 0, `daemon in state ${state}`);
  }
  return {
    state: state === IP_VS_STATE_MASTER ? 'master' : 'backup',
    device: attributes.get(IPVS_DAEMON_ATTR_MCAST_IFN)?.text() ?? '',
    syncId: attributes.get(IPVS_DAEMON_ATTR_SYNC_ID)?.u32(0) ?? 0,
    maxLength: attributes.get(IPVS_DAEMON_ATTR_SYNC_MAXLEN)?.u16(0) ?? 0,
    group: attributes.get(IPVS_DAEMON_ATTR_MCAST_GROUP)?.ipv4(0) ?? 0,
    port: attributes.get(IPVS_DAEMON_ATTR_MCAST_PORT)?.u16(0) ?? 0,
    ttl: attributes.get(IPVS_DAEMON_ATTR_MCAST_TTL)?.u8(0) ?? 0,
  };
}
