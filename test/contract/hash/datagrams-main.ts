/** Sends a datagram from each source to a destination; all of it from standard input, as JSON. Sources need be no addresses of ours. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

interface Order {
  readonly address: string;
  readonly port: number;
  readonly sources: readonly (readonly [address: string, port: number])[];
}

for (const { address, port, sources } of JSON.parse(readFileSync(0, 'utf8')) as readonly Order[]) {
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
