/** Runs the conntrack driver inside a director's namespace, by JSON lines; what it tells of is kept until asked for. */
import { NetlinkConntrack } from '../../../src/drivers/conntrack/netlink.ts';
import { serve } from '../dataplane/json-lines.ts';
import { connectionOf, listed } from './connection-of.ts';
import type { Told } from './suite.ts';

const conntrack = new NetlinkConntrack();
let told: Told[] = [];

serve({
  listen: async () => {
    conntrack.listen({
      changed: (flow) => told.push({ kind: 'changed', connection: connectionOf(flow) }),
      destroyed: (flow) => told.push({ kind: 'destroyed', connection: connectionOf(flow) }),
      lost: () => told.push({ kind: 'lost' }),
      failed: (error) => told.push({ kind: 'failed', message: error.message }),
    });
  },
  told: async () => {
    const all = told;
    told = [];
    return all;
  },
  assured: () => listed((on) => conntrack.assured(on)),
  deleteOf: ({ serverId }) => conntrack.deleteOf(Number(serverId)),
});
