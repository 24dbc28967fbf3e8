/** Where new connections go, by every scheduler: what the hash foretells, or whose turn it is. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DesiredService } from '../../../src/core/model/dataplane.ts';
import type { Scheduler } from '../../../src/core/model/scheduler.ts';
import { THOROUGH } from '../../sizes.ts';
import {
  type Bench,
  EVEN,
  type FlowTarget,
  freshPorts,
  only,
  predicted,
  servers,
  tally,
  VIP,
  WEB,
  web,
} from './suite.ts';

/** 1:2:4 by weight in every case. */
const WEIGHTS = { s1: 1, s2: 2, s3: 4 } as const;
const FLOWS = THOROUGH ? 1000 : 300;

const DNS: FlowTarget = { vip: VIP, port: 53, protocol: 'udp' };

const HASHED: readonly (readonly [title: string, scheduler: Scheduler])[] = [
  ['mh', { name: 'mh', slots: 4099, sourcePort: true }],
  ['mh with 65,537 slots', { name: 'mh', slots: 65537, sourcePort: true }],
  ['mh by address', { name: 'mh', slots: 4099, sourcePort: false }],
  ['mh by address with 65,537 slots', { name: 'mh', slots: 65537, sourcePort: false }],
];

/** Where the port is not hashed, only other addresses make other flows. */
function clientsFor(scheduler: Scheduler): string[] {
  const clients = scheduler.name === 'mh' && scheduler.sourcePort ? 4 : FLOWS;
  return Array.from({ length: clients }, (_, i) => `10.9.${i >> 7}.${(i & 127) + 1}`);
}

function by(scheduler: Scheduler, list = servers(WEIGHTS)): DesiredService {
  return { ...web(list), scheduler };
}

export function schedulersContract(name: string, bench: Bench): void {
  describe(`schedulers: ${name}`, () => {
    beforeAll(() => bench.up());
    afterAll(() => bench.down());

    test.each(HASHED)('%s: every TCP connection goes where the hash foretells', async (_title, scheduler) => {
      const service = by(scheduler);
      expect((await bench.apply(only(service))).programmed).toEqual(['web']);
      const sport = freshPorts(FLOWS);
      const target = { ...WEB, sources: clientsFor(scheduler) };
      expect(await bench.connect(sport, FLOWS, target)).toEqual(predicted(service, sport, FLOWS, target.sources));
      expect(await bench.apply(only(service))).toEqual({ programmed: ['web'], operations: [], drift: false });
    });

    test.each(HASHED)('%s: every UDP flow goes where the hash foretells', async (_title, scheduler) => {
      const dns: DesiredService = { ...by(scheduler), name: 'dns', ports: [53], protocol: 'udp' };
      await bench.apply(only(dns));
      const sport = freshPorts(FLOWS);
      const target = { ...DNS, sources: clientsFor(scheduler) };
      expect(await bench.connect(sport, FLOWS, target)).toEqual(predicted(dns, sport, FLOWS, target.sources));
    });

    test('by address, every connection of a client meets the same server', async () => {
      const service = by(HASHED[2]![1], servers(EVEN));
      await bench.apply(only(service));
      const answers = await bench.connect(freshPorts(30), 30);
      expect(Object.keys(tally(answers))).toHaveLength(1);
    });

    test('rr: each server in its turn, exactly, whatever its weight', async () => {
      await bench.apply(only(by({ name: 'rr' })));
      expect(tally(await bench.connect(freshPorts(60), 60))).toEqual({ s1: 20, s2: 20, s3: 20 });
    });

    test('wrr: exactly by weight, and heavy servers not in a row', async () => {
      await bench.apply(only(by({ name: 'wrr' })));
      const answers: string[] = [];
      // One after the other, so that the order of arrival is the order of asking.
      for (let i = 0; i < 14; i++) answers.push(...(await bench.connect(freshPorts(1), 1)));
      const round = ['s3', 's2', 's3', 's1', 's3', 's2', 's3'];
      expect(answers).toEqual([...round, ...round]);
      expect(tally(await bench.connect(freshPorts(70), 70))).toEqual({ s1: 10, s2: 20, s3: 40 });
    });

    test('a server that goes down loses its turns at once, keeps its connections, and gets its turns back', async () => {
      await bench.apply(only(by({ name: 'wrr' })));
      const old = freshPorts(21);
      const before = await bench.connect(old, 21);
      const down = await bench.apply(only(by({ name: 'wrr' }, servers(WEIGHTS, { s3: 'down' }))));
      expect(down.operations).toEqual([
        expect.stringMatching(/^sluice_v1 service_web: write \d+ rules$/),
        expect.stringMatching(/^sluice_v1 slots_web: write \d of 7 elements/),
      ]);
      expect(tally(await bench.connect(freshPorts(30), 30))).toEqual({ s1: 10, s2: 20 });
      expect(await bench.ask(old, 21)).toEqual(before);
      await bench.apply(only(by({ name: 'wrr' })));
      expect(tally(await bench.connect(freshPorts(70), 70))).toEqual({ s1: 10, s2: 20, s3: 40 });
    });

    test('turns that are dealt anew under traffic leave no connection without a server', async () => {
      await bench.apply(only(by({ name: 'rr' })));
      const before = (await bench.counters()).services[0]?.misses;
      const traffic = bench.connect(freshPorts(400), 400);
      for (let round = 0; round < 12; round++) {
        const down = (['s1', 's2', 's3'] as const)[round % 3]!;
        await bench.apply(only(by({ name: 'rr' }, servers(EVEN, round % 2 === 0 ? { [down]: 'down' } : {}))));
      }
      expect(Object.keys(tally(await traffic)).sort()).toEqual(['s1', 's2', 's3']);
      expect((await bench.counters()).services[0]?.misses).toBe(before);
    });

    test('another scheduler is one change: live connections stay, new ones follow it', async () => {
      await bench.apply(only(web(servers(EVEN))));
      const old = freshPorts(30);
      const before = await bench.connect(old, 30);
      for (const scheduler of [{ name: 'rr' }, HASHED[1]![1], HASHED[2]![1]] satisfies readonly Scheduler[]) {
        const service = by(scheduler, servers(EVEN));
        expect(await bench.apply(only(service))).toMatchObject({ programmed: ['web'], drift: false });
        expect(await bench.apply(only(service))).toEqual({ programmed: ['web'], operations: [], drift: false });
        const sport = freshPorts(12);
        const answers = await bench.connect(sport, 12);
        if (scheduler.name === 'mh') expect(answers).toEqual(predicted(service, sport, 12));
        else expect(tally(answers)).toEqual({ s1: 4, s2: 4, s3: 4 });
      }
      expect(await bench.ask(old, 30)).toEqual(before);
    });

    test('all drained: nobody has a turn, and new connections are dropped and counted', async () => {
      const drained = servers(EVEN, { s1: 'drained', s2: 'drained', s3: 'drained' });
      await bench.apply(only(by({ name: 'rr' }, drained)));
      const before = (await bench.counters()).services[0]?.misses ?? 0;
      const answers = await bench.connect(freshPorts(2), 2, { ...WEB, timeout: 300 });
      expect(answers.filter((answer) => /^s\d$/.test(answer))).toEqual([]);
      expect((await bench.counters()).services[0]?.misses).toBeGreaterThanOrEqual(before + 2);
    });
  });
}
