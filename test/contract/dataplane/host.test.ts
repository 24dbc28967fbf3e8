/** The driver and the rest of the host: what is not ours stays, what is missing is named. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Network } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { EVEN, only, servers, web } from './suite.ts';

const network = new Network(`hs${process.pid}`);
const bench = netnsBench(network);
const desired = only(web(servers(EVEN)));

const FOREIGN = `table ip other {
  set slots_web { type ipv4_addr; elements = { 192.0.2.1 }; }
  chain prerouting { type nat hook prerouting priority -90; policy accept;
    tcp dport 8080 redirect to :80
  }
}
table inet sluice_v1 {
  chain mine { type filter hook forward priority 5; policy accept;
    counter
  }
}
`;

async function foreignTables(): Promise<string> {
  const tables = [
    ['ip', 'other'],
    ['inet', 'sluice_v1'],
  ] as const;
  const listings = tables.map(([family, name]) => network.in('d1', ['nft', '-a', 'list', 'table', family, name]));
  return (await Promise.all(listings)).join('');
}

async function sysctl(name: string): Promise<string> {
  return (await network.in('d1', ['sysctl', '-n', name])).trim();
}

describe('nftables driver and its host', () => {
  beforeAll(() => bench.up());
  afterAll(() => bench.down());

  test('tables of others are the same after apply, change and remove', async () => {
    await network.in('d1', ['nft', '-f', '-'], FOREIGN);
    const before = await foreignTables();
    await bench.apply(desired);
    await bench.apply(only(web(servers(EVEN, { s1: 'down' }))));
    expect(await foreignTables()).toBe(before);
    await bench.remove();
    expect(await foreignTables()).toBe(before);
    expect(await network.in('d1', ['nft', 'list', 'tables'])).not.toContain('table ip sluice');
  });

  test('what others write to their tables is no drift, also when it comes all the time', async () => {
    await bench.apply(desired);
    await network.in('d1', ['nft', 'add', 'table', 'ip', 'unrelated']);
    expect(await bench.apply(desired)).toEqual({ programmed: ['web'], operations: [], drift: false });
    let busy = true;
    const writer = (async () => {
      for (let n = 0; busy; n++) await network.in('d1', ['nft', 'add', 'counter', 'ip', 'unrelated', `c${n}`]);
    })();
    for (let round = 0; round < 10; round++) {
      const changed = only(web(servers(EVEN, round % 2 === 0 ? { s1: 'down' } : {})));
      const { programmed, operations, drift } = await bench.apply(changed);
      expect({ programmed, count: operations.length, drift }).toEqual({ programmed: ['web'], count: 1, drift: false });
    }
    busy = false;
    await writer;
    await network.in('d1', ['nft', 'delete', 'table', 'ip', 'unrelated']);
  });

  test('what others write is told at once, once for each transaction; what the driver writes itself is not', async () => {
    const driver = bench.driver();
    await driver.call('watch');
    await bench.apply(only(web(servers(EVEN, { s1: 'down' }))));
    await bench.apply(desired);
    expect(await driver.call('told')).toBe(0);
    await network.in('d1', ['nft', 'add', 'table', 'ip', 'unrelated']);
    await network.in('d1', ['nft', 'flush', 'ruleset']);
    await vi.waitFor(async () => expect(await driver.call('told')).toBe(2));
    expect((await bench.apply(desired)).drift).toBe(true);
    expect(await driver.call('told')).toBe(2);
  });

  test('settings are brought right, told as operations, and kept right', async () => {
    await bench.apply(desired);
    await network.in('d1', ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=0', 'net.ipv4.conf.back.rp_filter=1']);
    const { operations } = await bench.apply(desired);
    expect(operations.map((line) => line.replace(/ \(.*/, ''))).toEqual([
      'sysctl net.ipv4.ip_forward: 0 -> 1',
      'sysctl net.ipv4.conf.back.rp_filter: 1 -> 2',
    ]);
    expect(await sysctl('net.ipv4.ip_forward')).toBe('1');
    expect(await sysctl('net.netfilter.nf_conntrack_tcp_loose')).toBe('1');
    expect(await sysctl('net.netfilter.nf_conntrack_tcp_be_liberal')).toBe('1');
    expect(await sysctl('net.netfilter.nf_conntrack_events')).toBe('1');
    expect(await sysctl('net.netfilter.nf_conntrack_tcp_timeout_unacknowledged')).toBe('432000');
    expect(await sysctl('net.ipv4.conf.back.send_redirects')).toBe('0');
  });

  test('what was changed goes back with the tables, unless somebody has set it since', async () => {
    await bench.restart();
    const before = {
      'net.ipv4.ip_forward': '0',
      'net.netfilter.nf_conntrack_events': '2',
      'net.ipv4.conf.back.rp_filter': '1',
    };
    await network.in('d1', [
      'sysctl',
      '-q',
      '-w',
      ...Object.entries(before).map(([name, value]) => `${name}=${value}`),
    ]);
    await bench.apply(desired);
    expect(await sysctl('net.netfilter.nf_conntrack_events')).toBe('1');
    await network.in('d1', ['sysctl', '-q', '-w', 'net.ipv4.conf.back.rp_filter=0']);
    expect(await bench.remove()).toEqual([
      'sysctl net.netfilter.nf_conntrack_events: 1 -> 2',
      'sysctl net.ipv4.ip_forward: 1 -> 0',
    ]);
    expect(await sysctl('net.ipv4.ip_forward')).toBe('0');
    expect(await sysctl('net.ipv4.conf.back.rp_filter')).toBe('0');
    expect(await sysctl('net.netfilter.nf_conntrack_tcp_be_liberal')).toBe('1');
  });

  test('without the capability: said so', async () => {
    const driver = network.startUnder(['setpriv', '--bounding-set=-all'], 'd2', 'driver-main');
    await expect(driver.call('open')).rejects.toThrow(/EPERM.*CAP_NET_ADMIN/);
  });

  test('without nft: the package is named', async () => {
    // An empty directory in place of each that may hold the program.
    const hide = 'for d in /usr/local/sbin /usr/sbin; do mount -t tmpfs none $d; done; PATH=/bin exec "$0" "$@"';
    const driver = network.startUnder(['unshare', '-m', 'sh', '-c', hide], 'd2', 'driver-main');
    await expect(driver.call('open')).rejects.toThrow(/apt-get install nftables/);
  });

  test('a feature that nft or the kernel lacks is named', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-nft-'));
    const program = '#!/bin/sh\ntext=$(cat)\ncase $text in *jhash*) echo "Error: syntax error" >&2; exit 1;; esac\n';
    await writeFile(join(directory, 'nft'), program, { mode: 0o755 });
    const driver = network.startUnder(['env', `PATH=${directory}:${process.env['PATH']}`], 'd2', 'driver-main');
    await expect(driver.call('open')).rejects.toThrow(/feature=jhash.*lacks/);
    await rm(directory, { recursive: true });
  });

  test('a setting that cannot be written is named with the value it needs', async () => {
    const freeze = 'mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && exec "$0" "$@"';
    const driver = network.startUnder(['unshare', '-m', 'sh', '-c', freeze], 'd2', 'driver-main');
    await expect(driver.call('open')).rejects.toThrow(/net\/ipv4\/\S+ needed=\d: EROFS/);
  });
});
