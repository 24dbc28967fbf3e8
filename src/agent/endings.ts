/** How a director ends, once it has ceased to decide anything: at once, for the next agent to take over, or for good. */
import type { HandOver } from '../drivers/routing/port.ts';
import type { DirectorParts } from './director-parts.ts';
import type { DirectorPorts } from './director-ports.ts';
import type { EventLog } from './events.ts';

type Parts = { readonly events: EventLog } & Pick<
  DirectorParts,
  'dataplane' | 'heldLinks' | 'inside' | 'routes' | 'speakers' | 'sync' | 'tunnels'
>;
type Life = Pick<DirectorPorts['life'], 'forget'>;

/** Goodbye to everybody, now. The kernel goes on forwarding what still comes. */
export async function endAtOnce(parts: Parts, life: Life): Promise<void> {
  const { dataplane, routes, heldLinks, tunnels, inside, speakers, sync } = parts;
  const keepers = [dataplane, routes, heldLinks, tunnels, inside].map((keeper) => keeper.close());
  await Promise.all([life.forget(), speakers.stop(), sync.close('stopped at once'), ...keepers]);
  parts.events.emit('agent-stopped', { kernel: 'left as it is' });
}

/** Routers and peers are asked to wait: whoever is back soon has not been gone. */
export async function endHandedOver(parts: Parts, request: HandOver): Promise<void> {
  const { dataplane, routes, tunnels, inside, speakers, sync } = parts;
  const keepers = [dataplane, routes, tunnels, inside].map((keeper) => keeper.close());
  await Promise.all([speakers.handOver(request), sync.close(request.reason, request.period), ...keepers]);
  parts.events.emit('agent-stopped', { kernel: 'left as it is', restart: request.reason });
}

/** Everything is withdrawn: goodbye, and nothing of ours is left in the kernel, if it was opened at all. */
export async function endDrained(parts: Parts, life: Life, wasOpened: boolean): Promise<void> {
  const { dataplane, routes, heldLinks, tunnels, inside, speakers, sync } = parts;
  await Promise.all([life.forget(), speakers.stop(), heldLinks.close(), sync.close('drained')]);
  if (!wasOpened) {
    parts.events.emit('agent-stopped', { kernel: 'left as it was' });
    return;
  }
  // First what makes the VIPs local: without the guard the local stack would answer for them, by RST.
  await routes.remove();
  const settings = await dataplane.remove();
  await Promise.all([tunnels.remove(), inside.remove()]);
  parts.events.emit('agent-stopped', { kernel: 'our tables and routes are gone', settings });
}
