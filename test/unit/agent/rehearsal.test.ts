/** What is rehearsed before the first packet: all of the way, and nothing real but questions about nothing. */
import { expect, test } from 'vitest';
import { rehearse } from '../../../src/agent/sync/rehearsal.ts';
import type { Tuple } from '../../../src/core/netlink/conntrack.ts';
import { Op, readRecords } from '../../../src/core/sync/records/record.ts';
import type { Applied, Replication, ReplicationCounts } from '../../../src/drivers/conntrack/replication.ts';
import { KernelError } from '../../../src/io/kernel-error.ts';

/** Notes what it is asked for. */
class NotingKernel implements Replication {
  readonly asked = new Set<string>();
  readonly written = new Set<string>();
  refuses = false;
  isOpen = false;

  async open(): Promise<void> {
    if (this.refuses) throw new KernelError('conntrack-subscribe', { errno: 'EPERM' });
    this.isOpen = true;
  }

  configure(): void {}

  async dump(): Promise<void> {}

  async apply(records: Uint8Array): Promise<Applied> {
    for (const { op, client, clientPort, vip } of readRecords(records)) {
      this.written.add([op, client, clientPort, vip].join(' '));
    }
    return { taken: 0, refused: new Uint8Array(0), inUse: 0 };
  }

  async get(direction: string, { source, destination, sport, dport }: Tuple): Promise<undefined> {
    this.asked.add([direction, source, destination, sport, dport].join(' '));
  }

  counts(): ReplicationCounts {
    return {} as ReplicationCounts;
  }

  async close(): Promise<void> {
    this.isOpen = false;
  }
}

test('every packet comes back, and the kernel is asked about nothing that there could be', async () => {
  const kernel = new NotingKernel();
  expect(await rehearse(kernel, 40)).toBe(40);
  expect([...kernel.asked]).toEqual(['original 0 0 0 0', 'reply 0 0 0 0']);
  expect([...kernel.written]).toEqual([[Op.delete, 0, 0, 0].join(' ')]);
  expect(kernel.isOpen).toBe(false);
});

test('without a kernel that lets itself be asked it is rehearsed all the same', async () => {
  const kernel = new NotingKernel();
  kernel.refuses = true;
  expect(await rehearse(kernel, 10)).toBe(10);
  expect(kernel.asked.size).toBe(0);
});
