/** Flows of UDP through IPVS, of which the kernel's table of connections then says whom each was given. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { formatIpv4, type Ipv4 } from '../../../src/core/base/ipv4.ts';

/** One datagram from each source. Sources need be no addresses of ours. */
export interface Order {
  readonly address: string;
  readonly port: number;
  readonly sources: readonly (readonly [address: string, port: number])[];
}

export async function sendAll(orders: readonly Order[]): Promise<void> {
  for (const { address, port, sources } of orders) {
    for (const [from, sport] of sources) {
      const socket = createSocket('udp4');
      socket.bind(sport, from);
      await once(socket, 'listening');
      await new Promise<void>((resolve, reject) => {
        socket.send('x', port, address, (error) => (error === null ? resolve() : reject(error)));
      });
      socket.close();
    }
  }
}

const hex = (text: string): number => Number.parseInt(text, 16);

/** What /proc/net/ip_vs_conn says, by VIP: lines `CLIENT:PORT -> SERVER`. */
export function given(listing: string): ReadonlyMap<Ipv4, readonly string[]> {
  const flows = new Map<Ipv4, string[]>();
  for (const line of listing.trimEnd().split('\n').slice(1)) {
    const [, client, sport, to, , server] = line.trim().split(/\s+/) as string[];
    const of = flows.get(hex(to!)) ?? [];
    of.push(`${formatIpv4(hex(client!))}:${hex(sport!)} -> ${formatIpv4(hex(server!))}`);
    flows.set(hex(to!), of);
  }
  return flows;
}
