import { readFile, writeFile } from 'node:fs/promises';
import { LabError } from '../lab-error.ts';
import { type Claim, claimAtLeast, claimAtMost } from '../report/result.ts';
import type { Lab } from '../runtimes/lab.ts';
import { untilAnnounced, untilNextHopsOf } from '../scenarios/observe.ts';
import { type Mode, type ModeContext, topologyFile } from './mode.ts';
import { askFrom, completeClaim, countersOf, DropWatch, seenAsClaim, WEIGHTS, weightClaims } from './questions.ts';

const VIP = '203.0.113.10';
const LIP = '10.8.0.1';
const SOURCES = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4'];
const DIRECTORS = ['d1', 'd2', 'd3'];
const INSIDE = ['10.2.1.2', '10.2.2.2', '10.2.3.2'];
/** Of the second answer; more than one packet, so that there is much to hand over. */
const BYTES = 100_000;

/** The directors tell each other nothing. */
export const sharedLip: Mode = {
  name: 'shared-lip',
  claim:
    'FullNAT with one local address for three directors, answers spread over all of them, handed over on a segment.',
  topology: topologyFile('shared-lip'),
  directors: DIRECTORS,
  play,
};

/** By the addresses of the links to the router inside, as if there were no other way between the directors. */
export const sharedLipVxlan: Mode = {
  name: 'shared-lip-vxlan',
  claim: 'The same, handed over by VXLAN, through the router inside.',
  topology: topologyFile('shared-lip'),
  directors: [],
  async play(lab, context) {
    for (const name of DIRECTORS) {
      const file = lab.configFile(name);
      const before = await readFile(file, 'utf8');
      const after = before
        .replace('handOver: hand', 'handOver: { vxlan: { id: 7 } }')
        .replace(/10\.4\.0\.(\d)/g, '10.2.$1.2');
      if (after === before) throw new LabError(`${file} is not as expected`);
      await writeFile(file, after);
      await lab.startDirector(name);
    }
    return play(lab, context);
  },
};

async function play(lab: Lab, { progress, connections }: ModeContext): Promise<readonly Claim[]> {
  for (const name of DIRECTORS) await untilAnnounced(lab, name);
  await untilNextHopsOf(lab.node('r1'), VIP, ['10.1.1.2', '10.1.2.2', '10.1.3.2']);
  await untilNextHopsOf(lab.node('ri'), LIP, INSIDE);
  const guards = await DropWatch.begin(lab, DIRECTORS);
  progress(`${connections} connections over three directors`);
  const question = { target: `${VIP}:80`, sources: SOURCES, count: connections, bytes: BYTES };
  const outcomes = await askFrom(lab.node('client'), question);
  const handed = await Promise.all(DIRECTORS.map((name) => handedOver(lab, name)));
  return [
    completeClaim('connections complete', outcomes),
    ...weightClaims(WEIGHTS, outcomes),
    seenAsClaim([LIP], outcomes),
    // Of each connection at least the SYN-ACK and one more, if it was opened where two in three answers do not come.
    claimAtLeast(
      'packets handed over',
      handed.reduce((a, b) => a + b, 0),
      connections / 2,
      '',
    ),
    claimAtMost('conntrack entries that no client began', await strangers(lab), 0, ''),
    await guards.nothingDroppedClaim(),
  ];
}

async function handedOver(lab: Lab, name: string): Promise<number> {
  return (await countersOf(lab.node(name), 'sluice_v1')).get('handed_over') ?? 0;
}

/** An entry names first whom its first packet was for. */
async function strangers(lab: Lab): Promise<number> {
  const counts = await Promise.all(
    DIRECTORS.map(async (name) => {
      const { stdout } = await lab.node(name).exec(['cat', '/proc/net/nf_conntrack']);
      return stdout.split('\n').filter((line) => / dst=(\S+)/.exec(line)?.[1] === LIP).length;
    }),
  );
  return counts.reduce((a, b) => a + b, 0);
}
