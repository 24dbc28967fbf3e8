/** The root folders: what is in them runs, nothing of it is on the host, and two builders take turns. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ensureRoots, missingRoots, rootPath } from '../../lab/roots/build.ts';
import { withLock } from '../../lab/roots/lock.ts';
import { ROOTS, type RootName } from '../../lab/roots/specs.ts';

const names = Object.keys(ROOTS) as RootName[];

describe('root folders', () => {
  test('a second build does nothing', async () => {
    await ensureRoots(names, () => {});
    expect(await missingRoots(names)).toEqual([]);
    const said: string[] = [];
    await ensureRoots(names, (text) => said.push(text));
    expect(said).toEqual([]);
  });

  test.each(names)('%s: the note names what was unpacked, with versions', async (name) => {
    const note = JSON.parse(readFileSync(join(await rootPath(name), '.sluice-root.json'), 'utf8')) as {
      packages: string[];
    };
    for (const wanted of ROOTS[name].packages) {
      expect(note.packages.some((file) => file.startsWith(`${wanted}_`))).toBe(true);
    }
  });

  test.each(['frr', 'bird2', 'bird3', 'nginx', 'conntrackd', 'qemu-system-x86', 'ipvsadm'])(
    'package %s is not installed on the host',
    (name) => {
      const { stdout } = spawnSync('dpkg-query', ['-W', '-f', `\${Status}`, name], { encoding: 'utf8' });
      expect(stdout).not.toContain('ok installed');
    },
  );

  test.each([
    ['frr', 'frr_8.4'],
    ['frr-10', 'frr_10.3'],
    ['bird', 'bird2_2.0'],
    ['bird-2.17', 'bird2_2.17'],
    ['bird-3', 'bird3_3.1'],
    ['nft-1.0', 'nftables_1.0'],
    ['nft-1.1', 'nftables_1.1'],
  ] as const)('%s is %s whatever the host is', async (name, version) => {
    expect(readFileSync(join(await rootPath(name), '.sluice-root.json'), 'utf8')).toContain(`"${version}`);
  });

  test('another list of packages is another folder', async () => {
    const paths = await Promise.all(names.map(rootPath));
    expect(new Set(paths).size).toBe(names.length);
  });
});

describe('the lock', () => {
  test('two builders take turns, and the second is told whom it waits for', async () => {
    const name = `sluice-test-${process.pid}-turns`;
    const order: string[] = [];
    const { promise: held, resolve: hold } = deferred();
    const { promise: freed, resolve: free } = deferred();
    const first = withLock(name, unexpected, async () => {
      hold();
      await freed;
      order.push('first out');
    });
    await held;
    const waits = (owner: number) => {
      order.push(owner === process.pid ? 'second waits for us' : `second waits for ${owner}`);
      free();
    };
    await withLock(name, waits, async () => {
      order.push('second in');
    });
    await first;
    expect(order).toEqual(['second waits for us', 'first out', 'second in']);
  });

  test('work that fails gives the lock back', async () => {
    const name = `sluice-test-${process.pid}-fails`;
    const failing = withLock(name, unexpected, () => Promise.reject(new Error('broken')));
    await expect(failing).rejects.toThrow('broken');
    expect(await withLock(name, unexpected, async () => 'entered')).toBe('entered');
  });
});

function unexpected(owner: number): void {
  throw new Error(`the lock is held by ${owner}`);
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
