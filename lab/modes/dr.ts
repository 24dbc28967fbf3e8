import { setTimeout as sleep } from 'node:timers/promises';
import { type Claim, claimBetween, claimEqual } from '../report/result.ts';
import type { Lab } from '../runtimes/lab.ts';
import { RouterView, untilAnnounced } from '../scenarios/observe.ts';
import { type Mode, topologyFile } from './mode.ts';
import { askFrom, completeClaim, DropWatch, seenAsClaim, weightClaims } from './questions.ts';

const WEB = '203.0.113.10';
const API = '203.0.113.11';
const DIRECTORS = ['d1', 'd2'];
const SOURCES = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4'];

/** Times that counters are looked at again, a second apart. */
const LOOKS = 8;

/** What the directors themselves say: every connection began at one of them, and no answer came back to any. */
async function countedClaims(lab: Lab, connections: number): Promise<readonly Claim[]> {
  const documents = () => Promise.all(DIRECTORS.map((name) => lab.api(name).get('/v1/services')));
  let services = (await documents()).flat();
  const sum = (key: 'newConnections' | 'packetsOut') => services.reduce((total, one) => total + one[key], 0);
  // IPVS adds up what it has counted every two seconds; what is not there by then will not be.
  for (let more = 0; more < LOOKS && sum('newConnections') < connections; more++) {
    await sleep(1000);
    services = (await documents()).flat();
  }
  return [
    // A SYN that is sent again counts again.
    claimBetween('connections counted', sum('newConnections'), connections, Math.ceil(connections * 1.1), ''),
    claimEqual('answers through the directors', sum('packetsOut'), 0),
  ];
}

/** On a trunk of service VLANs: the servers answer by their own gateway, and a director may go while they do. */
export const dr: Mode = {
  name: 'dr',
  claim: 'Direct routing into two VLANs; the answers pass no director, and one that goes takes no connection along.',
  topology: topologyFile('dr-trunk'),
  directors: DIRECTORS,
  async play(lab, { progress, connections }) {
    for (const name of DIRECTORS) await untilAnnounced(lab, name);
    await (await RouterView.of(lab, WEB)).untilNextHops(DIRECTORS);
    await (await RouterView.of(lab, API)).untilNextHops(DIRECTORS);
    const guards = await DropWatch.begin(lab, DIRECTORS);
    const client = lab.node('client');
    const ask = (vip: string, count: number, bytes = 3000) =>
      askFrom(client, { target: `${vip}:80`, sources: SOURCES, count, bytes });
    progress(`${connections} connections to each of two services`);
    const web = await ask(WEB, connections);
    const api = await ask(API, connections);
    // From then on the router tries ways that are none.
    const dropped = await guards.nothingDroppedClaim();
    const passed = await countedClaims(lab, web.length + api.length);
    progress('the link of d1 goes down under transfers');
    const [moved] = await Promise.all([ask(WEB, 40, 8_000_000), lab.node('r1').link('eth2', 'down')]);
    return [
      completeClaim('connections to web complete', web),
      completeClaim('connections to api complete', api),
      completeClaim('transfers complete while d1 goes', moved),
      ...weightClaims({ s1: 1, s2: 2 }, web),
      ...weightClaims({ s3: 1, s4: 1 }, api),
      seenAsClaim(SOURCES, [...web, ...api]),
      ...passed,
      dropped,
    ];
  },
};
