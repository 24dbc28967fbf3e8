import { FakeMisses } from '../../../src/drivers/miss/fake.ts';
import type { Missed } from '../../../src/drivers/miss/port.ts';
import { buildPacket } from '../../unit/packet/build.ts';
import { missContract, type Stray } from './suite.ts';

const misses = new FakeMisses();
let fresh: Missed[] = [];
let kept: Missed[] = [];

function packetOf({ sport, payload = 0, damaged = false }: Stray): Uint8Array {
  const bytes = buildPacket({ sport, payload: new Uint8Array(payload) });
  if (damaged) bytes[bytes.length - 1]! ^= 1;
  return bytes;
}

missContract('fake', {
  up: async () => {},
  down: async () => {},
  open: () =>
    misses.open({
      packet: (packet) => {
        fresh.push(packet);
        kept.push(packet);
      },
      failed: () => {},
    }),
  close: async () => misses.close(),
  async send(strays) {
    for (const stray of strays) misses.arrive(packetOf(stray));
  },
  async told() {
    const all = fresh;
    fresh = [];
    return all.map(({ sport, dport, flags, bytes, checksum }) => ({
      sport,
      dport,
      flags,
      length: bytes.length,
      checksum,
    }));
  },
  async giveBack() {
    misses.reinject(kept);
    kept = [];
  },
  counts: async () => misses.counts(),
});
