/**
 * IPVS_*_ATTR_STATS64 (linux/ip_vs.h): what a service or a destination has counted since it was made. The kernel estimates rates
 * every two seconds; packets and bytes are exact.
 */
import type { NetlinkReader, NetlinkWriter } from '../attributes.ts';
import {
  IPVS_STATS_ATTR_CONNS,
  IPVS_STATS_ATTR_INBYTES,
  IPVS_STATS_ATTR_INPKTS,
  IPVS_STATS_ATTR_OUTBYTES,
  IPVS_STATS_ATTR_OUTPKTS,
} from './codes.ts';

export interface IpvsStatistics {
  readonly connections: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export const NO_STATISTICS: IpvsStatistics = { connections: 0, packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 };

const ATTRIBUTES = [
  [IPVS_STATS_ATTR_CONNS, 'connections'],
  [IPVS_STATS_ATTR_INPKTS, 'packetsIn'],
  [IPVS_STATS_ATTR_OUTPKTS, 'packetsOut'],
  [IPVS_STATS_ATTR_INBYTES, 'bytesIn'],
  [IPVS_STATS_ATTR_OUTBYTES, 'bytesOut'],
] as const;

export function writeStatistics(w: NetlinkWriter, type: number, statistics: IpvsStatistics): void {
  w.attribute(type, () => {
    for (const [attribute, name] of ATTRIBUTES) w.attribute(attribute, () => w.u64(statistics[name]));
  });
}

/** Zero for what is not there. @throws DecodeError */
export function readStatistics(attribute: NetlinkReader | undefined): IpvsStatistics {
  if (attribute === undefined) return NO_STATISTICS;
  const found = attribute.attributes(0);
  const value = (type: number) => found.get(type)?.u64(0) ?? 0;
  return {
    connections: value(IPVS_STATS_ATTR_CONNS),
    packetsIn: value(IPVS_STATS_ATTR_INPKTS),
    packetsOut: value(IPVS_STATS_ATTR_OUTPKTS),
    bytesIn: value(IPVS_STATS_ATTR_INBYTES),
    bytesOut: value(IPVS_STATS_ATTR_OUTBYTES),
  };
}
