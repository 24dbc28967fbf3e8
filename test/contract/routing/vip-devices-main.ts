/** Runs the devices for FRR's stub links inside a namespace, by JSON lines. */
import { RtnetlinkVipDevices } from '../../../src/drivers/routing/vip-devices.ts';
import { serve } from '../dataplane/json-lines.ts';

const devices = new RtnetlinkVipDevices();

serve({ settle: ({ names }) => devices.settle(names as string[]) });
