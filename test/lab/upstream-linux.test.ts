/**
 * `sluice upstream --vendor linux` on this kernel: one resilient group, replaced in place, moves the connections of the director that
 * left and no others. Which way a connection goes is asked of the kernel (`ip route get` with its ports).
 */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { projectRoot } from '../../lab/project.ts';
import { until } from '../../lab/runtimes/wait.ts';

const VIP = '203.0.113.10';
const FLOWS = 4000;
const namespace = `sl-${randomBytes(3).toString('hex')}-linux`;
const folder = mkdtempSync(join(tmpdir(), 'sluice-linux-'));
const script = join(folder, 'sluice-upstream');

function ip(args: string, input?: string): string {
  return execFileSync('ip', ['-n', namespace, ...args.split(' ')], { input, encoding: 'utf8' });
}

function helper(command: 'once' | 'remove'): void {
  execFileSync('ip', ['netns', 'exec', namespace, 'sh', script, command], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** As an OSPF daemon does: one route, its next hops all in it. */
function daemonRoute(directors: readonly number[]): void {
  const hops = directors.map((n) => `nexthop via 10.9.${n}.2 dev d${n}`).join(' ');
  ip(`route replace ${VIP}/32 proto ospf ${hops}`);
}

/** By source port, the device that its connection leaves by. */
function ways(): readonly string[] {
  const asked = Array.from({ length: FLOWS }, (_, n) => `route get ${VIP} ipproto tcp sport ${10_000 + n} dport 80`);
  const answers = ip('-batch -', `${asked.join('\n')}\n`).match(/ dev (d\d)/g) ?? [];
  return answers.map((text) => text.slice(5));
}

function moved(before: readonly string[], after: readonly string[]) {
  const all = before.flatMap((way, n) => (after[n] === way ? [] : [way]));
  return { all: all.length, of: (name: string) => all.filter((way) => way === name).length };
}

beforeEach(() => {
  writeFileSync(script, readFileSync(join(projectRoot, 'test/golden/upstream/p2p.linux'), 'utf8'));
  execFileSync('ip', ['netns', 'add', namespace]);
  const settings = ['fib_multipath_hash_policy=3', 'fib_multipath_hash_fields=0x37', 'ip_forward=1'];
  for (const one of settings) execFileSync('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', `net.ipv4.${one}`]);
  for (const n of [1, 2, 3, 4]) {
    ip(`link add d${n} type veth peer name p${n}`);
    ip(`link set p${n} up`);
    ip(`address add 10.9.${n}.1/24 dev d${n}`);
    ip(`link set d${n} up`);
  }
});

afterEach(() => {
  execFileSync('ip', ['netns', 'del', namespace]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a leave moves the leaver’s connections only, a join none that live; without the helper, many more', () => {
  daemonRoute([1, 2, 3, 4]);
  const plain = ways();
  daemonRoute([1, 3, 4]);
  const usual = moved(plain, ways());
  expect(usual.all - usual.of('d2')).toBeGreaterThan(FLOWS * 0.05);

  daemonRoute([1, 2, 3, 4]);
  helper('once');
  const before = ways();
  expect(before.filter((way) => way === 'd2').length / FLOWS).toBeGreaterThan(0.18);
  daemonRoute([1, 3, 4]);
  helper('once');
  const after = ways();
  const leave = moved(before, after);
  expect(leave.all).toBe(leave.of('d2'));
  expect(leave.of('d2')).toBe(before.filter((way) => way === 'd2').length);
  daemonRoute([1, 2, 3, 4]);
  helper('once');
  const back = moved(after, ways());
  console.log(
    `of ${FLOWS} connections, a director of four that leaves moves ${leave.all} (all of them its own), without the helper ` +
      `${usual.all} (${usual.of('d2')} its own); one that joins ${back.all}`,
  );

  helper('remove');
  expect(ip('rule show')).not.toContain('2170');
  expect(ip('nexthop show')).toBe('');
});

test('it follows the daemon, and leaves no route behind when the last director goes', async () => {
  daemonRoute([1, 2]);
  const child = spawn('ip', ['netns', 'exec', namespace, 'sh', script, 'follow'], { stdio: 'ignore', detached: true });
  // A table that nothing was ever in cannot be shown alone.
  const own = () =>
    ip('-oneline route show table all')
      .split('\n')
      .find((line) => line.includes('table 2170'));
  const members = () => (own()?.match(/via 10\.9\.\d\.2/g) ?? []).length;
  try {
    await until('the group of two', 5000, () => members() === 2);
    daemonRoute([1, 2, 3]);
    await until('the group of three', 8000, () => members() === 3);
    ip(`route del ${VIP}/32`);
    await until('no route', 8000, () => own() === undefined);
  } finally {
    process.kill(-child.pid!, 'SIGKILL');
  }
});
