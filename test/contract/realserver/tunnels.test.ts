/**
 * `sluice realserver` for tunnels, in a guest, whose kernel has them: applied, nothing deviates; what is broken is named, and
 * mended. Packets through such tunnels are in the scenario `ipvs-modes`.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot } from '../../../lab/project.ts';
import { type Guest, startGuest } from '../../../lab/runtimes/guest.ts';
import type { RealServerDocument } from '../../../src/api/realserver.ts';

const SLUICE = join(projectRoot, 'dist/bundle/bin/sluice.js');
const FILE = '/run/cluster.yml';
const tun = (vip: number, tunnel: string) =>
  `vip: 203.0.113.${vip}, ports: 80, forward: tun, tunnel: ${tunnel}, servers: { s1: 10.2.0.21 }`;
const CLUSTER = `cluster: edge-1
directors: { d1: { routerId: 10.255.0.1, interfaces: { up0: eth1 } } }
routing: { instances: { outside: { area: 0, interfaces: { up0: {} } } } }
services:
  ipip: { ${tun(11, '{ type: ipip }')} }
  gue: { ${tun(12, '{ type: gue, checksum: remote }')} }
  gre: { ${tun(13, '{ type: gre }')} }
  sum: { ${tun(14, '{ type: gre, checksum: checksum }')} }
`;

let guest: Guest;

async function said(script: string, input = ''): Promise<string> {
  const { code, stdout, stderr } = await guest.exec(['sh', '-c', script], { input, deadline: 60_000 });
  expect({ script, code, stderr }).toEqual({ script, code: 0, stderr: '' });
  return stdout;
}

/** What deviates: `what: found`. */
async function deviations(verb: 'audit' | 'apply'): Promise<readonly string[]> {
  const argv = ['node', SLUICE, 'realserver', '--config', FILE, `--${verb}`, '--json'];
  const { stdout } = await guest.exec(argv, { deadline: 60_000 });
  const { sections } = JSON.parse(stdout) as RealServerDocument;
  const all = sections.flatMap(({ needs }) => needs);
  return all.flatMap(({ what, deviation }) => (deviation === null ? [] : `${what}: ${deviation.found}`));
}

beforeAll(async () => {
  guest = await startGuest({ name: 'tun', kernel: '6.1' });
  await said(`cat > ${FILE}`, CLUSTER);
  const peer = 'link add back type veth peer name far';
  await said('ip -batch -', [peer, 'link set back up', 'link set far up', 'addr add 10.2.0.21/24 dev back'].join('\n'));
}, 120_000);
afterAll(() => guest?.down());

test('a fresh host gets all it needs', async () => {
  expect(await deviations('apply')).toEqual([]);
  expect(await deviations('audit')).toEqual([]);
}, 150_000);

test('whatever is broken is named, all at once, and mended', async () => {
  await said(`ip link set tunl0 down
    ip link set gre0 down
    ip link del sluice-gre
    ip fou del port 6080
    sysctl -qw net.ipv4.conf.tunl0.rp_filter=1
    nft delete table ip sluice_mss_v1`);
  expect(await deviations('audit')).toEqual([
    'a device that takes ipip: tunl0 is down',
    'rp_filter 0 or 2 on the device that takes ipip: 1 on tunl0',
    'GUE at UDP port 6080: none',
    'a device that takes gre without checksums: gre0 is down',
    'a device that takes gre with checksums: only gre0',
    'MSS 1420 towards clients: 1500 less 40 of the tunnel and 40 of the packet in it: no table sluice_mss_v1',
  ]);
  expect(await deviations('apply')).toEqual([]);
}, 150_000);
