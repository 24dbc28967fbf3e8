/** Why a new connection gets the server that it gets: the same choice as the plane makes, in words. */
import type { Ipv4 } from '../../base/ipv4.ts';
import { type FlowChoice, flowChooser } from '../../hash/flow-choice.ts';
import { takers } from '../../hash/service-table.ts';
import type { DesiredServer, DesiredService } from '../../model/dataplane.ts';
import type { Plane } from '../../model/plane.ts';

/**
 * - persistence: the client has been given this server before
 * - slot: the hash found a slot of this server
 * - fallback: the hash found a slot of a server that takes no new connections, and this one stands in for it
 * - turns: whoever is next; no one can say unless there is only one
 * - nobody: no server takes new connections
 */
export type Reason = 'persistence' | 'slot' | 'fallback' | 'turns' | 'nobody';

export interface Choice {
  readonly reason: Reason;
  readonly server: DesiredServer | undefined;
  /** Where the hash decides, also when persistence went before it. */
  readonly slot: number | undefined;
  /** Whose slot it is by the cluster file alone. */
  readonly owner: DesiredServer | undefined;
  /** The servers that new connections go to. */
  readonly takers: readonly DesiredServer[];
}

function hashedChoice({ owner, server }: FlowChoice): Pick<Choice, 'reason' | 'server' | 'owner'> {
  if (server === undefined) return { reason: 'nobody', owner, server };
  return { reason: server.address === owner?.address ? 'slot' : 'fallback', owner, server };
}

/** Only one that has nobody to take turns with can be named. */
function choiceByTurns(there: readonly DesiredServer[]): Pick<Choice, 'reason' | 'server' | 'owner'> {
  const server = there.length === 1 ? there[0] : undefined;
  return { reason: there.length === 0 ? 'nobody' : 'turns', server, owner: undefined };
}

export interface ExplainedFlow {
  readonly client: Ipv4;
  readonly clientPort: number;
  readonly vipPort: number;
}

/**
 * @param plane of this director; undefined = nftables
 * @param remembered the server that a map of clients holds for this client, if any
 */
export function explainChoice(
  service: DesiredService,
  plane: Plane | undefined,
  { client, clientPort, vipPort }: ExplainedFlow,
  remembered: Ipv4 | undefined,
): Choice {
  const there = takers(service);
  const found = flowChooser(service, plane)(client, clientPort, vipPort);
  const known = there.find(({ address }) => address === remembered);
  const choice = found.slot === undefined ? choiceByTurns(there) : hashedChoice(found);
  const kept = known === undefined ? {} : ({ reason: 'persistence', server: known } as const);
  return { slot: found.slot, takers: there, ...choice, ...kept };
}
