import { expect, test } from 'vitest';
import { FLOW_WORDS } from '../../../src/core/netlink/flow.ts';
import { FlowLog } from '../../../src/core/netlink/flow-log.ts';

test('what was told comes again, in its order, whatever has become of the words', () => {
  const log = new FlowLog();
  const flow = new Uint32Array(FLOW_WORDS);
  for (let i = 0; i < 1000; i++) log.add(i % 3, flow.fill(i));
  const seen: number[][] = [];
  log.replay((kind, words) => seen.push([kind, words.length, words[0]!, words[FLOW_WORDS - 1]!]));
  expect(log.length).toBe(1000);
  expect(seen).toEqual(Array.from({ length: 1000 }, (_, i) => [i % 3, FLOW_WORDS, i, i]));
});
