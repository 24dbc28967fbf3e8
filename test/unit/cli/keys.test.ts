/** `sluice keys` as an operator types it. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeClusterKeyChanges, readClusterKeys } from '../../../src/api/cluster-keys.ts';
import { runCli } from '../../../src/cli/main.ts';
import type { SyncKeyRing } from '../../../src/core/model/sync-keys.ts';
import { NO_HOST } from './server-hosts.ts';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-keys-'));
  file = join(folder, 'cluster.keys');
});
afterEach(() => rmSync(folder, { recursive: true }));

async function keys(...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', ''];
  const code = await runCli(['keys', ...args], '1.2.3', {
    out: (text) => {
      out += text;
    },
    complain: (line) => {
      err += `${line}\n`;
    },
    terminal: false,
    signal: new AbortController().signal,
    templates: new URL('../../../frr-templates/', import.meta.url),
    runAgent: async () => 0,
    examineHost: async () => ({ met: true, kernel: '6.12', findings: [] }),
    serverHost: () => NO_HOST,
  });
  return { code, out, err };
}

const mode = () => statSync(file).mode & 0o777;

/** The secrets in the file, as they stand there. */
const secrets = () => readFileSync(file, 'utf8').match(/\b[0-9a-f]{64}\b/g) ?? [];

async function ring(): Promise<SyncKeyRing> {
  const { ring, faults } = await readClusterKeys(file);
  if (ring === undefined) throw new Error(JSON.stringify(faults));
  return ring;
}

test('make writes a key that nobody else can read, and never writes over a file', async () => {
  const { code, out } = await keys('make', file);
  expect([code, mode(), secrets().length]).toEqual([0, 0o600, 1]);
  expect((await ring()).map(({ id, acceptOnly }) => [id, acceptOnly])).toEqual([['1', false]]);
  expect(out).not.toContain(secrets()[0]);
  const before = readFileSync(file, 'utf8');
  const again = await keys('make', file);
  expect([again.code, readFileSync(file, 'utf8')]).toEqual([1, before]);
  expect(again.err).toContain('is there already');
  expect((await keys('make', join(folder, 'none', 'file'))).code).toBe(2);
});

test('show tells keys apart without saying them; its exit code says whether the file can be used', async () => {
  await keys('make', file);
  const { code, out } = await keys('show', file);
  expect([code, out]).toEqual([0, expect.stringMatching(/^KEY .*\n1 +active +256 +([0-9a-f]{4}:){3}[0-9a-f]{4}\n$/)]);
  expect(out).not.toContain(secrets()[0]!.slice(0, 8));
  chmodSync(file, 0o644);
  expect((await keys('show', file)).out).toContain('has mode 0644');
  writeFileSync(file, '1 abc\n');
  const faulty = await keys('show', file);
  expect([faulty.code, faulty.out]).toEqual([1, expect.stringContaining(`${file}:1:3: the secret is an even`)]);
  expect((await keys('show', join(folder, 'none'))).code).toBe(2);
});

test('rotate goes step by step, keeps the file’s mode, and says what to do', async () => {
  await keys('make', file);
  chmodSync(file, 0o640);
  const steps: unknown[] = [];
  const changes: string[] = [];
  for (let step = 0; step < 3; step++) {
    const before = await ring();
    const { code, out } = await keys('rotate', '--json', file);
    const {
      step: name,
      keys: rows,
      next,
    } = JSON.parse(out) as { step: string; keys: { id: string; role: string }[]; next: string };
    steps.push([code, name, rows.map(({ id, role }) => `${id} ${role}`).join(', ')]);
    changes.push(...describeClusterKeyChanges('f', before, await ring()));
    expect(next).toContain('every director');
    for (const secret of secrets()) expect(out).not.toContain(secret);
  }
  expect(steps).toEqual([
    [0, 'added', '1 active, 2 accept-only'],
    [0, 'activated', '1 accept-only, 2 active'],
    [0, 'removed', '2 active'],
  ]);
  expect(changes).toEqual([
    'keys f: key 2 added, accept-only',
    'keys f: key 1 is accept-only now',
    'keys f: key 2 opens streams now',
    'keys f: key 1 removed',
  ]);
  expect([mode(), secrets().length]).toEqual([0o640, 1]);
});

test('a link to the file stays one', async () => {
  await keys('make', file);
  const link = join(folder, 'link');
  symlinkSync(file, link);
  expect((await keys('rotate', link)).code).toBe(0);
  expect(secrets().length).toBe(2);
});

test('a file with faults, or none, is not rotated', async () => {
  writeFileSync(file, `1 ${'ab'.repeat(32)} accept-only\n`);
  const before = readFileSync(file, 'utf8');
  const { code, out } = await keys('rotate', file);
  expect([code, readFileSync(file, 'utf8')]).toEqual([1, before]);
  expect(out).toContain('every key is accept-only');
  expect((await keys('rotate', join(folder, 'none'))).code).toBe(2);
});

test('usage', async () => {
  expect((await keys('make')).code).toBe(2);
  expect((await keys('turn', file)).code).toBe(2);
  expect((await keys('rotate', '--help')).out).toContain('sluice keys rotate /etc/sluice/cluster.keys');
});
