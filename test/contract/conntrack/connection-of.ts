/** The words of a connection as a value, for tests. */
import type { Connection } from '../../../src/core/netlink/conntrack.ts';
import { Flow, NO_STATE } from '../../../src/core/netlink/flow.ts';

export function connectionOf(flow: Uint32Array): Connection {
  const at = (name: keyof typeof Flow) => flow[Flow[name]]!;
  const protocol = at('protocol');
  return {
    original: {
      protocol,
      source: at('source'),
      destination: at('destination'),
      sport: at('sport'),
      dport: at('dport'),
    },
    reply: {
      protocol,
      source: at('replySource'),
      destination: at('replyDestination'),
      sport: at('replySport'),
      dport: at('replyDport'),
    },
    mark: at('mark'),
    status: at('status'),
    id: at('id'),
    tcpState: at('state') === NO_STATE ? undefined : at('state'),
  };
}

/** All that a port lists. */
export async function listed(list: (on: (flow: Uint32Array) => void) => Promise<void>): Promise<readonly Connection[]> {
  const all: Connection[] = [];
  await list((flow) => all.push(connectionOf(flow)));
  return all;
}
