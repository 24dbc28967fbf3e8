/** Guests: one boots, does what it is told, is reached over the network, and whatever ends it, nothing of it stays. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot } from '../../lab/project.ts';
import { type Guest, startGuest } from '../../lab/runtimes/guest.ts';
import { ipCommand } from '../../lab/runtimes/netns-node.ts';
import { processStart } from '../../lab/runtimes/run-state.ts';

const NETNS = `sl-${process.pid}-guest`;
let guest: Guest;

beforeAll(async () => {
  await ipCommand(['netns', 'add', NETNS]);
  guest = await startGuest({ name: 'g1', kernel: '6.1', nics: [{ tap: 'tap0', netns: NETNS, name: 'front' }] });
});

afterAll(async () => {
  await guest?.down();
  await ipCommand(['netns', 'del', NETNS]);
});

async function said(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await guest.exec(argv);
  expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: '' });
  return stdout;
}

test('it runs the kernel that was asked for, with files of this machine', async () => {
  expect(await said('uname', '-r')).toMatch(/^6\.1\./);
  const file = join(projectRoot, 'package.json');
  expect(await said('cat', file)).toBe(readFileSync(file, 'utf8'));
});

test('input goes in; output, errors and the exit code come out', async () => {
  const script = 'cat; echo "it\'s bad" >&2; exit 7';
  const input = 'a\0b\n';
  expect(await guest.exec(['sh', '-c', script], { input })).toEqual({ code: 7, stdout: input, stderr: "it's bad\n" });
});

test('what it writes outside the shared folder stays with it', async () => {
  const name = `sluice-guest-${process.pid}`;
  await said('sh', '-c', `echo private > /var/tmp/${name}; echo shared > ${guest.shared}/${name}`);
  expect(existsSync(`/var/tmp/${name}`)).toBe(false);
  expect(readFileSync(join(guest.shared, name), 'utf8')).toBe('shared\n');
  writeFileSync(join(guest.shared, name), 'answer\n');
  expect(await said('cat', join(guest.shared, name))).toBe('answer\n');
});

test('modules load, and programs that need them', async () => {
  await said('modprobe', 'ip_vs');
  expect(await said('ipvsadm', '--list', '--numeric')).toContain('IP Virtual Server version 1.2.1');
  await said('ip', 'link', 'add', 'name', 'gre9', 'type', 'gre', 'local', '192.0.2.1', 'remote', '192.0.2.2');
});

test('one that cannot boot says how its emulator ended, and why', async () => {
  await expect(startGuest({ name: 'g0', kernel: '6.1', memory: 1 })).rejects.toThrow(
    /^guest g0 does not come up: its emulator ended with 1\n(.*\n)*.*initrd is too large/,
  );
});

test('commands run side by side', async () => {
  const meet = (mine: string, other: string) => `echo > /run/${mine}; until [ -e /run/${other} ]; do sleep 0.01; done`;
  await Promise.all([said('sh', '-c', meet('a', 'b')), said('sh', '-c', meet('b', 'a'))]);
});

test('a program that outlives its deadline is ended and named', async () => {
  await expect(guest.exec(['sh', '-c', 'sleep 987; true'], { deadline: 300 })).rejects.toThrow(/sleep 987/);
  await expect.poll(async () => (await guest.exec(['pgrep', '-f', 'sleep 98[7]'])).code, { timeout: 5000 }).toBe(1);
});

test('it is on the network by its tap', async () => {
  await ipCommand(['-n', NETNS, 'address', 'add', '192.0.2.1/24', 'dev', 'tap0']);
  await said('ip', 'address', 'add', '192.0.2.2/24', 'dev', 'front');
  await said('bash', '-c', 'echo hello > /dev/udp/192.0.2.1/9');
  expect(await ipCommand(['-n', NETNS, 'neighbor'])).toMatch(/^192\.0\.2\.2 dev tap0 lladdr 02:/);
});

test('frozen it does nothing, thawed it goes on', async () => {
  await guest.freeze();
  await expect(guest.exec(['true'], { deadline: 300 })).rejects.toThrow(/g1: true/);
  await guest.thaw();
  await said('true');
});

test('killed it is gone at once, with what was under way', async () => {
  const { pid } = guest;
  const underWay = guest.exec(['sleep', '100']);
  const failure = expect(underWay).rejects.toThrow(/g1: sleep 100: the guest has ended/);
  await guest.kill();
  await failure;
  expect(processStart(pid)).toBeUndefined();
  await guest.down();
  expect(existsSync(guest.shared)).toBe(false);
});
