/** The netns runtime itself: what it builds works, and whatever happens, nothing of it stays. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot } from '../../lab/project.ts';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { LABS_FOLDER } from '../../lab/runtimes/run-state.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { namespaces } from '../../lab/runtimes/teardown.ts';

function namespacesOf(runId: string): string[] {
  return namespaces().filter((name) => name.startsWith(`sl-${runId}-`));
}

/** Command lines of processes whose arguments name the run's folder or a namespace of it. */
function processesOf(runId: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const lines = pids.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return '';
    }
  });
  return lines.filter((line) => line.includes(`sl-${runId}-`) || line.includes(join(LABS_FOLDER, runId)));
}

describe('the default lab without agents', () => {
  let lab: Lab;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  beforeAll(async () => {
    lab = await up('ecmp-3', { directors: [] });
  });
  afterAll(async () => {
    await lab.down();
    rmSync(folder, { recursive: true });
  });

  test('commands on a router run in its root folder', async () => {
    const { stdout } = await lab.node('r1').exec(['vtysh', '-c', 'show ip ospf interface json']);
    const { interfaces } = JSON.parse(stdout) as { interfaces: Record<string, { networkType: string }> };
    const types = Object.entries(interfaces).map(([name, { networkType }]) => `${name} ${networkType}`);
    expect(types.filter((one) => one.endsWith('POINTOPOINT'))).toHaveLength(4);
  });

  test('real servers answer with their name, the connection, the request and the offset', async () => {
    const url = 'http://10.3.0.22/at';
    const { stdout } = await lab.node('d1').exec(['curl', '-sS', `${url}/0`, `${url}/42`]);
    expect(stdout).toMatch(/^s2 (\d+) 1 0\ns2 \1 2 42\n$/);
  });

  test('the stream is made of records that carry their own offset', async () => {
    const range = '16777184-16777215';
    const { stdout } = await lab.node('d1').exec(['curl', '-sS', '-r', range, 'http://10.3.0.24/stream']);
    expect(stdout).toBe('s4  :0016777184\ns4  :0016777200\n');
  });

  test('a link that goes down takes the carrier of its other end along', async () => {
    const carrier = async () => (await lab.node('r1').exec(['cat', '/sys/class/net/eth2/carrier'])).stdout.trim();
    expect(await carrier()).toBe('1');
    await lab.node('d1').link('eth1', 'down');
    expect(await carrier()).toBe('0');
    await lab.node('d1').link('eth1', 'up');
    expect(await carrier()).toBe('1');
  });

  test('a capture is complete when it is stopped', async () => {
    const file = join(folder, 'hello.pcap');
    const capture = await lab.capture('d2', 'eth3', file);
    await lab.node('d2').exec(['curl', '-sS', 'http://10.3.0.21/healthz']);
    await capture.stop();
    // Beyond the file header: at least the ten packets of one HTTP exchange.
    expect(statSync(file).size).toBeGreaterThan(24 + 10 * 70);
  });

  test('directors that start and end side by side are all noted', async () => {
    const names = ['d1', 'd2', 'd3'];
    await Promise.all(names.map((name) => lab.startDirector(name)));
    const pids = names.map((name) => lab.directorPid(name));
    expect(new Set(pids).size).toBe(3);
    await Promise.all(names.map((name) => lab.stopDirector(name, 'SIGKILL')));
    expect(names.map((name) => lab.directorPid(name))).toEqual([undefined, undefined, undefined]);
  });

  test('a program that outlives its deadline is killed and named', async () => {
    await expect(lab.node('client').exec(['sleep', '60'], { deadline: 50 })).rejects.toThrow(/sleep 60/);
  });

  test('an unknown node is named with those that there are', () => {
    expect(() => lab.node('d9')).toThrow(/no node d9 .*client, r1, r2/);
  });
});

describe('nothing is left behind', () => {
  test('after down, even with programs running and links down', async () => {
    const lab = await up('p2p-frr', { directors: [] });
    lab.node('d1').spawn(['sleep', '1000'], { stdio: 'ignore' });
    await lab.node('d1').link('eth1', 'down');
    await lab.down();
    await lab.down();
    expect(namespacesOf(lab.runId)).toEqual([]);
    expect(processesOf(lab.runId)).toEqual([]);
    expect(existsSync(lab.dir)).toBe(false);
  });

  test('when it cannot be built', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
    const before = readdirSync(LABS_FOLDER);
    const node = '{ kind: linux, labels: { sluice.role: client }, exec: ["ip address add nonsense dev lo"] }';
    writeFileSync(join(folder, 'bad.clab.yml'), `name: bad\ntopology: { nodes: { c: ${node} } }\n`);
    await expect(up(join(folder, 'bad.clab.yml'))).rejects.toThrow(/node c: .*nonsense/);
    rmSync(folder, { recursive: true });
    expect(readdirSync(LABS_FOLDER)).toEqual(before);
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)('when the process that made it dies of %s', async (signal) => {
    const runId = await labOfAProcessThatDies(signal);
    // SIGKILL leaves everything behind; the next run clears it away.
    if (signal === 'SIGKILL') {
      expect(namespacesOf(runId)).not.toEqual([]);
      await (await up('p2p-bird', { directors: [] })).down();
    }
    expect(namespacesOf(runId)).toEqual([]);
    expect(processesOf(runId)).toEqual([]);
    expect(existsSync(join(LABS_FOLDER, runId))).toBe(false);
  });
});

/** Starts another process that brings a lab up, sends it the signal, and returns that lab's run id. */
async function labOfAProcessThatDies(signal: NodeJS.Signals): Promise<string> {
  const script = `
    const { up } = await import('./dist/lab/runtimes/runtime.js');
    const lab = await up('p2p-bird', { directors: [] });
    console.log(lab.runId);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const runId = await new Promise<string>((resolve) => {
    child.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
  });
  expect(namespacesOf(runId)).not.toEqual([]);
  const gone = new Promise((resolve) => child.on('exit', resolve));
  child.kill(signal);
  await gone;
  return runId;
}
