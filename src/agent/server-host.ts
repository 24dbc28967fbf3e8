/** The host that we run on, for `sluice realserver`: no agent needs to be there. */
import type { ServerHost } from '../api/realserver.ts';
import { readHost, runOnHost } from '../drivers/realserver/host.ts';

export const serverHost: ServerHost = { answers: readHost, run: runOnHost };
