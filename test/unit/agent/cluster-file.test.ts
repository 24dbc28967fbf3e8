/** The cluster file with the keys of connection sync, as an agent loads it and as `sluice check` sees it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadCluster } from '../../../src/agent/cluster-file.ts';
import { checkKeyFiles } from '../../../src/api/check.ts';
import { formatFault } from '../../../src/core/base/fault.ts';
import { LEAST } from '../config/files.ts';

const TEXT = `${LEAST.replace('up0: eth1 } } }', 'up0: eth1 }, sync: 10.2.0.11 } }')}keys: { file: cluster.keys }\n`;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-cluster-'));
  writeFileSync(path(), TEXT);
});
afterEach(() => rmSync(folder, { recursive: true }));

const path = () => join(folder, 'cluster.yml');
const keys = () => join(folder, 'cluster.keys');

async function faults(): Promise<string[]> {
  const loaded = await loadCluster(path(), 'd1');
  return 'faults' in loaded ? loaded.faults.map((fault) => formatFault(path(), fault)) : [];
}

test('the keys are loaded from beside the cluster file', async () => {
  writeFileSync(keys(), `1 ${'5a'.repeat(32)}\n2 ${'5b'.repeat(32)} accept-only\n`, { mode: 0o600 });
  const loaded = await loadCluster(path(), 'd1');
  if ('faults' in loaded) throw new Error(JSON.stringify(loaded.faults));
  expect(loaded.syncKeys?.map(({ id, acceptOnly }) => [id, acceptOnly])).toEqual([
    ['1', false],
    ['2', true],
  ]);
  expect(loaded.warnings).toEqual([]);
  expect(await checkKeyFiles(TEXT, path())).toEqual({ faults: [], notes: [] });
});

test('keys that all may read are a warning', async () => {
  writeFileSync(keys(), `1 ${'5a'.repeat(32)}\n`, { mode: 0o644 });
  const loaded = await loadCluster(path(), 'd1');
  expect('warnings' in loaded && loaded.warnings).toHaveLength(1);
  expect((await checkKeyFiles(TEXT, path())).notes).toHaveLength(1);
});

test('a fault in the key file is one of the whole, with its place', async () => {
  writeFileSync(keys(), '1 short\n', { mode: 0o600 });
  expect((await faults())[0]).toMatch(new RegExp(`^${keys()}:1:3: `));
  expect((await checkKeyFiles(TEXT, path())).faults[0]).toMatchObject({ file: keys(), line: 1, column: 3 });
});

test('a key file that is not there keeps the agent from starting, and is a note of a check elsewhere', async () => {
  expect(await faults()).toEqual([`${keys()}:1:1: cannot be read: ENOENT`]);
  expect(await checkKeyFiles(TEXT, path())).toEqual({
    faults: [],
    notes: [`${keys()} is not on this machine; its keys were not checked`],
  });
});
