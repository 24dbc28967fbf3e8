import { describe, expect, test } from 'vitest';
import { claimAtMost, claimBetween, claimEqual } from '../../../lab/report/result.ts';
import { COLOURED, cut, PLAIN, padEnd, padStart, styleFor, width } from '../../../lab/report/style.ts';
import { table } from '../../../lab/report/table.ts';
import { clock, count, percent, seconds, tally, total } from '../../../lab/report/words.ts';

describe('claims', () => {
  test('a bound belongs to its range', () => {
    expect(claimBetween('share', 20, 20, 47, '%').met).toBe(true);
    expect(claimBetween('share', 47.01, 20, 47, '%')).toMatchObject({ met: false, value: 47 });
  });
  test('a missing figure meets nothing', () => expect(claimAtMost('time', null, 5, 's').met).toBe(false));
  test('equality is exact', () => expect(claimEqual('broken', 1, 0)).toMatchObject({ met: false, goal: '0' }));
});

describe('styled text', () => {
  const red = COLOURED.red('loss');
  test('escape sequences take no columns', () => {
    expect(width(red)).toBe(4);
    expect(padEnd(red, 6)).toBe(`${red}  `);
    expect(padStart(red, 6)).toBe(`  ${red}`);
  });
  test('a cut keeps escape sequences whole and ends the styles', () => {
    expect(cut(`a${red}`, 3)).toBe('a\u001b[31ml…\u001b[0m');
    expect(cut('abcdef', 6)).toBe('abcdef');
    expect(cut('abcdef', 5)).toBe('abcd…');
  });
  test('colours only on a terminal, and never with NO_COLOR', () => {
    expect(styleFor({ isTTY: true }, {})).toBe(COLOURED);
    expect(styleFor({ isTTY: true }, { NO_COLOR: '1' })).toBe(PLAIN);
    expect(styleFor({}, {})).toBe(PLAIN);
  });
});

test('a table is as wide as its cells', () => {
  expect(
    table(
      [{ title: 'step' }, { title: 'broken', align: 'right' }],
      [['d3 joins', '0'], ['d3 crashes', '14'], ['short']],
    ),
  ).toEqual(['step        broken', 'd3 joins         0', 'd3 crashes      14', 'short']);
});

test('figures read as people say them', () => {
  expect([seconds(212), seconds(20_040), percent(1, 3), percent(0, 0)]).toEqual(['0.21 s', '20.0 s', '33.3 %', '–']);
  expect([clock(67_900), count(1, 'flow'), count(2, 'flow')]).toEqual(['1:07', '1 flow', '2 flows']);
  expect(tally({ stalled: 13, reset: 0, wrong: 1 })).toBe('13 stalled, 1 wrong');
  expect(tally({})).toBe('none');
  expect(total({ a: 1, b: undefined, c: 2 })).toBe(3);
});
