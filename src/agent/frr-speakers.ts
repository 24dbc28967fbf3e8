/** Speakers through an FRR that runs on this host. All instances that reach it in the same way share one `FrrDaemon`. */
import type { Millis } from '../core/base/machine.ts';
import type { InstanceConfig } from '../core/ospf/events.ts';
import { FrrSpeaker } from '../drivers/routing/frr.ts';
import { FrrDaemon } from '../drivers/routing/frr-daemon.ts';
import { RtnetlinkVipDevices } from '../drivers/routing/vip-devices.ts';
import { systemClock } from '../io/clock.ts';
import { Vtysh } from '../io/vtysh.ts';
import type { FrrProcess } from './speakers.ts';

const SYSTEM = { devices: new RtnetlinkVipDevices(), clock: systemClock, timeOfDay: Date.now };

/** What makes them; `keepInherited`: how long what an earlier agent left there may stay announced without being wished. */
export function frrSpeakers() {
  const daemons = new Map<string, FrrDaemon>();
  return (instance: string, config: InstanceConfig, { settings, process }: FrrProcess, keepInherited: Millis) => {
    const { vtysh: program, vtyDir, deadline } = settings;
    const vtysh = new Vtysh({ program, vtyDir, deadline });
    const key = JSON.stringify(settings);
    const daemon = daemons.get(key) ?? new FrrDaemon({ vtysh, settings, ...SYSTEM });
    daemons.set(key, daemon);
    return new FrrSpeaker({ instance, config, daemon, process, clock: systemClock, keepInherited, settings });
  };
}
