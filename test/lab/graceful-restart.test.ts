/** The agent restarts beside FRR (`graceful-restart helper enable`) and BIRD (which helps unasked): no route moves. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rootPath } from '../../lab/roots/build.ts';
import { RouteMonitor } from '../../lab/runtimes/route-monitor.ts';
import { type Lab, type LabNode, type StopSignal, up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';

const VIP = '203.0.113.10';
const WITHIN = 30_000;
/** The routers' dead interval is 4 s. */
const LONGER_THAN_DEAD = 6000;
/** After the new agent has taken over: whatever follows from that has followed. */
const AFTERWARDS = 4000;

async function leadsToDirector(router: LabNode): Promise<boolean> {
  return (await router.exec(['ip', 'route', 'show', VIP])).stdout.includes(' via ');
}

interface Pings {
  readonly sent: number;
  readonly received: number;
}

/** 1,000 pings a second from a router to the VIP, which the director's kernel answers, while something is done. */
async function pinged(router: LabNode, during: () => Promise<void>): Promise<Pings> {
  const words = ['netns', 'exec', router.netns, 'chroot', await rootPath('tools'), 'ping', '-q', '-i', '0.001', VIP];
  const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await during();
  child.kill('SIGINT');
  await ended;
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(said) ?? [];
  return { sent: Number(sent), received: Number(received) };
}

/** Ends the agent of d1, starts it again after `away`, waits until it has taken over. */
async function restart(lab: Lab, signal: StopSignal, away: number): Promise<void> {
  await lab.stopDirector('d1', signal);
  await sleep(away);
  await lab.startDirector('d1');
  await until('the agent to have taken over', WITHIN, async () => {
    const { restarts, vips } = await lab.api('d1').get('/v1/status');
    return restarts.length === 0 && vips.every(({ announced }) => announced);
  });
  await sleep(AFTERWARDS);
}

/** What the restart cost: changes of the VIP's route in each router's kernel, in words, and packets from the first one. */
async function costOf(lab: Lab, signal: StopSignal, away: number) {
  const routers = lab.byRole('router');
  const monitors = routers.map(({ netns }) => new RouteMonitor(netns));
  const { sent, received } = await pinged(routers[0]!, () => restart(lab, signal, away));
  for (const monitor of monitors) monitor.stop();
  const changes = monitors.flatMap((monitor, at) =>
    monitor.changes
      .filter(({ prefix }) => prefix === VIP)
      .map(({ deleted }) => `${routers[at]!.name} ${deleted ? 'deleted' : 'added'}`),
  );
  return { changes, sent, lost: sent - received };
}

async function eventsOf(lab: Lab, name: string): Promise<string[]> {
  const events = await lab.api('d1').get('/v1/events');
  return events.filter(({ event }) => event === name).map(({ values }) => String(values['detail']));
}

describe.each(['p2p-frr', 'lan-frr', 'p2p-bird', 'lan-bird'])('%s', (topology) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await up(topology, { directors: ['d1'] });
    for (const router of lab.byRole('router')) {
      await until(`the VIP in the kernel of ${router.name}`, WITHIN, () => leadsToDirector(router));
    }
    // A change that a router has not acknowledged yet would be a reason not to help.
    await sleep(AFTERWARDS);
  });
  afterAll(() => lab.down());

  test('a planned restart, away for longer than the dead interval: no route event, no packet lost', async () => {
    const cost = await costOf(lab, 'SIGUSR2', LONGER_THAN_DEAD);
    expect(await eventsOf(lab, 'restart-ended')).toEqual(['all adjacencies are full again']);
    expect(cost.changes).toEqual([]);
    expect(cost.sent).toBeGreaterThan(5000);
    expect(cost.lost).toBe(0);
  });

  test('a killed agent that is back within the dead interval: no route event, no packet lost', async () => {
    const cost = await costOf(lab, 'SIGKILL', 1000);
    expect((await eventsOf(lab, 'restart-begun'))[0]).toContain('unplanned');
    expect(await eventsOf(lab, 'restart-ended')).toEqual(['all adjacencies are full again']);
    expect(cost.changes).toEqual([]);
    expect(cost.lost).toBe(0);
  });
});
