/** Loads the native parts before they are needed, so that a start without them fails at once and says what to install. */
import { load as loadDgramOspf } from 'dgram-ospf';
import { load as loadNetlinkReader } from 'netlink-reader';

/** Throws an error with code `ERR_DGRAM_OSPF_LOAD` or `ERR_NETLINK_READER_LOAD`. */
export function loadNativeParts(): void {
  loadDgramOspf();
  loadNetlinkReader();
}
