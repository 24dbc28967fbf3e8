/** What every data plane must do with answers of connections that it does not know. The benches supply the world around it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { lipOwners } from '../../../src/core/hash/lips.ts';
import { portsOf } from '../../../src/core/hash/port-blocks.ts';
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import { LIP, ofAll, TCP, UDP } from './fullnat-suite.ts';
import { HAND_OF } from './netns.ts';
import type { Bench } from './suite.ts';

export const SORRY = '10.2.0.98';

export interface HandOverBench extends Bench {
  /** The interface of `d1` on which the others are. */
  readonly device: string;
  /**
   * An answer of the real server `s1`, of the sorry server, or of somebody else, to a port of the shared address, of a connection that nobody has.
   *
   * @returns the director that `d1` hands it over to; `none` when it ends at `d1`
   */
  stray(from: 's1' | 'sorry' | 'stranger', port: number): Promise<string>;
}

/** First and last port of some blocks. */
const SOME_PORTS = [0, 1, 7, 31, 62].flatMap((block) => [portsOf(block).low, portsOf(block).high]);

export function handOverContract(name: string, bench: HandOverBench): void {
  const desired = (members: readonly string[] = ['d1', 'd2', 'd3']): DesiredDataplane => {
    const peers = { d2: ipv4(HAND_OF.d2), d3: ipv4(HAND_OF.d3) };
    return { ...ofAll({ ...TCP, sorry: ipv4(SORRY) }, UDP), members, handOver: { device: bench.device, peers } };
  };

  function expected(members?: readonly string[]): string[] {
    const owners = lipOwners(desired(members))!.get(ipv4(LIP.shared))!;
    const ofPort = (port: number) => owners[Math.floor(port / 1024) - 1]!;
    return SOME_PORTS.map((port) => (ofPort(port) === 'd1' ? 'none' : ofPort(port)));
  }

  async function fates(): Promise<string[]> {
    const all: string[] = [];
    for (const port of SOME_PORTS) all.push(await bench.stray('s1', port));
    return all;
  }

  describe(`hand-over of unknown answers: ${name}`, () => {
    beforeAll(() => bench.up());
    afterAll(() => bench.down());

    test('each goes to the owner of its port, those of own ports nowhere; all are counted', async () => {
      await bench.apply(desired());
      const seen = await fates();
      expect(seen).toEqual(expected());
      expect(new Set(seen).size).toBe(3);
      const { handedOver } = (await bench.counters()).fullnat;
      expect(handedOver).toBe(seen.filter((fate) => fate !== 'none').length);
    });

    test('the sorry server’s answers go the same ways; ports of no block, and packets of strangers, nowhere', async () => {
      const at = expected().findIndex((fate) => fate !== 'none');
      const foreign = SOME_PORTS[at]!;
      expect(await bench.stray('sorry', foreign)).toBe(expected()[at]);
      expect([await bench.stray('s1', 1023), await bench.stray('stranger', foreign)]).toEqual(['none', 'none']);
    });

    test('when a director is gone its ports are of those that live', async () => {
      const members = ['d1', 'd3'];
      await bench.apply(desired(members));
      expect(await fates()).toEqual(expected(members));
      await bench.apply(desired());
      expect(await fates()).toEqual(expected());
    });

    test('an agent that starts adopts what it finds', async () => {
      await bench.restart();
      const { operations, drift } = await bench.apply(desired());
      expect({ operations, drift }).toEqual({ operations: [], drift: false });
    });

    test('without a hand-over nothing goes anywhere', async () => {
      await bench.apply({ ...desired(), handOver: undefined });
      expect(new Set(await fates())).toEqual(new Set(['none']));
    });
  });
}
