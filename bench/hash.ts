/**
 * The consistent hash: what it costs to say where a flow goes, to compute a table and its stand-ins, and how many slots of
 * surviving servers move when one goes. The yardstick for time is Node's own SHA-1 of the same eight bytes.
 */
import { createHash } from 'node:crypto';
import { tableDigest, withFallback } from '../src/core/hash/fallback.ts';
import { slotOf } from '../src/core/hash/jhash.ts';
import { DEFAULT_SLOTS, type HashedServer, LARGE_SLOTS, maglevTable } from '../src/core/hash/maglev.ts';
import { atMost, type BenchGoal, type BenchRun, figure, median, race } from './result.ts';

function servers(count: number): HashedServer[] {
  return Array.from({ length: count }, (_, i) => ({ key: `10.2.${i >> 8}.${i & 255}:80`, weight: 1 + (i % 4) }));
}

function flows(): { readonly ours: () => number; readonly sha1: () => number } {
  const key = Buffer.alloc(8);
  let flow = 0;
  return {
    ours: () => {
      flow += 1;
      return slotOf(0x0a000000 + (flow & 0xffffff), flow & 0xffff, 0x5eed1234, DEFAULT_SLOTS);
    },
    sha1: () => {
      flow += 1;
      key.writeUInt32BE(flow & 0xffffff);
      return createHash('sha1').update(key).digest().readUInt32BE() % DEFAULT_SLOTS;
    },
  };
}

/** Slots of servers that stayed which changed hands when one of `count` equal servers went, in % of all slots; the worst case. */
function disruption(count: number, size: number): number {
  const list = servers(count).map(({ key }) => ({ key, weight: 1 }));
  const before = maglevTable(list, size);
  const moved = list.map((_, gone) => {
    const rest = list.filter((_server, index) => index !== gone);
    const after = maglevTable(rest, size);
    return before.filter((owner, slot) => owner !== gone && list[owner] !== rest[after[slot]!]).length;
  });
  return (Math.max(...moved) / size) * 100;
}

function tableContenders() {
  const [few, many] = [servers(10), servers(100)];
  const [small, large] = [maglevTable(few, DEFAULT_SLOTS), maglevTable(many, LARGE_SLOTS)];
  const keys = many.map(({ key }) => key);
  const live = many.map((_, index) => index % 10 !== 0);
  return {
    'table, 10 servers, 4099 slots': () => maglevTable(few, DEFAULT_SLOTS)[0]!,
    'table, 100 servers, 65537 slots': () => maglevTable(many, LARGE_SLOTS)[0]!,
    'stand-ins, 1 of 10 down, 4099 slots': () => withFallback(small, live.slice(0, 10))[0]!,
    'stand-ins, 10 of 100 down, 65537 slots': () => withFallback(large, live)[0]!,
    'digest, 65537 slots': () => tableDigest(large, keys).length,
  };
}

/** Milliseconds on the loop thread that each of them may take; a Hello must not wait for a table. */
const LIMITS: Readonly<Record<keyof ReturnType<typeof tableContenders>, number>> = {
  'table, 10 servers, 4099 slots': 5,
  'table, 100 servers, 65537 slots': 50,
  'stand-ins, 1 of 10 down, 4099 slots': 5,
  'stand-ins, 10 of 100 down, 65537 slots': 50,
  'digest, 65537 slots': 10,
};

export const run: BenchRun = async ({ quick, progress }) => {
  const rounds = quick ? 5 : 25;
  progress('slot of a flow');
  const flow = race(flows(), { rounds, batch: quick ? 10_000 : 100_000 });
  progress('tables');
  const tables = race(tableContenders(), { rounds, batch: quick ? 1 : 5 });
  progress('disruption');
  const goals: BenchGoal[] = [
    atMost('slot of a flow', median(flow.ours), 'ns', 100, { name: 'SHA-1', value: median(flow.sha1) }),
    ...Object.entries(LIMITS).map(([name, limit]) =>
      atMost(name, median(tables[name as keyof typeof LIMITS]) / 1e6, 'ms', limit),
    ),
    ...[3, 10].flatMap((count) =>
      [DEFAULT_SLOTS, LARGE_SLOTS].map((size) =>
        figure(`survivors' slots moved, 1 of ${count} gone, ${size} slots`, disruption(count, size), '%'),
      ),
    ),
  ];
  return { goals, samples: { ...flow, ...tables } };
};
