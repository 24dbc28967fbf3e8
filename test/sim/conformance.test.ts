/** The conformance cases; SLUICE_UPDATE=1 writes what happens into them, to be read against the RFC before it is kept. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { replay } from '../vectors/ospf/conformance/replay.ts';

const FOLDER = join(import.meta.dirname, '../vectors/ospf/conformance');
const FIRST_LINE = /^# RFC \d+ [\dA-Z][\dA-Z.]*(?: (?:\(\w+\))+)?: \S.*\.$/;

const cases = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'setups')
  .map(({ name }) => ({ name, file: join(FOLDER, name, 'case.txt') }))
  .map((one) => ({ ...one, text: readFileSync(one.file, 'utf8') }));

test('there are at least sixty cases, and each names its RFC section and its claim', () => {
  expect(cases.length).toBeGreaterThanOrEqual(60);
  expect(cases.filter(({ text }) => !FIRST_LINE.test(text.split('\n')[0]!)).map(({ name }) => name)).toEqual([]);
});

test.each(cases)('$name', ({ file, text }) => {
  const really = replay(text);
  if (process.env['SLUICE_UPDATE'] !== undefined) writeFileSync(file, really);
  else expect(really).toBe(text);
});
