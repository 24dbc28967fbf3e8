/**
 * A neighbor that restarts and is helped counts as Full meanwhile (RFC 3623 3): how that begins and ends. Whether it is
 * helped is judged in restart/helper.ts.
 *
 * This and the state machine call each other: help is over with Full and with Down, and once it is over, silence counts again.
 */
import { formatIpv4 } from '../../base/ipv4.ts';
import type { Instant } from '../../base/machine.ts';
import type { OspfEffect } from '../events.ts';
import { hasDesignatedRouter } from '../interface/interface.ts';
import { markTopologyChanged } from '../routing/routing.ts';
import type { Speaker } from '../speaker.ts';
import { neighborEvent } from './machine.ts';
import type { Neighbor } from './neighbor.ts';

const helpTimer = (neighbor: Neighbor) => `help ${neighbor.interface.name} ${formatIpv4(neighbor.routerId)}`;

/** `until`: the end of the grace period. */
export function beginHelp(speaker: Speaker, neighbor: Neighbor, until: Instant, reason: string): void {
  neighbor.helped = { until };
  speaker.timers.set(helpTimer(neighbor), until, () => endHelp(speaker, neighbor, 'its grace period is over'));
  tellOfHelp(speaker, neighbor, 'entered', until, reason);
}

/** What the topology looks like is judged by the adjacency's real state from now on. */
export function endHelp(speaker: Speaker, neighbor: Neighbor, reason: string): void {
  const { helped } = neighbor;
  if (helped === undefined) return;
  neighbor.helped = undefined;
  speaker.timers.clear(helpTimer(neighbor));
  tellOfHelp(speaker, neighbor, 'left', helped.until, reason);
  neighbor.interface.neighborChange ||= hasDesignatedRouter(neighbor.interface);
  markTopologyChanged(speaker);
  if (neighbor.inactiveAt <= speaker.now) neighborEvent(speaker, neighbor, 'inactivityTimer');
}

export function tellOfHelp(
  speaker: Speaker,
  { interface: iface, routerId }: Neighbor,
  step: Extract<OspfEffect, { kind: 'helper' }>['step'],
  until: Instant,
  reason: string,
): void {
  speaker.effects.push({ kind: 'helper', interface: iface.name, routerId, step, until, reason });
}
