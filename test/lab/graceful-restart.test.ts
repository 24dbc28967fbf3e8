/** The agent restarts beside FRR (`graceful-restart helper enable`) and BIRD (which helps unasked): no route moves. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { writeCell } from '../../lab/interop/cell-files.ts';
import { type Cell, cellName } from '../../lab/interop/cells.ts';
import { ROUTER_ADDRESS } from '../../lab/interop/router-files.ts';
import { rootPath } from '../../lab/roots/build.ts';
import type { Lab, LabNode, StopSignal } from '../../lab/runtimes/lab.ts';
import { ipCommand } from '../../lab/runtimes/netns-node.ts';
import { RouteMonitor } from '../../lab/runtimes/route-monitor.ts';
import { up } from '../../lab/runtimes/runtime.ts';
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
  const monitors = await Promise.all(routers.map(({ netns }) => RouteMonitor.start(netns)));
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

/** Every router has the VIP, and nothing is under way. */
async function settled(lab: Lab): Promise<void> {
  for (const router of lab.byRole('router')) {
    await until(`the VIP in the kernel of ${router.name}`, WITHIN, () => leadsToDirector(router));
  }
  // A change that a router has not acknowledged yet would be a reason not to help.
  await sleep(AFTERWARDS);
}

const NEWER: readonly Cell[] = [
  { router: 'frr-10', role: 'p2p', auth: 'none', area: 'normal' },
  { router: 'frr-10', role: 'p2p', auth: 'hmac-sha-256', area: 'normal' },
  { router: 'bird-2.17', role: 'p2p', auth: 'none', area: 'normal' },
  { router: 'bird-3', role: 'p2p', auth: 'none', area: 'normal' },
];

const WORLDS: readonly (readonly [string, (folder: string) => Promise<string>])[] = [
  ...['p2p-frr', 'lan-frr', 'p2p-bird', 'lan-bird'].map((name) => [name, async () => name] as const),
  ...NEWER.map((cell) => [cellName(cell), (folder: string) => writeCell(cell, folder)] as const),
];

describe.each(WORLDS)('%s', (_, topology) => {
  let folder = '';
  let lab: Lab;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-restart-'));
    lab = await up(await topology(folder), { directors: ['d1'] });
    await settled(lab);
  });
  afterAll(async () => {
    await lab.down();
    await rm(folder, { recursive: true, force: true });
  });

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

const SERVER = '10.3.0.21';
/** A real server that is well, on the router: `ok` to whatever is asked. */
const SERVE = "require('node:http').createServer((_, answer) => answer.end('ok')).listen(80, '10.3.0.21')";

/** All VIPs depend on a server, behind `gateway`, whose check needs four successes, a second apart. */
async function checkSlowly(lab: Lab, gateway: string): Promise<void> {
  await ipCommand(['-n', lab.node('r1').netns, 'address', 'add', `${SERVER}/32`, 'dev', 'lo']);
  await ipCommand(['-n', lab.node('d1').netns, 'route', 'add', SERVER, 'via', gateway]);
  const cluster = parse(await readFile(lab.configFile('d1'), 'utf8'));
  const health = { http: { path: '/', expect: 200 }, interval: '1s', timeout: '500ms', rise: 4, fall: 2 };
  for (const service of Object.values<{ announce: object }>(cluster.services)) {
    Object.assign(service, { health, announce: { ...service.announce, min: 1, whenDown: 'withdraw' } });
  }
  await writeFile(lab.configFile('d1'), stringify(cluster));
}

/** The time for which the VIP was missing, in milliseconds, and how often it went. */
function absence(monitor: RouteMonitor) {
  let [milliseconds, times, goneAt] = [0, 0, Number.NaN];
  for (const { prefix, deleted, at } of monitor.changes) {
    if (prefix !== VIP) continue;
    if (deleted) {
      times++;
      goneAt = at;
    } else if (!Number.isNaN(goneAt)) {
      milliseconds += at - goneAt;
      goneAt = Number.NaN;
    }
  }
  return { milliseconds, times };
}

/** The first two have one VIP; the cells have another one as an AS-external LSA. */
const FORGETFUL: readonly (readonly [...(typeof WORLDS)[number], string])[] = [
  ['p2p-frr', async () => 'p2p-frr', '10.1.1.1'],
  ['p2p-bird', async () => 'p2p-bird', '10.1.1.1'],
  ...NEWER.filter(({ auth }) => auth === 'none').map(
    (cell) => [cellName(cell), (folder: string) => writeCell(cell, folder), ROUTER_ADDRESS] as const,
  ),
];

describe.each(FORGETFUL)('%s, nothing remembered, a check that needs seconds', (_, topology, gateway) => {
  let folder = '';
  let lab: Lab;
  let server: ReturnType<typeof spawn>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-restart-'));
    lab = await up(await topology(folder), { directors: [] });
    await checkSlowly(lab, gateway);
    server = spawn('ip', ['netns', 'exec', lab.node('r1').netns, process.execPath, '-e', SERVE], { stdio: 'inherit' });
    await lab.startDirector('d1');
    await settled(lab);
  });
  afterAll(async () => {
    server.kill('SIGTERM');
    await lab.down();
    await rm(folder, { recursive: true, force: true });
  });

  /** Kills the agent and starts one that knows nothing of it; returns when that was told to start. */
  async function replaceAgent(between = async () => {}): Promise<number> {
    await lab.stopDirector('d1', 'SIGKILL');
    await between();
    await rm(join(lab.dir, 'd1/state'), { recursive: true, force: true });
    // The case itself: for so long there is no agent.
    await sleep(300);
    const at = Date.now();
    await lab.startDirector('d1');
    return at;
  }

  const announced = () =>
    until('the VIPs to be announced again', WITHIN, async () => {
      const { restarts, vips } = await lab.api('d1').get('/v1/status');
      return restarts.length === 0 && vips.every((vip) => vip.announced);
    });

  test('a killed agent with its data plane in the kernel is missed for 0.3 s at most, once', async () => {
    const monitor = await RouteMonitor.start(lab.node('r1').netns);
    await replaceAgent();
    await announced();
    await sleep(AFTERWARDS);
    monitor.stop();
    expect(await eventsOf(lab, 'restart-ended')).toEqual(['all that was announced is wanted again']);
    expect(absence(monitor)).toSatisfy(({ milliseconds, times }) => milliseconds <= 300 && times <= 1);
    expect(await leadsToDirector(lab.node('r1'))).toBe(true);
  });

  test('without its data plane it attracts nothing until its checks have spoken', async () => {
    const monitor = await RouteMonitor.start(lab.node('r1').netns);
    const started = await replaceAgent(async () => {
      expect(await lab.node('d1').exec(['nft', 'flush', 'ruleset'])).toMatchObject({ code: 0 });
    });
    await announced();
    await until('the VIP in the kernel of r1', WITHIN, () => leadsToDirector(lab.node('r1')));
    monitor.stop();
    const gone = monitor.changes.findLast(({ prefix, deleted }) => prefix === VIP && deleted);
    // BIRD computes its routes once a second. An agent that waits for a first prefix does so for 1.5 s.
    expect((gone?.at ?? Number.POSITIVE_INFINITY) - started).toBeLessThan(1400);
    expect(await eventsOf(lab, 'restart-begun')).toEqual([]);
  });
});
