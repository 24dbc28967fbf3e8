/** Runs the control of inside addresses inside a namespace, by JSON lines. */
import type { WantedInside } from '../../../src/core/inside/inside.ts';
import { RtnetlinkInside } from '../../../src/drivers/inside/rtnetlink.ts';
import { serve } from '../dataplane/json-lines.ts';

const inside = new RtnetlinkInside();

serve({
  settle: ({ wanted }) => inside.settle(wanted as WantedInside[]),
  announce: async () => {
    await inside.announce();
    return null;
  },
});
