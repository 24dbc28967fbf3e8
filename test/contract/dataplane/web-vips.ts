/** Four VIPs for load without end: each is met from a client's address of its own, so that there are ports enough. */
import { type DirectorNode, FRONT_OF, type Network } from './netns.ts';

export const VIPS = ['203.0.113.10', '203.0.113.11', '203.0.113.12', '203.0.113.13'] as const;
const CLIENTS = ['10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.5'] as const;
export const URLS: readonly string[] = VIPS.map((vip) => `http://${vip}:80/`);

/** The VIPs are local to these directors, and the client has its addresses. */
export async function prepareVips(network: Network, directors: readonly DirectorNode[]): Promise<void> {
  for (const vip of VIPS) {
    for (const node of directors) await network.in(node, ['ip', 'route', 'add', 'local', `${vip}/32`, 'dev', 'lo']);
  }
  for (const client of CLIENTS.slice(1)) {
    await network.in('cl', ['ip', 'address', 'add', `${client}/24`, 'dev', 'front']);
  }
}

/** Sends the client's packets for all of them to a director. */
export async function sendTo(network: Network, director: DirectorNode): Promise<void> {
  for (const [at, vip] of VIPS.entries()) {
    await network.in('cl', ['ip', 'route', 'replace', vip, 'via', FRONT_OF[director], 'src', CLIENTS[at]!]);
  }
}
