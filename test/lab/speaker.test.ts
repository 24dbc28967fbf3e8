/** A director that announces through an FRR beside its agent, in a topology that was made for directors without one. */

import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { projectRoot } from '../../lab/project.ts';
import type { FrrRelease, Lab } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { playScenario } from '../../lab/scenarios/play.ts';
import { findScenario } from '../../lab/scenarios/registry.ts';

const VIP = '203.0.113.10';
/** FRR lets a neighbor's second instance of an LSA wait, and its own. */
const WITHIN = 20_000;

let lab: Lab | undefined;

afterEach(async () => {
  await lab?.down();
  lab = undefined;
});

/** Milliseconds within which an agent whose FRR hangs answers, on a busy machine; a vtysh that hangs has five seconds. */
const ANSWERS_WITHIN = 1000;

async function onRouter(running: Lab): Promise<string> {
  return (await running.node('r1').exec(['ip', 'route', 'show', VIP])).stdout;
}

/** What `sluice status` prints. */
async function statusText(running: Lab, ...options: string[]): Promise<string> {
  const sluice = [process.execPath, join(projectRoot, 'dist/bundle/bin/sluice.js')];
  const socket = ['--socket', join(running.dir, 'd1/run/d1.sock')];
  return (await running.node('d1').exec([...sluice, 'status', ...socket, ...options])).stdout;
}

const HANGS = /routing outside: unknown: ospfd does not answer since 20\d\d-\d\d-\d\dT[\d:]+Z/;

/** An ospfd that is stopped for as long as it takes until that is noticed, and what the agent has to say meanwhile. */
async function hang(running: Lab): Promise<void> {
  const frr = running.frr('d1')!;
  const waits: number[] = [];
  const isTold = async () => {
    const asked = performance.now();
    const { vips } = await running.api('d1').get('/v1/status');
    waits.push(performance.now() - asked);
    return vips.some(({ waitingFor }) => waitingFor.some((reason) => HANGS.test(reason)));
  };
  await frr.signal('ospfd', 'SIGSTOP');
  try {
    await until('the status to say that nothing is known', WITHIN, isTold);
    expect(await statusText(running)).toMatch(HANGS);
    expect(await statusText(running, '--json')).toMatch(HANGS);
  } finally {
    await frr.signal('ospfd', 'SIGCONT');
  }
  await until('the status to say no such thing', WITHIN, async () => !(await isTold()));
  expect(Math.max(...waits)).toBeLessThan(ANSWERS_WITHIN);
}

test.each<[FrrRelease, FrrRelease]>([
  ['8.4', '8.4'],
  ['10.3', '10.3'],
  ['10.3', '8.4'],
])(
  'FRR %s on the director, %s on the router: Full, announced, hangs and is told to, withdrawn at the stop',
  { timeout: 120_000 },
  async (frr, router) => {
    lab = await up('p2p-frr', { speaker: 'frr', frr, router, directors: ['d1'] });
    const running = lab;
    const announced = async () => (await onRouter(running)).includes('via 10.1.1.2');
    await until('the VIP in the router’s kernel', WITHIN, announced);
    // The agent asks FRR from time to time.
    await until('the agent to see its neighbor Full', WITHIN, async () => {
      const [neighbor] = await running.api('d1').get('/v1/neighbors');
      return neighbor?.routerId === '10.255.1.1' && neighbor.state === 'full';
    });
    const { stdout } = await running.node('r1').exec(['vtysh', '-c', 'show version', '-c', 'show running-config']);
    expect(stdout).toContain(`FRRouting ${router}`);
    expect(stdout).toContain('timers lsa min-arrival 0');
    await hang(running);
    await until('the VIP in the router’s kernel again', WITHIN, announced);
    await running.stopDirector('d1', 'SIGTERM');
    await until('the VIP to be gone', WITHIN, async () => !(await announced()));
    const { before, after } = await running.frr('d1')!.operator();
    expect(after).toBe(before);
  },
);

test('frr-restart on 10.3: the VIPs are back without a hand, and the story is told', { timeout: 150_000 }, async () => {
  const who = { speaker: 'frr', frr: '10.3', router: '10.3' } as const;
  const { claims } = await playScenario(findScenario('frr-restart')!, who, { progress: () => undefined });
  expect(claims.filter(({ met }) => !met)).toEqual([]);
});
