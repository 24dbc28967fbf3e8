import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { type HealthEffect, HealthScheduler, PROBE_GRACE } from '../../../src/core/health/checker.ts';
import { observe, UNKNOWN } from '../../../src/core/health/rise-fall.ts';
import { type HealthTarget, targetKey } from '../../../src/core/health/target.ts';

function target(host: number, changes: Partial<HealthTarget> = {}): HealthTarget {
  return {
    address: ipv4('10.2.0.0') + host,
    port: 80,
    check: { kind: 'tcp' },
    interval: 2000,
    timeout: 1000,
    rise: 2,
    fall: 3,
    ...changes,
  };
}

type Answer = { readonly ok: boolean; readonly after: number } | undefined;

interface Start {
  readonly at: number;
  readonly key: string;
  readonly run: number;
}

/** A virtual shell: wakes the scheduler at its deadlines and answers its probes as told; `undefined` never answers. */
class Shell {
  readonly scheduler = new HealthScheduler();
  readonly starts: Start[] = [];
  readonly verdicts: string[] = [];
  readonly #answers: { readonly at: number; readonly key: string; readonly run: number; readonly ok: boolean }[] = [];
  readonly #answer: (start: Start) => Answer;
  now = 0;

  constructor(answer: (start: Start) => Answer) {
    this.#answer = answer;
  }

  configure(...targets: readonly HealthTarget[]): void {
    this.#perform(this.scheduler.handle({ kind: 'configure', targets }, this.now));
  }

  run(until: number): void {
    for (;;) {
      this.#answers.sort((a, b) => a.at - b.at);
      const answer = this.#answers[0];
      const next = Math.min(
        answer?.at ?? Number.POSITIVE_INFINITY,
        this.scheduler.deadline ?? Number.POSITIVE_INFINITY,
      );
      if (next > until) break;
      this.now = Math.max(this.now, next);
      if (answer !== undefined && answer.at === next) {
        this.#answers.shift();
        const { key, run, ok } = answer;
        const detail = ok ? 'connected' : 'ECONNREFUSED';
        this.#perform(this.scheduler.handle({ kind: 'result', key, run, ok, detail }, this.now));
      } else this.#perform(this.scheduler.handle({ kind: 'timer' }, this.now));
    }
    this.now = until;
  }

  #perform(effects: readonly HealthEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'verdict') this.verdicts.push(`${this.now} ${effect.from}->${effect.to} ${effect.reason}`);
      else {
        const start = { at: this.now, key: effect.key, run: effect.run };
        this.starts.push(start);
        const answer = this.#answer(start);
        if (answer !== undefined) this.#answers.push({ ...start, at: this.now + answer.after, ok: answer.ok });
      }
    }
  }
}

describe('rise and fall', () => {
  const after = (results: string, rise: number, fall: number) =>
    [...results].reduce((standing, result) => observe(standing, result === '+', rise, fall), UNKNOWN).verdict;

  test.each([
    ['', 'unknown'],
    ['+', 'unknown'],
    ['++', 'up'],
    ['+-+-', 'unknown'],
    ['---', 'down'],
    ['++--', 'up'],
    ['++---', 'down'],
    ['++--+--', 'up'],
    ['---+', 'down'],
    ['---+-+', 'down'],
    ['---++', 'up'],
  ])('%j with rise 2 and fall 3: %s', (results, verdict) => {
    expect(after(results, 2, 3)).toBe(verdict);
  });
});

describe('pace', () => {
  test('first checks are spread over the interval, alike in every run', () => {
    const targets = Array.from({ length: 50 }, (_, i) => target(i + 1));
    const firsts = [0, 1].map(() => {
      const shell = new Shell(() => undefined);
      shell.configure(...targets);
      shell.run(2000);
      return shell.starts.filter((start) => start.run === 1).map((start) => start.at);
    });
    expect(firsts[1]).toEqual(firsts[0]);
    expect(firsts[0]).toHaveLength(50);
    for (let tenth = 0; tenth < 10; tenth++) {
      const there = firsts[0]!.filter((at) => Math.floor(at / 200) === tenth).length;
      expect(there).toBeGreaterThan(0);
      expect(there).toBeLessThan(15);
    }
  });

  test('checks come once per interval', () => {
    const shell = new Shell(() => ({ ok: true, after: 10 }));
    shell.configure(target(1));
    shell.run(60_000);
    const gaps = shell.starts.slice(1).map((start, i) => start.at - shell.starts[i]!.at);
    expect(new Set(gaps.map((gap) => Math.round(gap)))).toEqual(new Set([2000]));
    expect(shell.starts).toHaveLength(30);
  });

  test('a check never starts before the last one has ended; missed points are left out', () => {
    const shell = new Shell(() => ({ ok: true, after: 2500 }));
    shell.configure(target(1, { timeout: 5000 }));
    shell.run(20_000);
    const gaps = shell.starts.slice(1).map((start, i) => start.at - shell.starts[i]!.at);
    // From a point of the grid 2.5 s to the end, which is 0.5 s late; the next point but one is 1.5 s later.
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(2500);
    expect(shell.scheduler.views(shell.now)[0]!.lag).toBeLessThan(2000);
  });

  test('targets that several services want are checked once, at the strictest pace', () => {
    const shell = new Shell(() => ({ ok: true, after: 1 }));
    shell.configure(target(1), target(1, { interval: 1000 }), target(1, { rise: 5 }));
    shell.run(10_000);
    expect(shell.starts).toHaveLength(10);
    expect(shell.verdicts).toEqual([
      expect.stringMatching(/^[\d.]+ unknown->up 5 successes in a row, the last: connected$/),
    ]);
  });

  test('another port or another check is another target', () => {
    const shell = new Shell(() => undefined);
    shell.configure(
      target(1),
      target(1, { port: 81 }),
      target(1, { check: { kind: 'http', path: '/', expect: 200, host: undefined } }),
    );
    expect(shell.scheduler.views(0).map((view) => view.key)).toEqual([
      '10.2.0.1:80 tcp',
      '10.2.0.1:81 tcp',
      '10.2.0.1:80 http / 200',
    ]);
  });
});

describe('verdicts', () => {
  test('a server that stops answering is down after `fall` failures, and up again after `rise` successes', () => {
    const shell = new Shell(({ run }) => ({ ok: run < 4 || run > 8, after: 5 }));
    shell.configure(target(1));
    shell.run(30_000);
    expect(shell.verdicts.map((line) => line.replace(/^\S+ /, ''))).toEqual([
      'unknown->up 2 successes in a row, the last: connected',
      'up->down 3 failures in a row, the last: ECONNREFUSED',
      'down->up 2 successes in a row, the last: connected',
    ]);
  });

  test('a probe that never reports counts as failed after its timeout and a grace', () => {
    const shell = new Shell(() => undefined);
    shell.configure(target(1, { interval: 100, fall: 1 }));
    shell.run(100);
    const startedAt = shell.starts[0]!.at;
    shell.run(startedAt + 1000 + PROBE_GRACE - 0.001);
    expect(shell.verdicts).toEqual([]);
    shell.run(startedAt + 1000 + PROBE_GRACE);
    expect(shell.verdicts).toEqual([`${startedAt + 2000} unknown->down 1 failure: the probe never reported`]);
    expect(shell.starts.at(-1)).toMatchObject({ run: 2, at: startedAt + 2000 });
  });

  test('the late answer of a probe that was given up is ignored', () => {
    const shell = new Shell(({ run }) => (run === 1 ? { ok: true, after: 2500 } : undefined));
    shell.configure(target(1, { rise: 1, fall: 2 }));
    shell.run(20_000);
    expect(shell.verdicts.map((line) => line.replace(/^\S+ /, ''))).toEqual([
      'unknown->down 2 failures in a row, the last: the probe never reported',
    ]);
  });
});

describe('reconfiguring', () => {
  test('a target that stays keeps its verdict and its pace', () => {
    const shell = new Shell(() => ({ ok: true, after: 1 }));
    shell.configure(target(1), target(2));
    shell.run(5000);
    const { deadline } = shell.scheduler;
    shell.configure(target(2), target(1));
    expect(shell.scheduler.deadline).toBe(deadline);
    expect(shell.scheduler.views(shell.now).map((view) => view.verdict)).toEqual(['up', 'up']);
  });

  test('a target that goes is forgotten, and its running probe is nobody’s', () => {
    const shell = new Shell(() => ({ ok: true, after: 500 }));
    shell.configure(target(1, { rise: 1 }));
    shell.run(2000);
    shell.configure();
    expect(shell.scheduler.deadline).toBeUndefined();
    shell.run(10_000);
    expect(shell.scheduler.verdict(targetKey(target(1)))).toBe('unknown');
  });

  test('a shorter interval counts at once', () => {
    const shell = new Shell(() => ({ ok: true, after: 1 }));
    shell.configure(target(1, { interval: 3_600_000 }));
    shell.configure(target(1, { interval: 1000 }));
    shell.run(1000);
    expect(shell.starts).toHaveLength(1);
  });
});

test('the view shows how old the last result is, how long it took and how late it was started', () => {
  const scheduler = new HealthScheduler();
  scheduler.handle({ kind: 'configure', targets: [target(1)] }, 0);
  const due = scheduler.deadline!;
  scheduler.handle({ kind: 'timer' }, due + 70);
  const key = targetKey(target(1));
  scheduler.handle({ kind: 'result', key, run: 1, ok: false, detail: 'ECONNREFUSED' }, due + 80);
  expect(scheduler.views(due + 380)).toEqual([
    {
      key,
      target: target(1),
      verdict: 'unknown',
      streak: -1,
      last: { ok: false, detail: 'ECONNREFUSED', duration: expect.closeTo(10), age: expect.closeTo(300) },
      lag: expect.closeTo(70),
      runs: 1,
      running: false,
    },
  ]);
});

test('whatever the answers, at most one probe per target runs and each target is asked again in bounded time', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.option(fc.record({ ok: fc.boolean(), after: fc.integer({ min: 0, max: 4000 }) }), { nil: undefined }),
        {
          minLength: 1,
          maxLength: 20,
        },
      ),
      (answers) => {
        const shell = new Shell(({ run }) => answers[run % answers.length]);
        shell.configure(target(1));
        shell.run(60_000);
        const ats = shell.starts.map((start) => start.at);
        for (const [i, at] of ats.entries()) {
          const gap = (ats[i + 1] ?? 60_000) - at;
          expect(gap).toBeLessThanOrEqual(2000 + PROBE_GRACE);
          if (i + 1 < ats.length) expect(gap).toBeGreaterThan(0);
        }
      },
    ),
    { numRuns: 50 },
  );
});
