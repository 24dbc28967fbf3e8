/**
 * Attaches an open /dev/net/tun (`O_RDWR`) to a TUN device of this network namespace, which is made if it is not there and goes with the
 * descriptor. From then on each write is one packet and each read is one, behind the 10 bytes of a struct virtio_net_hdr.
 *
 * Throws an error as Node's own system errors (`EPERM` without CAP_NET_ADMIN, `EBUSY` when somebody else is attached,
 * `ENAMETOOLONG`), or one with code `ERR_TUN_DEVICE_LOAD`.
 *
 * @param name at most 15 bytes
 */
export function attach(descriptor: number, name: string): void;

/** Loads the native part now instead of at the first device; throws an error with code `ERR_TUN_DEVICE_LOAD`. */
export function load(): void;
