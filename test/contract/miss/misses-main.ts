/** Takes packets out of a director's kernel and gives them back, by JSON lines; what was told is kept until it is asked for. */
import { KernelMisses } from '../../../src/drivers/miss/kernel.ts';
import type { Missed } from '../../../src/drivers/miss/port.ts';
import { serve } from '../dataplane/json-lines.ts';
import type { Told } from './suite.ts';

const misses = new KernelMisses();
let fresh: Told[] = [];
let kept: Missed[] = [];

serve({
  open: () =>
    misses.open({
      packet: (packet) => {
        const { sport, dport, flags, bytes, checksum } = packet;
        fresh.push({ sport, dport, flags, length: bytes.length, checksum });
        kept.push({ ...packet, bytes: bytes.slice() });
      },
      failed: (error) => {
        throw error;
      },
    }),
  close: async () => misses.close(),
  told: async () => {
    const all = fresh;
    fresh = [];
    return all;
  },
  giveBack: async () => {
    misses.reinject(kept);
    kept = [];
  },
  counts: async () => misses.counts(),
});
