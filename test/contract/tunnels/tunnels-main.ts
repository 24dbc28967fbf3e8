/** Runs the tunnel control inside a namespace, by JSON lines. */
import type { Tunnels } from '../../../src/core/tunnels/tunnels.ts';
import { RtnetlinkTunnels } from '../../../src/drivers/tunnels/rtnetlink.ts';
import { serve } from '../dataplane/json-lines.ts';

const tunnels = new RtnetlinkTunnels();

serve({
  settle: ({ wanted }) => tunnels.settle(wanted as Tunnels),
  remove: () => tunnels.remove(),
});
