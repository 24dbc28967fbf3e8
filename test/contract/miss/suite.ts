/** What everybody must do who takes packets out of the kernel and gives them back. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { MissCounts } from '../../../src/drivers/miss/port.ts';

/** A segment of a connection that nobody knows, from a port of the client to the service. */
export interface Stray {
  readonly sport: number;
  readonly payload?: number;
  /** Somebody has changed a byte of it on the way. */
  readonly damaged?: boolean;
}

/** A packet that was told of. */
export interface Told {
  readonly sport: number;
  readonly dport: number;
  readonly flags: number;
  readonly length: number;
  readonly checksum: string;
}

export interface MissBench {
  up(): Promise<void>;
  down(): Promise<void>;
  open(): Promise<void>;
  close(): Promise<void>;
  send(strays: readonly Stray[]): Promise<void>;
  /** What was told since the last call. */
  told(): Promise<readonly Told[]>;
  /** Gives back everything that was told and not given back yet. */
  giveBack(): Promise<void>;
  counts(): Promise<MissCounts>;
}

let nextPort = 3000;
const ports = (count: number) => Array.from({ length: count }, () => nextPort++);

export function missContract(name: string, bench: MissBench): void {
  describe(`misses: ${name}`, () => {
    beforeAll(async () => {
      await bench.up();
      await bench.open();
    });
    afterAll(() => bench.down());

    /** Waits until so many were told, and a moment for more. */
    async function told(count: number): Promise<readonly Told[]> {
      const all: Told[] = [];
      await vi.waitFor(async () => {
        all.push(...(await bench.told()));
        expect(all.length).toBeGreaterThanOrEqual(count);
      });
      all.push(...(await bench.told()));
      return all;
    }

    test('each packet is told of, whole and in order, with the flow that it belongs to', async () => {
      const sports = ports(10);
      await bench.send(sports.map((sport) => ({ sport, payload: 1000 })));
      const rest = { dport: 80, flags: 0x10, length: 1040, checksum: 'complete' };
      expect(await told(10)).toEqual(sports.map((sport) => ({ sport, ...rest })));
    });

    test('one that was damaged on the way is not: with a new checksum nobody could tell any more', async () => {
      const [bad, good] = ports(2);
      const before = await bench.counts();
      await bench.send([
        { sport: bad!, payload: 100, damaged: true },
        { sport: good!, payload: 100 },
      ]);
      expect((await told(1)).map(({ sport }) => sport)).toEqual([good]);
      const { damaged, told: count } = await bench.counts();
      expect({ damaged, count }).toEqual({ damaged: before.damaged + 1, count: before.told + 1 });
    });

    test('one that is given back and still unknown is not told of again', async () => {
      const sports = ports(5);
      await bench.giveBack();
      const before = await bench.counts();
      await bench.send(sports.map((sport) => ({ sport })));
      await told(5);
      await bench.giveBack();
      await bench.send(ports(1).map((sport) => ({ sport })));
      expect(await told(1)).toHaveLength(1);
      const { reinjected, refused, told: count } = await bench.counts();
      expect({ reinjected, refused, count }).toEqual({
        reinjected: before.reinjected + 5,
        refused: before.refused,
        count: before.told + 6,
      });
    });

    test('after the end nothing is told, and what is given back is gone; it may begin anew', async () => {
      await bench.close();
      await bench.send(ports(3).map((sport) => ({ sport })));
      await bench.open();
      const [sport] = ports(1);
      await bench.send([{ sport: sport! }]);
      expect((await told(1)).map((one) => one.sport)).toEqual([sport]);
    });
  });
}
