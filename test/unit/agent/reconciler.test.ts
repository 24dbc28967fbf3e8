import { expect, test } from 'vitest';
import { Reconciler } from '../../../src/agent/keepers/reconciler.ts';
import { FakeClock, settle } from './fake-clock.ts';

function build(apply: (desired: string) => Promise<string>) {
  const clock = new FakeClock();
  const log: string[] = [];
  const reconciler = new Reconciler<string, string>({
    clock,
    apply: (desired) => {
      log.push(`apply ${desired}`);
      return apply(desired);
    },
    onApplied: (desired, report) => log.push(`applied ${desired} ${report}`),
    onFault: (error, retryIn) => log.push(`fault ${String(error)} retry ${retryIn}`),
    recheck: 5000,
  });
  return { clock, log, reconciler };
}

test('wishes that come while an apply runs are coalesced into one', async () => {
  const gates: (() => void)[] = [];
  const { log, reconciler } = build(() => new Promise((resolve) => gates.push(() => resolve('ok'))));
  for (const wish of ['a', 'b', 'c', 'd']) reconciler.want(wish);
  gates.shift()?.();
  await settle();
  gates.shift()?.();
  await settle();
  expect(log).toEqual(['apply a', 'applied a ok', 'apply d', 'applied d ok']);
});

test('a recheck looks at once, and only once anything was ever wished', async () => {
  const { log, reconciler } = build(async () => 'ok');
  reconciler.recheck();
  await settle();
  expect(log).toEqual([]);
  reconciler.want('a');
  await settle();
  reconciler.recheck();
  await settle();
  expect(log).toEqual(['apply a', 'applied a ok', 'apply a', 'applied a ok']);
});

test('a refusal is tried again with growing back-off until it succeeds', async () => {
  let refusals = 3;
  const { clock, log, reconciler } = build(async () => {
    refusals -= 1;
    if (refusals >= 0) throw new Error('no');
    return 'ok';
  });
  reconciler.want('a');
  await clock.advance(250 + 500 + 1000);
  expect(log.filter((line) => !line.startsWith('apply '))).toEqual([
    'fault Error: no retry 250',
    'fault Error: no retry 500',
    'fault Error: no retry 1000',
    'applied a ok',
  ]);
});

test('an equal wish changes nothing, and a settled one is checked again', async () => {
  const { clock, log, reconciler } = build(async () => 'ok');
  reconciler.want('a');
  await settle();
  reconciler.want('a');
  await clock.advance(4999);
  expect(log).toHaveLength(2);
  await clock.advance(1);
  expect(log).toHaveLength(4);
});

test('after close nothing is applied any more', async () => {
  const { clock, log, reconciler } = build(async () => 'ok');
  reconciler.want('a');
  await reconciler.close();
  reconciler.want('b');
  await clock.advance(60_000);
  expect(log).toEqual(['apply a', 'applied a ok']);
});
