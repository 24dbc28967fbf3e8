/**
 * Directors that are real servers of direct routing, too. What one of them sends on to another has the VIP as its destination
 * still: the other one's IPVS would take it for a client's and may send it back, and so on until its TTL ends.
 *
 * So such a service is known to IPVS by a mark, which a rule gives to packets for its ports unless a fellow director's MAC
 * address is on them. Those without a mark are nobody's to balance, and reach the program on this host that they were sent to.
 *
 *   fellows   set: MAC addresses of the other directors
 *   looped    map: VIP . protocol . port to the mark
 *   own       set in the guard table: VIP . protocol . port of services with a server here, which the stack may answer
 */
import { jhashText } from '../../hash/jhash.ts';
import type { DesiredDataplane, DesiredService } from '../../model/dataplane.ts';
import { FELLOWS_SET, LOOPED_CHAIN, LOOPED_MAP } from '../names.ts';
import type { Part } from '../rules/parts.ts';
import { endpointElement } from '../ruleset.ts';

const MARK_SEED = 0x51c1ce50;

/** Of marks that are ours: what an operator would hardly give by hand. */
const OUR_MARKS = 0x5c000000;
const VARIABLE_BITS = 0x00ffffff;

/** Is one of its servers a director, so that packets could come back? */
export function isLooped({ direct, servers }: DesiredService): boolean {
  return direct !== undefined && servers.some(({ director }) => director !== undefined);
}

/** The mark of a service: of its name, so that it is the same whatever else is in the file. */
export function loopMark({ name }: Pick<DesiredService, 'name'>): number {
  return OUR_MARKS + (jhashText(name, MARK_SEED) & VARIABLE_BITS);
}

const KEY = 'ip daddr . meta l4proto . th dport';

export function loopedPart({ services, self, macs = {} }: DesiredDataplane): Part {
  const looped = services.filter(isLooped);
  if (looped.length === 0) return {};
  const marks = looped.flatMap((service) => {
    return endpointsOf(service).map((endpoint): [string, string] => [endpoint, String(loopMark(service))]);
  });
  const fellows = Object.entries(macs).flatMap(([name, those]) => (name === self ? [] : those));
  return {
    rules: { mid_life: [`jump ${LOOPED_CHAIN}`] },
    chains: new Map([
      // What comes by an interface without MAC addresses is no fellow's, and does not match the first rule.
      [LOOPED_CHAIN, [`ether saddr @${FELLOWS_SET} return`, `meta mark set ${KEY} map @${LOOPED_MAP}`]],
    ]),
    sets: new Map([
      [
        FELLOWS_SET,
        { kind: 'set', declaration: 'typeof ether saddr', elements: new Map(fellows.map((mac) => [mac, ''])) },
      ],
      [LOOPED_MAP, { kind: 'map', declaration: `typeof ${KEY} : meta mark`, elements: new Map(marks) }],
    ]),
  };
}

/** VIP . protocol . port of services that have a server on this director. */
export function ownEndpoints({ services, self }: DesiredDataplane): readonly string[] {
  const own = services.filter(({ servers }) =>
    servers.some(({ director }) => director !== undefined && director === self),
  );
  return own.flatMap(endpointsOf);
}

function endpointsOf({ vips, ports, protocol }: DesiredService): readonly string[] {
  return vips.flatMap((vip) => ports.map((port) => endpointElement(vip, protocol, port)));
}
