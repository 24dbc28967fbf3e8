/**
 * `sluice realserver` on a host with a kernel: applied, it leaves nothing to find; whatever is broken then is named, and mended.
 * Packets through what it makes are in `contract/dataplane` (`dr.test.ts`, `source-mac-return.test.ts`).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RealServerDocument } from '../../../src/api/realserver.ts';
import { type ExecResult, exec } from '../../../src/io/exec.ts';
import { ADDRESS_OF, INSIDE_OF, Network } from '../dataplane/netns.ts';

const SLUICE = resolve('dist/bundle/bin/sluice.js');
const VIP = '203.0.113.11';
const CLUSTER = `cluster: edge-1
directors:
  d1: { routerId: 10.255.0.1, inside: ${INSIDE_OF.d1}, local: 10.3.0.1, interfaces: { up0: front, in0: back } }
  d2: { routerId: 10.255.0.2, inside: ${INSIDE_OF.d2}, local: 10.3.0.2, interfaces: { up0: front, in0: back } }
routing: { instances: { outside: { area: 0, announce: [vip, local], interfaces: { up0: {} } } } }
services:
  web: { vip: 203.0.113.10, ports: 80, servers: { s1: ${ADDRESS_OF.s1} } }
  api: { vip: ${VIP}, ports: 80, forward: dr, servers: { s1: ${ADDRESS_OF.s1} } }
  in: { vip: 203.0.113.12, ports: 80, forward: fullnat, servers: { s1: ${ADDRESS_OF.s1} } }
`;

const network = new Network(`rs${process.pid}`);
const folder = mkdtempSync(join(tmpdir(), 'sluice-realserver-'));
const file = join(folder, 'cluster.yml');

function sluice(...args: readonly string[]): Promise<ExecResult> {
  const netns = network.netns('s1');
  const argv = [process.execPath, SLUICE, 'realserver', '--config', file, ...args];
  return exec(['ip', 'netns', 'exec', netns, ...argv], { deadline: 20_000 });
}

/** What deviates: `what: found`. */
async function deviations(...args: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await sluice(...args, '--json');
  const { sections } = JSON.parse(stdout) as RealServerDocument;
  const all = sections.flatMap(({ needs }) => needs);
  return [...new Set(all.flatMap(({ what, deviation }) => (deviation === null ? [] : `${what}: ${deviation.found}`)))];
}

const shell = (line: string) => network.in('s1', ['sh', '-c', line]);

beforeAll(async () => {
  writeFileSync(file, CLUSTER);
  await network.up();
  // As routers would be: answers of direct routing pass no director.
  await shell('ip route replace default via 10.2.0.1');
});
afterAll(async () => {
  await network.down();
  rmSync(folder, { recursive: true });
});

test('a fresh host wants for much, applying mends it, and then there is nothing to find', async () => {
  expect((await sluice('--audit')).code).toBe(1);
  const { code, stdout, stderr } = await sluice('--apply');
  expect([code, stderr, stdout.trimEnd().split('\n').at(-1)]).toEqual([0, '', 'nothing deviates']);
  expect((await sluice('--audit')).code).toBe(0);
});

const RETURN = 'nft table sluice_return_v1: connections remember whether they came by d1 or d2';

describe('one thing broken at a time', () => {
  test.each([
    ['sysctl -qw net.ipv4.conf.all.arp_ignore=0', 'arp_ignore 1 on every interface: 0 on back'],
    ['sysctl -qw net.ipv4.conf.back.arp_ignore=8', 'arp_ignore 1 on every interface: 8 on back'],
    ['sysctl -qw net.ipv4.conf.all.arp_announce=0', 'arp_announce 2 on every interface: 0 on back'],
    ['sysctl -qw net.ipv4.conf.back.rp_filter=1', 'rp_filter 0 or 2 on back: 1 on back'],
    [`ip address del ${VIP}/32 dev lo`, `${VIP}/32 on lo: nowhere`],
    [`ip address add ${VIP}/32 dev back`, `${VIP}/32 on lo: ${VIP}/32 on back`],
    ['nft delete table ip sluice_return_v1', `${RETURN}: not there`],
    ['nft flush chain ip sluice_return_v1 output', `${RETURN}: rules are missing in it`],
    ['nft flush set ip sluice_return_v1 servers', `${RETURN}: ${ADDRESS_OF.s1} is missing in its set servers`],
    ['ip route del default table 102', `table 102: default via ${INSIDE_OF.d2}, director d2: none`],
    ['ip rule del fwmark 1', 'ip rule: mark 1 to table 101, director d1: none'],
    ['ip rule del fwmark 2; ip rule add fwmark 2 lookup 7', 'ip rule: mark 2 to table 102, director d2: to table 7'],
  ])('%s', async (line, deviation) => {
    await shell(line);
    expect(await deviations('--audit')).toEqual([deviation]);
    expect(await deviations('--apply')).toEqual([]);
  });

  test('another MAC address of a director', async () => {
    const mac = await network.macOf('d2', 'back');
    await network.in('d2', ['ip', 'link', 'set', 'back', 'address', '02:00:00:00:00:99']);
    await shell('ip neigh flush dev back');
    expect(await deviations('--audit')).toEqual([`${RETURN}: d2 is ${mac} in it, and is 02:00:00:00:00:99`]);
    expect(await deviations('--apply')).toEqual([]);
  });

  test.each([
    [
      `ip route replace default via ${INSIDE_OF.d1}`,
      `no default route through a director: default via ${INSIDE_OF.d1}, which is director d1`,
    ],
    ['ip route replace blackhole 10.3.0.2', 'a route to 10.3.0.2, local address of d2: none'],
  ])('%s, which is not ours to mend', async (line, deviation) => {
    await shell(line);
    expect(await deviations('--apply')).toEqual([deviation]);
    await shell('ip route replace default via 10.2.0.1; ip route del 10.3.0.2 2>&1 || true');
    expect(await deviations('--audit')).toEqual([]);
  });
});

test('a director that is down stays where it was', async () => {
  await network.in('d1', ['ip', 'link', 'set', 'back', 'down']);
  await shell('ip neigh flush dev back');
  expect(await deviations('--audit')).toEqual([]);
});

test('the script runs, and leaves nothing to find', async () => {
  const directors = await Promise.all(
    (['d1', 'd2'] as const).map(async (name) => [
      '--director',
      `${name}=${INSIDE_OF[name]},${await network.macOf(name, 'back')}`,
    ]),
  );
  const { stdout } = await sluice('--print', '--name', 's1', '--interface', 'back', ...directors.flat());
  await shell(`ip address del ${VIP}/32 dev lo; nft delete table ip sluice_return_v1; ip rule del fwmark 1; ip rule del fwmark 2
    ip route flush table 101; ip route flush table 102; sysctl -qw net.ipv4.conf.all.arp_ignore=0`);
  await network.in('s1', ['sh', '-s'], stdout);
  expect(await deviations('--audit')).toEqual([]);
});
