import { expect, test } from 'vitest';
import type { Counters } from '../../../src/agent/keepers/dataplane-keeper.ts';
import { DrainWatch, type TrafficRate } from '../../../src/agent/keepers/drain-watch.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { Service } from '../../../src/core/model/cluster.ts';
import { FakeClock } from './fake-clock.ts';
import { clusterText, parsed } from './world.ts';

const A = ipv4('203.0.113.10');
const B = ipv4('203.0.113.11');

function counters(at: number, packets: Readonly<Record<string, number>>): Counters {
  const services = Object.entries(packets).map(([service, packetsIn]) => ({
    service,
    newConnections: 0,
    misses: 0,
    persistenceFull: 0,
    packetsIn,
    bytesIn: 0,
    packetsOut: 0,
    bytesOut: 0,
  }));
  return {
    at,
    services,
    servers: [],
    fullnat: { noBlock: 0, handedOver: 0 },
    guard: {
      vipUnknown: 0,
      serverUntranslated: 0,
      transit: 0,
      lipUnknown: 0,
      poolUnknown: 0,
      egressUntranslated: 0,
      serverFull: 0,
    },
  };
}

async function watch(services: readonly Service[], packets: (at: number) => Readonly<Record<string, number>>) {
  const clock = new FakeClock();
  const seen: (readonly TrafficRate[])[] = [];
  const drainWatch = new DrainWatch({
    clock,
    sample: async () => counters(clock.now(), packets(clock.now())),
    services: () => services,
    onRates: (rates) => seen.push(rates),
  });
  await drainWatch.start();
  return { clock, seen, drainWatch };
}

test('rates are per second and VIP; a service in two VIPs counts for both', async () => {
  const { services } = (
    await parsed(clusterText({ web: {}, both: { vip: '203.0.113.10, 203.0.113.11', ports: '443' } }))
  ).cluster;
  const { clock, seen } = await watch(services, (at) => ({ web: at / 10, both: at / 100 }));
  expect(seen).toEqual([]);
  await clock.advance(500);
  expect(seen).toEqual([
    [
      { vip: A, packetsPerSecond: 110 },
      { vip: B, packetsPerSecond: 10 },
    ],
  ]);
});

test('counters that start anew are not negative traffic, and a stopped watch is silent', async () => {
  const { services } = (await parsed(clusterText({ web: {} }))).cluster;
  const { clock, seen, drainWatch } = await watch(services, (at) => ({ web: 1000 - at }));
  await clock.advance(500);
  expect(seen).toEqual([[{ vip: A, packetsPerSecond: 0 }]]);
  drainWatch.stop();
  await clock.advance(5000);
  expect(seen).toHaveLength(1);
});
