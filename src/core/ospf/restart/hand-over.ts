/**
 * Leaving for a restart (RFC 3623 2.1): the neighbors are asked, by a Grace-LSA on every link that has a Full neighbor, to go
 * on as if we were there. Nothing is flushed, nobody is told goodbye. It is done when they have acknowledged, or after a
 * while: the restart takes place in any case.
 */
import type { Millis } from '../../base/machine.ts';
import { lsaOptions } from '../area.ts';
import { INITIAL_SEQUENCE, MAX_SEQUENCE, Option } from '../codes.ts';
import type { OspfInput, RestartReason } from '../events.ts';
import { isPointToPoint, type OspfInterface } from '../interface/interface.ts';
import { buildGraceLsa } from '../lsa/grace-lsa.ts';
import type { Lsa } from '../lsa/lsa.ts';
import { installOwn } from '../origination/origination.ts';
import type { Speaker } from '../speaker.ts';

/** The first transmission, and two more of 1.1 s each. */
const HAND_OVER_LIMIT: Millis = 2400;

export function beginHandOver(speaker: Speaker, input: Extract<OspfInput, { kind: 'handOver' }>): void {
  if (speaker.phase !== 'running') return;
  // From here on nothing of ours is originated, refreshed or flushed.
  speaker.phase = 'handingOver';
  const links = [...speaker.interfaces.values()].filter(({ neighbors }) =>
    [...neighbors.values()].some(({ state }) => state === 'full'),
  );
  for (const iface of links) {
    installOwn(speaker, graceLsaFor(speaker, iface, input.period, input.reason, input.sequence), iface.name);
  }
  speaker.stopBy = speaker.now + HAND_OVER_LIMIT;
  speaker.timers.set('stop', speaker.stopBy, () => undefined);
  const detail = `${links.length} interfaces, ${Math.round(input.period / 1000)} s, ${input.reason}`;
  speaker.effects.push({ kind: 'restart', step: 'announced', detail });
}

/** `period` in milliseconds, rounded up to whole seconds. */
export function graceLsaFor(
  speaker: Speaker,
  iface: OspfInterface,
  period: Millis,
  reason: RestartReason,
  sequence: number,
): Lsa {
  const header = {
    advertisingRouter: speaker.config.routerId,
    options: lsaOptions(speaker.config.areaType) | Option.o,
    sequence: Math.min(MAX_SEQUENCE, Math.max(INITIAL_SEQUENCE, sequence)),
  };
  // RFC 3623 A: on links with more than two ends the address tells who it is that restarts.
  const address = isPointToPoint(iface) ? undefined : iface.address;
  return buildGraceLsa(header, { period: Math.max(1, Math.ceil(period / 1000)), reason, address });
}
