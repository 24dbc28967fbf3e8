/** Loads the native parts before they are needed, so that a start without them fails at once and says what to install. */
import { load as loadDgramOspf } from 'dgram-ospf';
import { load as loadNetlinkBatch } from 'netlink-batch';
import { load as loadTunDevice } from 'tun-device';

/** Throws an error with code `ERR_DGRAM_OSPF_LOAD`, `ERR_NETLINK_BATCH_LOAD` or `ERR_TUN_DEVICE_LOAD`. */
export function loadNativeParts(): void {
  loadDgramOspf();
  loadNetlinkBatch();
  loadTunDevice();
}
