/** What every data plane must do about servers that leave, come back, are full, or are all gone. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { serviceTable } from '../../../src/core/hash/service-table.ts';
import type { DesiredServer, DesiredService, ServerState } from '../../../src/core/model/dataplane.ts';
import { type Bench, EVEN, freshPorts, only, predicted, servers, tally, web } from './suite.ts';

export interface DrainBench extends Bench {
  /** The client ends these connections; returns once everybody knows. */
  end(sport: number, count: number): Promise<void>;
  /** Deletes the connections of a server by its id, as the agent does in the end. */
  deleteOf(serverId: number): Promise<void>;
  /** What a client hears on a connection that the director ends. */
  readonly reset: string;
  /** What it hears instead of a connection to a server that is full. */
  readonly refused: string;
}

const COUNT = 150;

const changed = (list: readonly DesiredServer[], name: string, change: Partial<DesiredServer>): DesiredService =>
  web(list.map((server) => (server.name === name ? { ...server, ...change } : server)));

const states = (s1: ServerState, s2: ServerState, s3: ServerState) => servers(EVEN, { s1, s2, s3 });

/** `more`: tests of this bench alone. */
export function drainContract(name: string, bench: DrainBench, more: () => void = () => {}): void {
  describe(`draining contract: ${name}`, () => {
    beforeAll(() => bench.up());
    afterAll(() => bench.down());

    test(`a drained server: 0 of ${COUNT} existing connections broken, 0 of ${COUNT} new ones on it`, async () => {
      await bench.apply(only(web(servers(EVEN))));
      const old = freshPorts(COUNT);
      const before = await bench.connect(old, COUNT);
      expect(tally(before)['s2']).toBeGreaterThan(30);
      await bench.apply(only(web(servers(EVEN, { s2: 'drained' }))));
      expect(await bench.ask(old, COUNT)).toEqual(before);
      const fresh = await bench.connect(freshPorts(COUNT), COUNT);
      expect(Object.keys(tally(fresh)).sort()).toEqual(['s1', 's3']);
    });

    test('a server that has left the file and drains: no slots of its own, and its connections live', async () => {
      await bench.apply(only(web(servers(EVEN))));
      const old = freshPorts(60);
      const before = await bench.connect(old, 60);
      const leaving = changed(servers(EVEN), 's2', { state: 'drained', weight: 0 });
      await bench.apply(only(leaving));
      expect(await bench.ask(old, 60)).toEqual(before);
      const sport = freshPorts(60);
      // The others share the table as if it had never been.
      expect(await bench.connect(sport, 60)).toEqual(predicted(web(servers({ s1: 1, s3: 1 })), sport, 60));
      expect((await bench.counters()).servers.map((row) => row.server)).toEqual(['s1', 's2', 's3']);
    });

    test.each(['drained', 'down'] as const)(
      'a server that is %s and ended: its connections hear RST at once, others none',
      async (state) => {
        await bench.apply(only(web(servers(EVEN))));
        const old = freshPorts(COUNT);
        const before = await bench.connect(old, COUNT);
        await bench.apply(only(changed(servers(EVEN), 's2', { state, ended: true })));
        const expected = before.map((server) => (server === 's2' ? bench.reset : server));
        expect(await bench.ask(old, COUNT)).toEqual(expected);
        const fresh = await bench.connect(freshPorts(COUNT), COUNT);
        expect(Object.keys(tally(fresh)).sort()).toEqual(['s1', 's3']);
        await bench.deleteOf(2);
        await bench.apply(only(web(servers(EVEN))));
        const others = old + before.findIndex((server) => server !== 's2');
        expect(await bench.ask(others, 1)).toEqual([before[others - old]]);
        expect(tally(await bench.connect(freshPorts(60), 60))['s2']).toBeGreaterThan(5);
      },
    );

    test('a limit: exactly so many at once, the rest refused; a connection that ends makes room', async () => {
      await bench.remove();
      const limited = changed(servers(EVEN), 's1', { limit: 20 });
      await bench.apply(only(limited));
      const sport = freshPorts(COUNT);
      const wanted = predicted(limited, sport, COUNT);
      expect(tally(wanted)['s1']).toBeGreaterThan(25);
      const answers = await bench.connect(sport, COUNT);
      expect(tally(answers)['s1']).toBe(20);
      expect(answers.map((answer) => (answer === bench.refused ? 's1' : answer))).toEqual(wanted);
      expect((await bench.counters()).guard.serverFull).toBe(tally(wanted)['s1']! - 20);
      const own = answers.flatMap((answer, i) => (answer === 's1' ? [sport + i] : []));
      for (const port of own.slice(0, 5)) await bench.end(port, 1);
      const again = tally(await bench.connect(freshPorts(COUNT), COUNT));
      expect(again['s1']).toBe(5);
    });

    test('a limit that changes: what is open stays open', async () => {
      await bench.apply(only(changed(servers(EVEN), 's1', { limit: 40 })));
      const sport = freshPorts(60);
      const before = await bench.connect(sport, 60);
      const { operations } = await bench.apply(only(changed(servers(EVEN), 's1', { limit: 10 })));
      expect(operations).toEqual([
        'sluice_v1 limits: write 1 of 1 elements (1 ct count over 10), remove 1 elements (1 ct count over 40)',
      ]);
      expect(await bench.ask(sport, 60)).toEqual(before);
      const desired = only(changed(servers(EVEN), 's1', { limit: 10 }));
      expect(await bench.apply(desired)).toEqual({ programmed: ['web'], operations: [], drift: false });
      await bench.restart();
      expect(await bench.apply(desired)).toEqual({ programmed: ['web'], operations: [], drift: false });
    });

    test('the sorry server answers while no server is up, and no longer; connections stay where they are', async () => {
      const sorry = (list: readonly DesiredServer[]): DesiredService => ({
        ...web(list.slice(0, 2)),
        sorry: ipv4('10.2.0.23'),
      });
      await bench.apply(only(sorry(states('up', 'up', 'up'))));
      const first = freshPorts(60);
      const before = await bench.connect(first, 60);
      expect(Object.keys(tally(before)).sort()).toEqual(['s1', 's2']);
      await bench.apply(only(sorry(states('down', 'drained', 'up'))));
      const second = freshPorts(60);
      expect(tally(await bench.connect(second, 60))).toEqual({ s3: 60 });
      expect(await bench.ask(first, 60)).toEqual(before);
      await bench.apply(only(sorry(states('down', 'up', 'up'))));
      expect(tally(await bench.connect(freshPorts(60), 60))).toEqual({ s2: 60 });
      expect(tally(await bench.ask(second, 60))).toEqual({ s3: 60 });
      expect((await bench.counters()).servers.map((row) => [row.server, row.newConnections > 0])).toEqual([
        ['s1', true],
        ['s2', true],
        ['sorry', true],
      ]);
    });

    test('a server that comes back slowly: more flows with each step, each where it was predicted, the file’s in the end', async () => {
      const at = (tenths: number) => changed(servers(EVEN), 's2', { tenths });
      const whole = serviceTable(web(servers(EVEN)));
      const counts: number[] = [];
      for (const tenths of [1, 4, 7, 10]) {
        await bench.apply(only(at(tenths)));
        const sport = freshPorts(60);
        const answers = await bench.connect(sport, 60);
        expect(answers).toEqual(predicted(at(tenths), sport, 60));
        const { slots, servers: all } = serviceTable(at(tenths));
        counts.push([...slots].filter((index) => all[index]?.name === 's2').length);
      }
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
      expect(serviceTable(at(10)).slots).toEqual(whole.slots);
      expect((await bench.apply(only(web(servers(EVEN))))).operations).toEqual([]);
    });

    more();
  });
}
