/**
 * An earlier process of which nothing is remembered but its LSAs: they come back from a neighbor, with prefixes in them that we
 * do not announce yet (RFC 2328 13.4). The neighbor has them in force again as soon as it counts us as Full.
 *
 * If its data plane is still in the kernel, the traffic that they attract is served, and outdoing them before the health checks
 * have their first verdicts would take the prefixes away and bring them back a moment later. So it is continued like one that
 * is remembered (take-over.ts), until all that it announced is wanted again and nobody is between ExStart and Full, at most
 * for `inheritLimit` from our start, and once only. If there is no data plane (the host has been rebooted) what they attract is
 * lost: they are outdone at once, without a wait for the first prefix.
 */
import { type Prefix, prefixOf } from '../../base/ipv4.ts';
import { INITIAL_SEQUENCE, MAX_AGE, RouterLinkType } from '../codes.ts';
import type { Lsa } from '../lsa/lsa.ts';
import type { LsdbEntry } from '../lsdb/lsdb.ts';
import { announcedBy } from '../origination/external-lsa.ts';
import type { Speaker } from '../speaker.ts';

const HOST = 32;
const HOST_MASK = 0xffffffff;

/** `entry`: of our own, from a neighbor, installed a moment ago. To be called before it is judged whether we take over. */
export function inheritFrom(speaker: Speaker, { key, lsa }: LsdbEntry): void {
  const { inheritLimit } = speaker.config;
  if (inheritLimit === undefined || speaker.phase !== 'running') return;
  const prefixes = prefixesIn(speaker, lsa);
  if (prefixes.length === 0) return;
  const { takeOver } = speaker;
  if (takeOver !== undefined) {
    if (takeOver.inherited) speaker.takeOver = { ...takeOver, expected: [...takeOver.expected, ...prefixes] };
    return;
  }
  if (inheritLimit === 0) speaker.origination.awaitFirstUntil = speaker.now;
  else if (speaker.now < speaker.inheritUntil) begin(speaker, key, prefixes);
}

function begin(speaker: Speaker, key: string, expected: readonly Prefix[]): void {
  const until = speaker.inheritUntil;
  speaker.inheritUntil = Number.NEGATIVE_INFINITY;
  speaker.takeOver = {
    ...{ planned: false, inherited: true, until, announceBy: until, expected, interfaces: [] },
    ...{ sequence: INITIAL_SEQUENCE, since: speaker.now, hearBy: undefined },
  };
  speaker.timers.set('take over', until, () => undefined);
  const detail = `unplanned; nothing is remembered, but a neighbor has ${key}`;
  speaker.effects.push({ kind: 'restart', step: 'begun', detail });
}

/** Host routes of a router-LSA, but for those to our own interfaces (12.4.1.4), and what an LSA of one prefix announces. */
function prefixesIn(speaker: Speaker, lsa: Lsa): Prefix[] {
  if (lsa.header.advertisingRouter !== speaker.config.routerId || lsa.header.age >= MAX_AGE) return [];
  const { body } = lsa;
  if (body.kind === 'external') return [announcedBy(lsa)!.prefix];
  if (body.kind !== 'router') return [];
  const own = new Set([...speaker.interfaces.values()].map(({ address }) => address));
  return body.links
    .filter(({ type, id, data }) => type === RouterLinkType.stub && data === HOST_MASK && !own.has(id))
    .map(({ id }) => prefixOf(id, HOST));
}
