/** Our tables in the kernel of a director's namespace, by JSON lines: written as the planner says, without a planner. */
import { NFNL_SUBSYS_NFTABLES } from '../../../src/core/dataplane/nft/messages.ts';
import type { Operation } from '../../../src/core/dataplane/plan.ts';
import { KernelTables } from '../../../src/drivers/dataplane/kernel-tables.ts';
import { KernelError } from '../../../src/io/kernel-error.ts';
import { NftablesNetlink } from '../../../src/io/nftables-netlink.ts';
import { serve } from './json-lines.ts';

const tables = new KernelTables();
const netlink = new NftablesNetlink();

interface HexMessage {
  readonly type: number;
  readonly flags: number;
  readonly payload: string;
}

serve({
  /** Elements to add come as a list of pairs. */
  write: (request) => {
    const operations = request['operations'] as readonly Operation[];
    return tables.write(operations.map((one) => (one.kind === 'elements' ? { ...one, add: new Map(one.add) } : one)));
  },
  generation: () => tables.generation(),
  /** Of one chain. */
  stamps: async (request) => {
    const chains = (await tables.read()).tables.get(String(request['table']))?.chains;
    return chains?.get(String(request['chain']))?.stamps ?? [];
  },
  /** What the kernel refused: errno, and the number of the message, if it was about one. */
  batch: async (request) => {
    const messages = (request['messages'] as HexMessage[]).map(({ payload, ...rest }) => ({
      ...rest,
      payload: Buffer.from(payload, 'hex'),
    }));
    const generation = request['generation'] as number | undefined;
    try {
      await netlink.send('batch', { subsystem: NFNL_SUBSYS_NFTABLES, messages, generation });
      return 'done';
    } catch (error) {
      if (error instanceof KernelError) return { errno: error.errno, message: error.values['message'] };
      throw error;
    }
  },
});
