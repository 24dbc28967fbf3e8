import { claimEqual } from '../report/result.ts';
import { RouterView, untilAnnounced } from '../scenarios/observe.ts';
import { type Mode, topologyFile } from './mode.ts';
import { askFrom, completeClaim, DropWatch, seenAsClaim, WEIGHTS, weightClaims } from './questions.ts';

const VIP = '203.0.113.10';
const SOURCES = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4'];
const DIRECTORS = ['d1', 'd2'];

const LIPS = { d1: '10.3.0.1', d2: '10.3.0.2' };

async function wayTo(view: RouterView): Promise<string> {
  return (await Promise.all(view.routers.map((router) => view.nextHops(router)))).flat().join(' ');
}

/** What the directors pass on comes in and leaves by the same link, where the guard lets nothing through but what is theirs. */
export const oneArm: Mode = {
  name: 'one-arm',
  claim: 'FullNAT on one interface, directors beside the router, servers with no way back but routing.',
  topology: topologyFile('one-arm'),
  directors: DIRECTORS,
  async play(lab, { progress, connections }) {
    for (const name of DIRECTORS) await untilAnnounced(lab, name);
    await (await RouterView.of(lab, VIP)).untilNextHops(DIRECTORS);
    const guards = await DropWatch.begin(lab, DIRECTORS);
    progress(`${connections} connections over two directors`);
    const question = { target: `${VIP}:80`, sources: SOURCES, count: connections };
    const outcomes = await askFrom(lab.node('client'), question);
    const dropped = await guards.nothingDroppedClaim();
    progress('the link of d1 goes down');
    const routers = await RouterView.of(lab, LIPS.d1);
    const before = await wayTo(routers);
    await lab.node('r1').link('eth2', 'down');
    await routers.untilNextHops(['d2']);
    const others = await askFrom(lab.node('client'), question);
    return [
      completeClaim('connections complete', outcomes),
      ...weightClaims(WEIGHTS, outcomes),
      seenAsClaim(Object.values(LIPS), outcomes),
      claimEqual(
        'answers to the local address of d1 go to',
        `${before}, later ${await wayTo(routers)}`,
        'd1, later d2',
      ),
      completeClaim('connections without d1 complete', others),
      dropped,
    ];
  },
};
