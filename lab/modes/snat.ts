import { type Claim, claimAtLeast } from '../report/result.ts';
import type { Lab } from '../runtimes/lab.ts';
import { RouterView, untilAnnounced, untilWayTo } from '../scenarios/observe.ts';
import { type Mode, topologyFile } from './mode.ts';
import { askFrom, completeClaim, countersOf, DropWatch, resetsOf, seenAsClaim } from './questions.ts';

const DIRECTORS = ['d1', 'd2', 'd3'];
const OPENERS = ['s1', 's2'];
const POOL = ['203.0.113.20', '203.0.113.21'];
const WORLD = '198.51.100.1:80';
/** Of the second answer; more than one packet, so that there is much to hand over. */
const BYTES = 100_000;

/** Each connection goes out by one director, and two in three answers come in by another. */
export const snat: Mode = {
  name: 'snat',
  claim:
    'Servers go out by three directors with the addresses of one pool; answers that meet the wrong one are handed over.',
  topology: topologyFile('egress'),
  directors: DIRECTORS,
  async play(lab, { progress, connections }) {
    for (const name of DIRECTORS) await untilAnnounced(lab, name);
    for (const name of DIRECTORS) await untilWayTo(lab.node(name), WORLD.split(':')[0]!);
    for (const address of POOL) await (await RouterView.of(lab, address)).untilNextHops(DIRECTORS);
    const guards = await DropWatch.begin(lab, DIRECTORS);
    const resets = await resetsOfOpeners(lab);
    progress(`${connections} connections from each of two servers`);
    const question = { target: WORLD, count: connections, bytes: BYTES };
    const outcomes = (await Promise.all(OPENERS.map((name) => askFrom(lab.node(name), question)))).flat();
    return [
      completeClaim('connections complete', outcomes),
      seenAsClaim(POOL, outcomes),
      // Of each connection at least the SYN-ACK and one more, if it was opened where two in three answers do not come.
      claimAtLeast('packets handed over', await handedOver(lab), connections, ''),
      await guards.nothingButResetsDroppedClaim((await resetsOfOpeners(lab)) - resets),
    ] satisfies Claim[];
  },
};

async function resetsOfOpeners(lab: Lab): Promise<number> {
  const each = await Promise.all(OPENERS.map((name) => resetsOf(lab.node(name))));
  return each.reduce((sum, resets) => sum + resets, 0);
}

async function handedOver(lab: Lab): Promise<number> {
  const counters = await Promise.all(DIRECTORS.map((name) => countersOf(lab.node(name), 'sluice_v1')));
  return counters.reduce((sum, of) => sum + (of.get('handed_over') ?? 0), 0);
}
