/** The `import` filter of a routing instance: what may be written, what is refused and where. */
import { expect, test } from 'vitest';
import { describeChanges, importText } from '../../../src/core/config/diff.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import { LEAST } from './files.ts';

function parse(written: string) {
  return parseCluster(LEAST.replace('area: 0,', `area: 0, import: ${written},`));
}

function cluster(written: string) {
  const parsed = parse(written);
  if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults));
  return parsed.cluster;
}

test.each([
  ['all', 'all'],
  ['none', 'none'],
  ['default', 'default'],
  ['[default, 10.9.0.0/16]', 'default, 10.9.0.0/16'],
  ['10.0.0.0/8 orlonger', '10.0.0.0/8 orlonger'],
])('import: %s', (written, meant) => {
  expect(importText(cluster(written).routing.instances[0]!.import)).toBe(meant);
});

test('without a word all is imported', () => {
  const parsed = parseCluster(LEAST);
  expect('cluster' in parsed && importText(parsed.cluster.routing.instances[0]!.import)).toBe('all');
});

test.each([
  ['10.9.1.0/16', 'has bits beyond its length', 'write 10.9.0.0/16'],
  ['10.9.0.0', 'expected what to import, got "10.9.0.0"', 'all, none, default'],
  ['10.9.0.0/16 longer', 'expected what to import', 'orlonger'],
  ['[default, all]', 'all beside others', 'write import: all'],
  ['[10.9.0.0/16, none]', 'none beside others', 'write import: none'],
  ['[default, 0.0.0.0/0]', 'default stands here twice', undefined],
  ['[]', 'expected at least one prefix', undefined],
])('import: %s is a fault', (written, message, hint) => {
  const parsed = parse(written);
  const [fault] = 'faults' in parsed ? parsed.faults : [];
  expect(fault?.message).toContain(message);
  if (hint !== undefined) expect(fault?.hint).toContain(hint);
  expect(fault?.path).toMatch(/^routing\.instances\.outside\.import/);
  expect(fault?.line).toBe(3);
});

test('a change touches no adjacency', () => {
  expect(describeChanges(cluster('all'), cluster('[default, 10.9.0.0/16]'))).toEqual([
    'routing outside: import all -> default, 10.9.0.0/16 (no adjacency changes)',
  ]);
});
