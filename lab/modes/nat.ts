import { RouterView, untilAnnounced } from '../scenarios/observe.ts';
import { DIRECTORS, ECMP_3 } from '../scenarios/scenario.ts';
import type { Mode } from './mode.ts';
import { askFrom, completeClaim, DropWatch, seenAsClaim, weightClaims } from './questions.ts';

const VIP = '203.0.113.10';
const SOURCES = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4'];

/** Serial: directors between the routers and the servers, whose answers go back the way the questions came. */
export const nat: Mode = {
  name: 'nat',
  claim: 'NAT, directors in series between two routers and the servers, which see the clients themselves.',
  topology: ECMP_3,
  directors: DIRECTORS,
  async play(lab, { progress, connections }) {
    const directors = DIRECTORS.filter((name) => lab.directorPid(name) !== undefined);
    for (const name of directors) await untilAnnounced(lab, name);
    await (await RouterView.of(lab, VIP)).untilNextHops(directors);
    const guards = await DropWatch.begin(lab, directors);
    progress(`${connections} connections over ${directors.length} directors`);
    const question = { target: `${VIP}:80`, sources: SOURCES, count: connections };
    const outcomes = await askFrom(lab.node('client'), question);
    return [
      completeClaim('connections complete', outcomes),
      ...weightClaims({ s1: 1, s2: 1, s3: 1, s4: 1 }, outcomes),
      seenAsClaim(SOURCES, outcomes),
      await guards.nothingDroppedClaim(),
    ];
  },
};
