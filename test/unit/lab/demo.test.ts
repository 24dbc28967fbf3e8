import { describe, expect, test } from 'vitest';
import { eventText, isWorthShowing } from '../../../lab/demo/event-text.ts';
import { parseOptions } from '../../../lab/demo/options.ts';
import { LineScreen } from '../../../lab/demo/screen.ts';
import { demoClaims, meaning, sceneLines, summaryTable } from '../../../lab/demo/verdict.ts';
import { frame, statusLine } from '../../../lab/demo/view.ts';
import type { ViewState } from '../../../lab/demo/view-state.ts';
import { COLOURED, PLAIN, width } from '../../../lab/report/style.ts';
import type { DirectorEvent } from '../../../lab/scenarios/observe.ts';
import type { Loss, StepReport } from '../../../lab/scenarios/session.ts';

const director = { metric: 10, waitingFor: [], neighborsFull: 2, neighborsTotal: 2, newPerSecond: 33.4 };
const STATE: ViewState = {
  elapsed: 67_000,
  vip: '203.0.113.10',
  step: 'd2 is drained',
  stepNumber: 3,
  stepCount: 5,
  directors: [
    { ...director, name: 'd1', state: 'active', flows: 140 },
    { ...director, name: 'd2', state: 'draining', metric: 60_010, flows: 0 },
    { ...director, name: 'd3', state: 'starting', metric: null, flows: 140, waitingFor: ['servers healthy'] },
  ],
  routers: [
    { name: 'r1', nextHops: ['d1', 'd3'] },
    { name: 'r2', nextHops: [] },
  ],
  traffic: {
    live: { request: 200, idle: 40, push: 39, bulk: 0, short: 60 },
    newPerSecond: 100.2,
    answersPerSecond: 1290,
    bytesPerSecond: 2.56e6,
    stalling: 1,
    broken: { stalled: 1 },
    failed: 0,
    longestStall: 1203,
  },
  events: [{ t: 66_200, director: 'd2', text: 'metric of 203.0.113.10: 10 → 60010' }],
};

describe('the live view', () => {
  test('says who announces what, who carries what, and what broke', () => {
    expect(frame(STATE, PLAIN, 120).join('\n')).toMatchInlineSnapshot(`
      " sluice demo  3/5  d2 is drained                                                           1:07

        director  state     announces     neighbors  long-lived connections               new/s
        d1        active    metric 10     2/2 Full   ████████████············  140  50 %     33
        d2        draining  metric 60010  2/2 Full   ························    0   0 %     33
        d3        starting  –             2/2 Full   ████████████············  140  50 %     33  waits for servers healthy

        router    r1  203.0.113.10 → d1 d3
        router    r2  203.0.113.10 → nobody

        live      200 request/answer · 40 idle · 39 server push · 60 short
        traffic   100 new/s · 1290 answers/s · 2.6 MB/s, every byte checked
        losses    broken 1 (1 stalled) · failed to open 0 · waiting over 1 s 1 · longest wait 1.20 s

           66.2  d2  metric of 203.0.113.10: 10 → 60010




      "
    `);
  });

  test('never is wider than the terminal, coloured or not', () => {
    for (const columns of [40, 80, 100]) {
      for (const line of frame(STATE, COLOURED, columns)) expect(width(line)).toBeLessThanOrEqual(columns);
    }
  });

  test('keeps its height, so that redrawing in place does not jump', () => {
    expect(frame({ ...STATE, events: [] }, PLAIN, 100)).toHaveLength(frame(STATE, PLAIN, 100).length);
  });

  test('fits into one line for a log', () => {
    expect(statusLine(STATE)).toMatchInlineSnapshot(
      `"1:07 | d2 is drained | d1 active 140 flows 33/s | d2 draining 0 flows 33/s | d3 starting 140 flows 33/s | r1>d1,d3 r2>none | broken 1 failed 0 longest wait 1.20 s"`,
    );
  });
});

const WINDOW = {
  name: 'x',
  start: 0,
  duration: 15_000,
  opened: 1500,
  broken: {},
  brokenByLoad: {},
  failed: {},
  slow: 0,
  stalls: 0,
  longestStall: 212,
  longestWaits: { request: 212 },
  reconverged: 0,
  ownLag: 3,
};
const report = (change: Partial<StepReport>): StepReport => ({
  name: 'd3 joins',
  live: 280,
  survived: 280,
  moves: { compared: 280, moved: 139, movedFromSurvivors: 139 },
  window: WINDOW,
  lost: [],
  shares: { d1: 33, d2: 32, d3: 35 },
  took: 1200,
  ...change,
});
const silent: Loss = {
  flow: 'a:1',
  load: 'push',
  class: 'stalled',
  detail: '',
  age: 9000,
  ageBefore: 5000,
  director: 'd3',
};
const young: Loss = { ...silent, ageBefore: -20 };
const crashReport = report({
  name: 'd3 crashes',
  window: { ...WINDOW, broken: { stalled: 2 }, brokenByLoad: { push: 2 }, stalls: 2, longestStall: 20_010 },
  lost: [silent, { ...silent, flow: 'b:1' }],
});

describe('the verdict', () => {
  const figures = (reports: StepReport[]) => ({
    reports,
    scenes: reports.length,
    carriers: new Map([['d3 joins', ['d1', 'd2', 'd3']]]),
    capture: { packets: 900, malformed: 0, complaints: [] },
    played: 100_000,
    operators: [],
  });
  const failed = (reports: StepReport[]): string[] =>
    demoClaims(figures(reports))
      .filter(({ met }) => !met)
      .map(({ name }) => name);
  const drain = report({ name: 'd2 drains' });

  test('a connection that was too young to be known when its director crashed does not fail the demo, it is reported', () => {
    const crash = { ...crashReport, lost: [young] };
    expect(failed([report({}), drain, crash])).toEqual([]);
    expect(meaning([report({}), crash]).join('\n')).toContain(
      'd3 crashes: 1 connection younger than 100 ms: 1 push stalled',
    );
  });

  test('an older one does', () => {
    expect(failed([report({}), drain, crashReport])).toEqual(['crash: connections broken that were older than 100 ms']);
    expect(meaning([report({}), crashReport]).join('\n')).toContain('2 connections that should have lived');
  });

  test.each(['request', 'idle', 'push', 'short'])('a %s connection broken by what was planned does', (load) => {
    const broken = { ...WINDOW, broken: { reset: 1 }, brokenByLoad: { [load]: 1 } };
    expect(failed([report({}), report({ name: 'd2 drains', window: broken })])).toEqual([
      'planned steps: connections broken',
    ]);
  });

  test('an unfair share does', () => {
    expect(failed([report({ shares: { d1: 48, d2: 33, d3: 19 } }), drain])).toEqual([
      'd3 joins: share of new connections on d1',
      'd3 joins: share of new connections on d3',
    ]);
  });

  test('a step that was never played is no step without losses', () => {
    const claims = demoClaims({ ...figures([report({})]), scenes: 2 });
    expect(claims.filter(({ met }) => !met).map(({ name }) => name)).toEqual(['steps played']);
  });

  test('malformed packets fail it, an absent tshark makes no claim', () => {
    const bad = { ...figures([report({}), drain]), capture: { packets: 900, malformed: 1, complaints: ['x'] } };
    expect(demoClaims(bad).find(({ name }) => name.startsWith('malformed'))?.met).toBe(false);
    const none = { ...bad, capture: { packets: 0, malformed: null, complaints: [] } };
    expect(demoClaims(none).some(({ name }) => name.startsWith('malformed'))).toBe(false);
  });

  test('the table has one row per step', () => {
    expect(summaryTable([report({}), crashReport]).join('\n')).toMatchInlineSnapshot(`
      "step        long-lived         moved  off survivors  broken  how        longest wait  new ones work after
      d3 joins           280  139 (49.6 %)            139       0  none             0.21 s              at once
      d3 crashes         280  139 (49.6 %)            139       2  2 stalled        20.0 s              at once"
    `);
  });

  test('a scene tells what moved, what broke and how long it took', () => {
    expect(sceneLines(crashReport, 'd3 crashes', PLAIN).join('\n')).toMatchInlineSnapshot(`
      " ✘ d3 crashes  (1.20 s)
          moved                 139 of 280 (49.6 %), 139 of them off directors that stayed
          broken                2 stalled of 280 long-lived and 1500 new
          longest wait          20.0 s, 2 over 1 s
          new connections       succeed everywhere all the time; 0 failed, 0 slow
          share of new ones     d1 33 %  d2 32 %  d3 35 %
      "
    `);
  });
});

describe('events', () => {
  const event = (name: DirectorEvent['event'], values: Record<string, unknown>): DirectorEvent => ({
    seq: 1,
    t: 1,
    at: '2026-01-01T00:00:00.000Z',
    director: 'd1',
    event: name,
    values,
  });
  test('a neighbor is worth a line when it is Full or gone', () => {
    expect(isWorthShowing(event('neighbor-changed', { from: 'Loading', to: 'Full' }))).toBe(true);
    expect(isWorthShowing(event('neighbor-changed', { from: 'Init', to: 'ExStart' }))).toBe(false);
    expect(isWorthShowing(event('hello-sent', {}))).toBe(false);
  });
  test('read as sentences', () => {
    expect(eventText(event('vip-metric', { vip: '203.0.113.10', from: 10, to: 60_010 }))).toBe(
      'metric of 203.0.113.10: 10 → 60010',
    );
    expect(eventText(event('state-changed', { from: 'draining', to: 'drained', reason: 'all VIPs withdrawn' }))).toBe(
      'draining → drained: all VIPs withdrawn',
    );
  });
  test('that have no sentence show their plain values', () => {
    expect(eventText(event('routes-fault', { prefix: '0.0.0.0/0', request: { a: 1 } }))).toBe(
      'routes-fault prefix=0.0.0.0/0',
    );
  });
});

test('the command line', () => {
  expect(parseOptions(['--json', 'x.json', '--plain'])).toEqual({
    json: 'x.json',
    plain: true,
    who: {},
    keep: false,
    artifacts: undefined,
  });
  expect(parseOptions(['--help'])).toBe('help');
  expect(parseOptions(['--loud'])).toHaveProperty('fault');
});

test('without a terminal only lines are written', () => {
  let written = '';
  const screen = new LineScreen((text) => {
    written += text;
  });
  screen.draw();
  screen.print('a', 'b');
  screen.close();
  expect(written).toBe('a\nb\n');
});
