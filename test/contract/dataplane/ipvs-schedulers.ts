/**
 * What each scheduler of IPVS promises, by real connections that are opened one after the other and stay open. Each has a VIP of
 * its own, hence destinations that have counted nothing. Schedulers that count are exact, or off by one where a tie may go either
 * way; those that hash or draw lots have a tolerance of four standard deviations.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { flowChooser } from '../../../src/core/hash/flow-choice.ts';
import type { DesiredServer } from '../../../src/core/model/dataplane.ts';
import { IPVS_SCHEDULERS, type Scheduler } from '../../../src/core/model/scheduler.ts';
import type { GuestBench } from './guest-bench.ts';
import { ofIpvs } from './ipvs-suite.ts';
import type { Network } from './netns.ts';
import { CLIENT, EVEN, freshPorts, servers, tally, web } from './suite.ts';

const NAMES = ['rr', 'wrr', 'mh', ...IPVS_SCHEDULERS] as const;
type Name = (typeof NAMES)[number];

const GROWING = { s1: 1, s2: 2, s3: 3 } as const;
const ROOM = { s1: 10, s2: 10, s3: 10 } as const;

const vipOf = (name: Name) => `203.0.113.${100 + NAMES.indexOf(name)}`;

/** By four standard deviations of the binomial distribution. */
function spread(count: number, share: number): readonly [low: number, high: number] {
  const deviation = 4 * Math.sqrt(count * share * (1 - share));
  return [count * share - deviation, count * share + deviation];
}

function expectShares(answers: readonly string[], weights: Readonly<Record<string, number>>): void {
  const sum = Object.values(weights).reduce((a, b) => a + b, 0);
  const counts = tally(answers);
  for (const [name, weight] of Object.entries(weights)) {
    const [low, high] = spread(answers.length, weight / sum);
    expect({ name, count: counts[name] ?? 0, within: (counts[name] ?? 0) > low && (counts[name] ?? 0) < high }).toEqual(
      {
        name,
        count: counts[name] ?? 0,
        within: true,
      },
    );
  }
}

/** Each server's count, at most one beside what is promised. */
function expectNearly(answers: readonly string[], promised: Readonly<Record<string, number>>): void {
  const counts = tally(answers);
  const off = Object.entries(promised).map(([name, count]) => Math.abs((counts[name] ?? 0) - count));
  expect({ counts, off: Math.max(...off) <= 1 }).toEqual({ counts, off: true });
  expect(answers).toHaveLength(Object.values(promised).reduce((a, b) => a + b, 0));
}

export function ipvsSchedulers(bench: GuestBench, network: Network): void {
  describe('schedulers', () => {
    const serviceOf = (name: Name, list: readonly DesiredServer[]) => {
      const scheduler: Scheduler = name === 'mh' ? { name, slots: 4099, sourcePort: true } : { name };
      return { ...web(list), name, vips: [ipv4(vipOf(name))], scheduler };
    };

    async function apply(name: Name, list: readonly DesiredServer[]): Promise<void> {
      expect((await bench.apply(ofIpvs(serviceOf(name, list)))).programmed).toEqual([name]);
    }

    /** One after the other: whoever counts knows of all that came before. */
    async function inTurn(name: Name, count: number, sport = freshPorts(count), timeout = 5000): Promise<string[]> {
      const answers: string[] = [];
      const target = { vip: vipOf(name), port: 80, protocol: 'tcp', timeout } as const;
      for (let i = 0; i < count; i++) answers.push(...(await bench.connect(sport + i, 1, target)));
      return answers;
    }

    const atOnce = (name: Name, count: number, sources?: readonly string[]) => {
      const target = { vip: vipOf(name), port: 80, protocol: 'tcp' } as const;
      return bench.connect(freshPorts(count), count, sources === undefined ? target : { ...target, sources });
    };

    /** Ends those connections that a server has, and waits for its end of them. */
    async function end(server: string, sport: number, answers: readonly string[]): Promise<void> {
      const keys = answers.flatMap((one, i) => (one === server ? [String(sport + i)] : []));
      await bench.client().call('end', { keys });
    }

    beforeAll(async () => {
      await bench.remove();
      for (const name of NAMES) {
        await bench.said(['ip', 'route', 'replace', 'local', `${vipOf(name)}/32`, 'dev', 'lo']);
        await network.routeVip(vipOf(name), 'd1');
      }
    });

    test('rr: every server in its turn, whatever the weights', async () => {
      await apply('rr', servers(GROWING));
      const answers = await inTurn('rr', 60);
      expect(tally(answers)).toEqual({ s1: 20, s2: 20, s3: 20 });
      answers.slice(3).forEach((one, i) => {
        expect(one).toBe(answers[i]);
      });
    });

    test('wrr: in each round as many turns as the weight says', async () => {
      await apply('wrr', servers(GROWING));
      const answers = await inTurn('wrr', 60);
      for (let round = 0; round < 60; round += 6) {
        expect(tally(answers.slice(round, round + 6))).toEqual({ s1: 1, s2: 2, s3: 3 });
      }
    });

    test('lc: the server with the fewest open connections', async () => {
      await apply('lc', servers(EVEN));
      const sport = freshPorts(30);
      const answers = await inTurn('lc', 30, sport);
      expect(tally(answers)).toEqual({ s1: 10, s2: 10, s3: 10 });
      await end('s1', sport, answers);
      expect(tally(await inTurn('lc', 10))).toEqual({ s1: 10 });
    });

    test('wlc: the server with the fewest by its weight', async () => {
      await apply('wlc', servers(GROWING));
      const sport = freshPorts(60);
      const answers = await inTurn('wlc', 60, sport);
      expectNearly(answers, { s1: 10, s2: 20, s3: 30 });
      await end('s3', sport, answers);
      expect(tally(await inTurn('wlc', 29))).toEqual({ s3: 29 });
    });

    test('sed: the least expected delay, so the strongest first', async () => {
      await apply('sed', servers(GROWING));
      const answers = await inTurn('sed', 60);
      expect(answers[0]).toBe('s3');
      expectNearly(answers, { s1: 10, s2: 20, s3: 30 });
    });

    test('nq: an idle server before all others, then as sed', async () => {
      await apply('nq', servers(GROWING));
      const answers = await inTurn('nq', 60);
      expect(answers.slice(0, 3).toSorted()).toEqual(['s1', 's2', 's3']);
      expectNearly(answers, { s1: 10, s2: 20, s3: 30 });
    });

    test('fo: the strongest that is up', async () => {
      await apply('fo', servers(GROWING));
      expect(tally(await inTurn('fo', 20))).toEqual({ s3: 20 });
      await apply('fo', servers(GROWING, { s3: 'down' }));
      expect(tally(await inTurn('fo', 20))).toEqual({ s2: 20 });
      await apply('fo', servers(GROWING));
      expect(tally(await inTurn('fo', 20))).toEqual({ s3: 20 });
    });

    test('ovf: the strongest until it has more connections than its weight, then the next; none when all have', async () => {
      await apply('ovf', servers({ s1: 3, s2: 5, s3: 9 }));
      const answers = await inTurn('ovf', 20);
      expect(answers).toEqual([...Array(10).fill('s3'), ...Array(6).fill('s2'), ...Array(4).fill('s1')]);
      const [more] = await inTurn('ovf', 1, freshPorts(1), 500);
      expect(['s1', 's2', 's3']).not.toContain(more);
    });

    test.each(['lblc', 'lblcr'] as const)('%s: one server for an address until it is overloaded', async (name) => {
      await apply(name, servers(ROOM));
      const answers = await inTurn(name, 33);
      expect(tally(answers)).toEqual({ s1: 11, s2: 11, s3: 11 });
      for (const first of [0, 11, 22]) expect(new Set(answers.slice(first, first + 11)).size).toBe(1);
      // All are overloaded: one stays with its server, the other has come to have them all.
      const more = tally(await inTurn(name, 6));
      expect(Object.values(more)).toEqual(name === 'lblc' ? [6] : [2, 2, 2]);
    });

    test('dh: one server for an address of ours, whoever asks', async () => {
      await apply('dh', servers(EVEN));
      const clients = Array.from({ length: 20 }, (_, i) => `10.9.5.${i + 1}`);
      expect(Object.values(tally(await atOnce('dh', 40, clients)))).toEqual([40]);
    });

    test('sh: one server for a client, and clients by weight', async () => {
      await apply('sh', servers(GROWING));
      const clients = Array.from({ length: 120 }, (_, i) => `10.9.${6 + (i % 7)}.${i + 1}`);
      const answers = await atOnce('sh', 240, clients);
      expect(answers.slice(120)).toEqual(answers.slice(0, 120));
      expectShares(answers.slice(0, 120), GROWING);
    });

    test('mh: where the hash is computed to send them, and by weight', async () => {
      const service = serviceOf('mh', servers(GROWING));
      await apply('mh', servers(GROWING));
      const sport = freshPorts(240);
      const answers = await bench.connect(sport, 240, { vip: vipOf('mh'), port: 80, protocol: 'tcp' });
      const choose = flowChooser(service, 'ipvs');
      expect(answers).toEqual(answers.map((_, i) => choose(ipv4(CLIENT), sport + i, 80).server?.name));
      expectShares(answers, GROWING);
    });

    // Linux has it from 6.2 on; where it has not, "every scheduler of the kernel can be had" says so.
    if (bench.kernel !== '6.1') {
      test('twos: the less busy of two that are drawn', async () => {
        await apply('twos', servers(EVEN));
        const { s1 = 0, s2 = 0, s3 = 0 } = tally(await inTurn('twos', 90));
        expect(s1 + s2 + s3).toBe(90);
        // Draws alone would be off by as much as 18; the choice keeps them together.
        for (const count of [s1, s2, s3]) expect(Math.abs(count - 30)).toBeLessThanOrEqual(8);
      });
    }
  });
}
