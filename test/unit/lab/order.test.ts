import { describe, expect, test } from 'vitest';
import { judge, readEvents } from '../../../lab/scenarios/order.ts';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const log = (...names: string[]) =>
  names.map((event, seq) => ({ event, seq, time: new Date(START + 1000 * seq).toISOString() }));
const GOOD = log('dataplane-programmed', 'vip-announced', 'vip-withdrawn', 'vip-unprogrammed');
const upstream = [{ at: START + 1010, deleted: false }];
const own = [
  { at: START - 5, deleted: false },
  { at: START + 2900, deleted: true },
];
const unmet = (...input: Parameters<typeof judge>): string[] =>
  judge(...input)
    .filter(({ met }) => !met)
    .map(({ name }) => name);

describe('the order of announcing and programming', () => {
  test('is right', () => expect(unmet(GOOD, upstream, own)).toEqual([]));

  test('announced too early', () => {
    const events = log('vip-announced', 'dataplane-programmed', 'vip-withdrawn', 'vip-unprogrammed');
    expect(unmet(events, upstream, own)).toEqual(['dataplane-programmed comes before vip-announced']);
  });

  test('a router that has the route before the data plane is programmed', () => {
    expect(unmet(GOOD, [{ at: START - 1, deleted: false }], own)).toEqual([
      'the routers have the route only after dataplane-programmed',
    ]);
  });

  test('a data plane that goes too early', () => {
    expect(unmet(GOOD, upstream, [{ at: START + 1500, deleted: true }])).toEqual([
      'the director has the VIP until after vip-withdrawn',
    ]);
  });

  test('what never happened proves nothing', () => {
    expect(
      judge([], [], [])
        .filter(({ met }) => met)
        .map(({ name }) => name),
    ).toEqual([]);
  });
});

test('a log is read with whatever else stands in it', () => {
  const text = 'warning: something\n{"event":"vip-announced","seq":3,"time":"2026-01-01T00:00:00.000Z"}\n{"msg":"x"}\n';
  expect(readEvents(text)).toMatchObject([{ event: 'vip-announced', seq: 3 }]);
});
