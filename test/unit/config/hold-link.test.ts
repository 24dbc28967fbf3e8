import { expect, test } from 'vitest';
import { formatFault } from '../../../src/core/base/fault.ts';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import { LEAST } from './files.ts';

const HELD = LEAST.replace('up0: {}', 'up0: { holdLink: true }');

function cluster(text: string) {
  const parsed = parseCluster(text);
  if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults));
  return parsed.cluster;
}

test('a link is held only where the file says so', () => {
  const holds = (text: string) => cluster(text).routing.instances[0]?.interfaces[0]?.holdLink;
  expect([holds(LEAST), holds(HELD)]).toEqual([false, true]);
  expect(describeChanges(cluster(LEAST), cluster(HELD))).toEqual([
    'routing outside: interface up0: holdLink none -> true (no adjacency changes; counts from the next start on)',
  ]);
});

test('lo cannot be held', () => {
  const parsed = parseCluster(HELD.replace('up0: eth1', 'up0: lo'));
  expect('faults' in parsed && parsed.faults.map((fault) => formatFault('f', fault))).toEqual([
    'f:3:76: routing.instances.outside.interfaces.up0.holdLink: up0 is lo on director d1, which cannot be taken down',
  ]);
});
