/** A director that announces through an FRR beside its agent, in a topology that was made for directors without one. */
import { afterEach, expect, test } from 'vitest';
import type { FrrRelease, Lab } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';

const VIP = '203.0.113.10';
/** FRR lets a neighbor's second instance of an LSA wait, and its own. */
const WITHIN = 20_000;

let lab: Lab | undefined;

afterEach(async () => {
  await lab?.down();
  lab = undefined;
});

async function onRouter(running: Lab): Promise<string> {
  return (await running.node('r1').exec(['ip', 'route', 'show', VIP])).stdout;
}

test.each<[FrrRelease, FrrRelease]>([
  ['8.4', '8.4'],
  ['10.3', '10.3'],
  ['10.3', '8.4'],
])(
  'FRR %s on the director, %s on the router: Full, announced, withdrawn at the stop',
  { timeout: 90_000 },
  async (frr, router) => {
    lab = await up('p2p-frr', { speaker: 'frr', frr, router, directors: ['d1'] });
    const running = lab;
    await until('the VIP in the router’s kernel', WITHIN, async () =>
      (await onRouter(running)).includes('via 10.1.1.2'),
    );
    // The agent asks FRR from time to time.
    await until('the agent to see its neighbor Full', WITHIN, async () => {
      const [neighbor] = await running.api('d1').get('/v1/neighbors');
      return neighbor?.routerId === '10.255.1.1' && neighbor.state === 'full';
    });
    const { stdout } = await running.node('r1').exec(['vtysh', '-c', 'show version', '-c', 'show running-config']);
    expect(stdout).toContain(`FRRouting ${router}`);
    expect(stdout).toContain('timers lsa min-arrival 0');
    await running.stopDirector('d1', 'SIGTERM');
    await until('the VIP to be gone', WITHIN, async () => !(await onRouter(running)).includes('via 10.1.1.2'));
  },
);
