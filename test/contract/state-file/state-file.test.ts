/** The file for the next process, on a real disk. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KernelError } from '../../../src/io/kernel-error.ts';
import { stateFile } from '../../../src/io/state-file.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-state-'));
});

afterEach(() => rmSync(dir, { recursive: true }));

test.each([true, false])(
  'a write replaces the file as a whole and leaves nothing else; lasting: %s',
  async (lasting) => {
    const path = join(dir, 'life.json');
    const file = stateFile(path);
    await file.write('a long text that was there before', lasting);
    await file.write('short', lasting);
    expect(await file.read()).toBe('short');
    expect(readdirSync(dir)).toEqual(['life.json']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  },
);

test('what a killed write has left is not read, and in nobody’s way', async () => {
  const file = stateFile(join(dir, 'life.json'));
  await file.write('whole', true);
  writeFileSync(join(dir, 'life.json.new'), 'ha');
  expect(await file.read()).toBe('whole');
  await file.write('whole again', true);
  expect(readFileSync(join(dir, 'life.json'), 'utf8')).toBe('whole again');
  expect(readdirSync(dir)).toEqual(['life.json']);
});

test('no file is no text, before the first write and after a removal', async () => {
  const file = stateFile(join(dir, 'life.json'));
  expect(await file.read()).toBeUndefined();
  await file.write('whole', true);
  await file.remove();
  await file.remove();
  expect(await file.read()).toBeUndefined();
});

test('what the system refuses says what was asked, and leaves the file as it was', async () => {
  const path = join(dir, 'life.json');
  const file = stateFile(path);
  await file.write('whole', true);
  mkdirSync(`${path}.new`);
  await expect(file.write('other', true)).rejects.toThrow(KernelError);
  await expect(file.write('other', true)).rejects.toThrow('state-write');
  expect(await file.read()).toBe('whole');
  const nowhere = stateFile(join(dir, 'missing', 'life.json'));
  await expect(nowhere.write('text', true)).rejects.toThrow('ENOENT');
});
