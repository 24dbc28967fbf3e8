/** The load client against a real server of ours on 127.0.0.1: what it says when nothing, and when something, is wrong. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Load } from '../../../lab/traffic/load.ts';
import type { LoadOptions } from '../../../lab/traffic/options.ts';
import type { BrokenLine, TrafficLine } from '../../../lab/traffic/protocol.ts';
import { type RealServer, startRealServer } from './real-server.ts';

let server: RealServer;
let load: Load | undefined;
let lines: TrafficLine[];

beforeEach(async () => {
  server = await startRealServer('s1');
  lines = [];
});
afterEach(async () => {
  load?.stop();
  load = undefined;
  await server.close();
});

function start(population: Partial<LoadOptions>, port = server.port): Load {
  const quiet = {
    request: 0,
    idle: 0,
    push: 0,
    bulk: 0,
    short: 0,
    mirror: port,
    idlePause: 10_000,
    ramp: 0,
    patience: 20_000,
  };
  const target = { address: '127.0.0.1', port };
  const options = { target, sources: ['127.0.0.2', '127.0.0.3'], ...quiet, ...population };
  load = new Load(options, (line) => lines.push(line), performance.now.bind(performance));
  load.start();
  return load;
}

const broken = (): BrokenLine[] => lines.filter((line) => line.kind === 'broken');

async function until(condition: () => boolean, deadline = 8000): Promise<void> {
  const end = performance.now() + deadline;
  while (!condition()) {
    if (performance.now() > end) throw new Error('nothing happened');
    await sleep(20);
  }
}

describe('a server that behaves', () => {
  test('all kinds of load run and nothing is reported', async () => {
    const running = start({ request: 6, idle: 2, push: 2, short: 20, idlePause: 400 });
    await until(() => running.tickLine().opened > 30 && running.tickLine().streamed > 40_000);
    expect(lines).toEqual([]);
    expect(running.tickLine().live).toMatchObject({ request: 6, idle: 2, push: 2 });
    expect(running.summary()).toMatchObject({ broken: {}, failed: {}, slow: 0, reconverged: 0, stalls: 0 });
  });

  test('each flow has its own address and port, and knows its server', async () => {
    const running = start({ request: 4 });
    await until(
      () => running.flows().length === 4 && running.flows().every((flow) => flow.conversation.server === 's1'),
    );
    expect(new Set(running.flows().map((flow) => flow.name)).size).toBe(4);
    expect(running.flows().map((flow) => flow.name.split(':')[0])).toContain('127.0.0.3');
  });

  test('a mark closes one window and opens the next', async () => {
    const running = start({ short: 50 });
    await until(() => running.tickLine().opened >= 5);
    const first = running.mark('second');
    expect(first).toMatchObject({ name: 'start' });
    expect(first.opened).toBeGreaterThanOrEqual(5);
    expect(running.summary()).toMatchObject({ name: 'second' });
    expect(running.summary().opened).toBeLessThan(first.opened);
  });
});

describe('a server that does not', () => {
  test.each([
    ['reset', 'reset'],
    ['close', 'closed'],
    ['impostor', 'wrong'],
  ] as const)('%s is reported as %s, and the flow is replaced', async (act, expected) => {
    server.misbehave({ atRequest: { count: 2, act } });
    const running = start({ request: 1 });
    await until(() => broken().length > 0);
    expect(broken()[0]).toMatchObject({ class: expected, load: 'request', server: 's1' });
    server.misbehave({});
    await until(() => running.flows().length === 1);
    expect(server.connections).toBe(2);
  });

  test('silence is first a stall, then a loss', async () => {
    server.misbehave({ atRequest: { count: 2, act: 'silence' } });
    const running = start({ request: 1, patience: 1600 });
    await until(() => running.tickLine().stalling === 1);
    expect(broken()).toEqual([]);
    await until(() => broken().length === 1);
    expect(broken()[0]?.class).toBe('stalled');
    expect(running.summary().longestStall).toBeGreaterThanOrEqual(1600);
    expect(running.summary().stalls).toBe(1);
  });

  test('a stream that skips a record is wrong', async () => {
    server.misbehave({ stream: { after: 16_384, act: 'skip' } });
    start({ push: 1 });
    await until(() => broken().length > 0);
    expect(broken()[0]).toMatchObject({ class: 'wrong', load: 'push' });
    expect(broken()[0]?.detail).toContain('instead of "s1  :0000016384"');
  });

  test('a stream that stops is stalled', async () => {
    server.misbehave({ stream: { after: 16_384, act: 'silence' } });
    start({ push: 1, patience: 1500 });
    await until(() => broken().length > 0);
    expect(broken()[0]).toMatchObject({ class: 'stalled', load: 'push' });
  });

  test('no server: connections fail as refused, and are no broken ones', async () => {
    const port = server.port;
    await server.close();
    const running = start({ short: 20 }, port);
    await until(() => (running.summary().failed.refused ?? 0) > 3);
    expect(broken()).toEqual([]);
    expect(running.summary().reconverged).toBeNull();
    server = await startRealServer('s1');
  });
});
