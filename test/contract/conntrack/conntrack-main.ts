/** Runs the conntrack driver inside a director's namespace, by JSON lines; what it tells of is kept until asked for. */
import { NetlinkConntrack } from '../../../src/drivers/conntrack/netlink.ts';
import { serve } from '../dataplane/json-lines.ts';
import type { Told } from './suite.ts';

const conntrack = new NetlinkConntrack();
let told: Told[] = [];

serve({
  listen: async () => {
    conntrack.listen({
      changed: (connection) => told.push({ kind: 'changed', connection }),
      destroyed: (connection) => told.push({ kind: 'destroyed', connection }),
      lost: () => told.push({ kind: 'lost' }),
      failed: (error) => told.push({ kind: 'failed', message: error.message }),
    });
  },
  told: async () => {
    const all = told;
    told = [];
    return all;
  },
  assured: () => conntrack.assured(),
  deleteOf: ({ serverId }) => conntrack.deleteOf(Number(serverId)),
});
