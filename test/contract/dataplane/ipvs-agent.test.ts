/**
 * The agent of a director that has IPVS: it chooses it by itself, keeps what somebody deletes, leaves alone what is not its own, and
 * can be killed. Its file says `dataplane: auto`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot } from '../../../lab/project.ts';
import type { EventDocument, StatusDocument } from '../../../src/api/documents.ts';
import { guestBench } from './guest-bench.ts';
import { Network } from './netns.ts';
import { freshPorts, tally, VIP } from './suite.ts';

const CLUSTER = `cluster: guest
directors: { d1: { routerId: 10.255.0.1, interfaces: { up0: front } } }
routing:
  instances:
    outside:
      area: 0
      announce: [vip]
      interfaces: { up0: { network: point-to-point, hello: 1s, dead: 4s } }
services:
  web:
    vip: ${VIP}
    ports: 80
    forward: nat
    servers: { s1: 10.2.0.21, s2: 10.2.0.22, s3: { address: 10.2.0.23, weight: 2 } }
    health: { tcp: {}, interval: 1s, rise: 1 }
`;

const network = new Network(`ia${process.pid}`, []);
const bench = guestBench(network, '6.1', 'agent');
const SLUICE = [process.execPath, join(projectRoot, 'dist/bundle/bin/sluice.js')];
let pid = '';

async function startAgent(): Promise<void> {
  const config = join(bench.guest().shared, 'cluster.yml');
  const argv = [
    ...SLUICE,
    'agent',
    '--config',
    config,
    '--name',
    'd1',
    '--run-dir',
    '/run/sluice',
    '--state-dir',
    '/run/state',
  ];
  pid = (await bench.said(['sh', '-c', `setsid ${argv.join(' ')} >>/run/agent.log 2>&1 </dev/null & echo $!`])).trim();
  const up = '[ -S /run/sluice/d1.sock ]';
  await bench.said([
    'bash',
    '-c',
    `until ${up}; do kill -0 ${pid} || { cat /run/agent.log >&2; exit 1; }; sleep 0.1; done`,
  ]);
}

async function sluice(...argv: readonly string[]): Promise<string> {
  return bench.said([...SLUICE, ...argv, '--run-dir', '/run/sluice', '--name', 'd1', '--json']);
}

const status = async () => JSON.parse(await sluice('status')) as StatusDocument;

async function eventsOf(name: string): Promise<readonly EventDocument[]> {
  const lines = (await sluice('events')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as EventDocument).filter(({ event }) => event === name);
}

const service = (lines: readonly string[]) => lines.filter((line) => line.includes(VIP));

beforeAll(async () => {
  await bench.up();
  writeFileSync(join(bench.guest().shared, 'cluster.yml'), CLUSTER);
  await startAgent();
});
afterAll(() => bench.down());

test('it has chosen IPVS, says why, and serves', async () => {
  await expect
    .poll(async () => service(await bench.listing()).filter((line) => / -w [12]$/.test(line)).length, {
      timeout: 60_000,
    })
    .toBe(3);
  const { dataplane } = await status();
  expect(dataplane).toMatchObject({ name: 'ipvs', reason: 'the kernel has IPVS', programmed: ['web'], fault: null });
  expect((await eventsOf('dataplane-chosen')).map(({ values }) => values)).toEqual([
    { plane: 'ipvs', reason: 'the kernel has IPVS' },
  ]);
  const answers = tally(await bench.connect(freshPorts(200), 200));
  expect(Object.keys(answers).sort()).toEqual(['s1', 's2', 's3']);
});

test('somebody empties IPVS under load: it is back with the next look, the event names it, no connection ends', async () => {
  const sport = freshPorts(200);
  const before = await bench.connect(sport, 200);
  const listing = service(await bench.listing());
  const wait = `ipvsadm -C; t=$(date +%s%N); until ipvsadm -S -n | grep -q 10.2.0.21; do sleep 0.05; done; echo $((($(date +%s%N) - t) / 1000000))`;
  const milliseconds = Number(await bench.said(['bash', '-c', wait]));
  console.log(`restored after ${milliseconds} ms`);
  // A look every second; but this is an emulated processor, on a machine that may have other things to do.
  expect(milliseconds).toBeLessThan(15_000);
  await expect.poll(async () => service(await bench.listing())).toEqual(listing);
  expect(await bench.ask(sport, 200)).toEqual(before);
  const [drift] = await eventsOf('dataplane-drift');
  expect(drift?.values['operations']).toContain(`ipvs tcp ${VIP}:80: add service (mh)`);
});

test('a service of somebody else stays, and status shows it', async () => {
  await bench.byHand('-A -u 192.0.2.1:53 -s rr\n');
  await expect.poll(async () => (await status()).dataplane.foreign, { timeout: 20_000 }).toEqual(['udp 192.0.2.1:53']);
  expect(await bench.listing()).toContain('-A -u 192.0.2.1:53 -s rr');
});

test('killed and started again: no connection is broken, no entry rewritten', async () => {
  const sport = freshPorts(200);
  const before = await bench.connect(sport, 200);
  const listing = await bench.listing();
  await bench.said(['kill', '-9', pid]);
  expect(await bench.ask(sport, 200)).toEqual(before);
  await bench.said(['rm', '-f', '/run/sluice/d1.sock']);
  await startAgent();
  await expect.poll(async () => (await status()).dataplane.programmed, { timeout: 60_000 }).toEqual(['web']);
  expect(await bench.ask(sport, 200)).toEqual(before);
  expect(await bench.listing()).toEqual(listing);
  const written = await eventsOf('dataplane-programmed');
  const operations = written.flatMap(({ values }) => values['operations'] as string[]);
  expect(operations.filter((line) => line.startsWith('ipvs '))).toEqual([]);
});
