import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkKeyFiles } from '../../../src/api/check.ts';
import { describeKeyChanges, readKeyFiles } from '../../../src/api/key-files.ts';
import { formatFault } from '../../../src/core/base/fault.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import { LEAST } from '../config/files.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-keys-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const TEXT = LEAST.replace('up0: {} }', 'up0: { auth: { algorithm: md5, keys: { file: ospf.keys } } } }');
const path = () => join(folder, 'cluster.yml');

function write(keys: string, mode = 0o600): void {
  writeFileSync(join(folder, 'ospf.keys'), keys);
  chmodSync(join(folder, 'ospf.keys'), mode);
}

async function read() {
  const parsed = parseCluster(TEXT);
  if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults));
  return readKeyFiles(parsed.cluster, path());
}

test('a relative name starts from the cluster file’s folder', async () => {
  write('1 a\n2 b accept-only\n');
  const { rings, faults, warnings } = await read();
  expect([...rings].map(([name, ring]) => [name, ring.length])).toEqual([['md5 ospf.keys', 2]]);
  expect([faults, warnings]).toEqual([[], []]);
});

test('faults name the key file with line and column', async () => {
  write('1 a\nx b\n');
  const { faults } = await read();
  expect(faults.map((fault) => formatFault('cluster.yml', fault))).toEqual([
    `${folder}/ospf.keys:2:1: a line begins with the key’s id, a number from 1 to 255`,
  ]);
});

test.each([
  [0o644, 1],
  [0o660, 1],
  [0o640, 0],
  [0o400, 0],
])('mode %o makes %i warning', async (mode, count) => {
  write('1 a\n', mode);
  expect((await read()).warnings).toHaveLength(count);
});

test('a file that is not there is a fault of the agent, and a note of a check elsewhere', async () => {
  const file = join(folder, 'ospf.keys');
  const { faults, missing } = await read();
  expect(missing).toEqual([file]);
  expect(faults).toMatchObject([{ file, message: 'cannot be read: ENOENT' }]);
  expect(await checkKeyFiles(TEXT, path())).toEqual({
    faults: [],
    notes: [`${file} is not on this machine; its keys were not checked`],
  });
});

test('a check finds what is wrong in a file that is there', async () => {
  write('x\n');
  expect((await checkKeyFiles(TEXT, path())).faults).toHaveLength(2);
});

test('what changed is told by ids, never by secrets', async () => {
  write('1 TOPSECRET\n2 b\n3 c\n4 d');
  const before = (await read()).rings;
  write('1 OTHERTOPSECRET\n3 c accept-only\n4 d\n5 TOPSECRET');
  const after = (await read()).rings;
  expect(describeKeyChanges(before, after)).toEqual([
    'keys ospf.keys (md5): key 2 removed',
    'keys ospf.keys (md5): key 1 has another secret',
    'keys ospf.keys (md5): key 3 has other terms',
    'keys ospf.keys (md5): key 5 added',
  ]);
  expect(describeKeyChanges(after, after)).toEqual([]);
});
