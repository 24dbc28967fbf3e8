/** Addresses of either family, as IPVS has them: 16 bytes, of which IPv4 uses the first four (union nf_inet_addr). */
import { DecodeError } from '../../base/decode-error.ts';
import { formatIpv4, type Ipv4 } from '../../base/ipv4.ts';
import type { NetlinkReader, NetlinkWriter } from '../attributes.ts';
import { AF_INET, AF_INET6 } from '../codes.ts';

/** IPv4 as a number, IPv6 as text: eight groups of hexadecimal digits without leading zeros, none left out. */
export type InetAddress = Ipv4 | string;

const BYTES = 16;
const GROUPS = 8;

export function familyOf(address: InetAddress): number {
  return typeof address === 'number' ? AF_INET : AF_INET6;
}

export function writeInetAddress(w: NetlinkWriter, address: InetAddress): void {
  if (typeof address === 'number') {
    w.ipv4(address).u32(0).u32(0).u32(0);
    return;
  }
  for (const group of address.split(':')) w.be16(Number.parseInt(group, 16));
}

/** @throws DecodeError for another family or fewer bytes */
export function readInetAddress(r: NetlinkReader, family: number): InetAddress {
  if (family === AF_INET) return r.ipv4(0);
  if (family !== AF_INET6) throw new DecodeError('value', 0, `address family ${family}`);
  if (r.length < BYTES) throw new DecodeError('short', r.length, `wanted ${BYTES} bytes`);
  return Array.from({ length: GROUPS }, (_, at) => r.be16(2 * at).toString(16)).join(':');
}

/** `ADDRESS:PORT`, with brackets around IPv6. */
export function formatEndpoint(address: InetAddress, port: number): string {
  return `${typeof address === 'number' ? formatIpv4(address) : `[${address}]`}:${port}`;
}
