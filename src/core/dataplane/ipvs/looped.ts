/**
 * Directors that are real servers of direct routing, too. What one of them sends on to another has the VIP as its destination
 * still: the other one's IPVS would take it for a client's and may send it back, and so on until its TTL ends.
 *
 * So such a service is known to IPVS by a mark, which a rule gives to packets for its ports unless a fellow director's MAC
 * address is on them. Those without that mark are nobody's to balance, and reach the program on this host that they were sent to.
 *
 * But what IPVS remembers of a connection goes before marks: when routers lead a connection by another director than before, or a client
 * uses a port again, a director may still remember to have sent it to the very fellow that now sends it here. So what a fellow has
 * sent on has a mark of its own, and where IPVS sends on such a packet its route is looked up anew: the VIP is this host's, and IPVS
 * lets a packet pass that it has had once.
 *
 *   fellows   set: MAC addresses of the other directors
 *   looped    map: VIP . protocol . port to the mark
 *   turned_in chain: what a fellow has sent on, and IPVS would send on again
 *   own       set in the guard table: VIP . protocol . port of services with a server here, which the stack may answer
 */
import { jhashText } from '../../hash/jhash.ts';
import type { DesiredDataplane, DesiredService } from '../../model/dataplane.ts';
import { FELLOWS_SET, LOOPED_CHAIN, LOOPED_MAP, VIPS_SET } from '../names.ts';
import type { Part } from '../rules/parts.ts';
import { endpointElement } from '../ruleset.ts';

const MARK_SEED = 0x51c1ce50;

/** Of marks that are ours: what an operator would hardly give by hand. */
const OUR_MARKS = 0x5c000000;
const VARIABLE_BITS = 0x00ffffff;
/** On packets that a fellow director has sent on. */
const SENT_ON_MARK = 0x5d000000;

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
    rules: {
      mid_life: [`jump ${LOOPED_CHAIN}`],
      // Any other mark has the route looked up.
      turned_in: [`meta mark ${SENT_ON_MARK} meta mark set 0`],
    },
    chains: new Map([
      [
        LOOPED_CHAIN,
        [
          // What comes by an interface without MAC addresses is no fellow's, and does not match these.
          `ether saddr @${FELLOWS_SET} ip daddr @${VIPS_SET} meta mark set ${SENT_ON_MARK} return`,
          `ether saddr @${FELLOWS_SET} return`,
          `meta mark set ${KEY} map @${LOOPED_MAP}`,
        ],
      ],
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
