import { claimEqual } from '../report/result.ts';
import { nextHopsOf, untilAnnounced, untilNextHopsOf } from '../scenarios/observe.ts';
import { type Mode, topologyFile } from './mode.ts';
import { askFrom, completeClaim, DropWatch, seenAsClaim, WEIGHTS, weightClaims } from './questions.ts';

const VIP = '10.9.9.1';
const DIRECTORS = ['d1', 'd2'];
const INSIDE = ['10.2.1.2', '10.2.2.2'];

/** Without FullNAT a server would find the client on its own link, and answer it past the director. */
export const internal: Mode = {
  name: 'internal',
  claim: 'A VIP announced inside, for a client on the network of the servers.',
  topology: topologyFile('internal'),
  directors: DIRECTORS,
  async play(lab, { progress, connections }) {
    for (const name of DIRECTORS) await untilAnnounced(lab, name);
    await untilNextHopsOf(lab.node('ri'), VIP, INSIDE);
    const guards = await DropWatch.begin(lab, DIRECTORS);
    progress(`${connections} connections over two directors`);
    const outcomes = await askFrom(lab.node('client'), { target: `${VIP}:80`, count: connections });
    return [
      completeClaim('connections complete', outcomes),
      ...weightClaims(WEIGHTS, outcomes),
      seenAsClaim(['10.3.0.1', '10.3.0.2'], outcomes),
      claimEqual(
        'next hops of the router outside',
        (await nextHopsOf(lab.node('r1'), VIP)).join(' ') || 'none',
        'none',
      ),
      await guards.nothingDroppedClaim(),
    ];
  },
};
