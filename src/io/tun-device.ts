/**
 * A TUN device of this network namespace: what is written to it arrives by it, like any packet by any interface. It is there as
 * long as it is open, and goes with the process.
 */
import { closeSync, constants, openSync, writevSync } from 'node:fs';
import { attach } from 'tun-device';
import { RTM_NEWLINK } from '../core/netlink/codes.ts';
import { encodeLinkFlags } from '../core/netlink/link.ts';
import { KernelError } from './kernel-error.ts';
import { readLinks } from './links.ts';
import { netlinkRefusal } from './netlink-requests.ts';
import { RtNetlink } from './rtnetlink.ts';
import { readSysctl, writeSysctl } from './sysctl.ts';

const CLONE_DEVICE = '/dev/net/tun';

export class TunDevice {
  readonly #descriptor: number;
  readonly #name: string;

  private constructor(descriptor: number, name: string) {
    this.#descriptor = descriptor;
    this.#name = name;
  }

  /**
   * Makes the device and brings it up. It takes packets of any source, forwards them, and says nothing of its own.
   *
   * @throws KernelError `tun-open` (`ENOENT` without /dev/net/tun, `EPERM`, `EBUSY` when another process has the device),
   *   `tun-up`, `sysctl-write`; an error with code `ERR_TUN_DEVICE_LOAD` where the addon is missing
   */
  static async open(name: string): Promise<TunDevice> {
    const descriptor = attached(name);
    try {
      await configure(name);
      return new TunDevice(descriptor, name);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /**
   * One packet.
   *
   * @param header `struct virtio_net_hdr`, 10 bytes
   * @throws KernelError `tun-write`: `EIO` when somebody has set it down, `EINVAL` when header and packet do not fit together
   */
  write(header: Uint8Array, packet: Uint8Array): void {
    try {
      writevSync(this.#descriptor, [header, packet]);
    } catch (cause) {
      throw netlinkRefusal('tun-write', { device: this.#name }, cause);
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Why TUN devices cannot be had here: an errno; undefined: they can. */
export function tunRefusal(): string | undefined {
  try {
    closeSync(openSync(CLONE_DEVICE, constants.O_RDWR));
    return undefined;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code ?? String(cause);
  }
}

function attached(name: string): number {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(CLONE_DEVICE, constants.O_RDWR | constants.O_NONBLOCK);
    attach(descriptor, name);
    return descriptor;
  } catch (cause) {
    if (descriptor !== undefined) closeSync(descriptor);
    throw cause instanceof Error && 'syscall' in cause ? netlinkRefusal('tun-open', { device: name }, cause) : cause;
  }
}

async function configure(name: string): Promise<void> {
  const ipv4 = ['net', 'ipv4', 'conf'];
  // The kernel uses the stricter of `all` and the interface, where 2 (any route back) outranks 1 (by this interface).
  const all = await readSysctl([...ipv4, 'all', 'rp_filter']);
  await writeSysctl([...ipv4, name, 'rp_filter'], all === '1' ? '2' : '0');
  await writeSysctl([...ipv4, name, 'forwarding'], '1');
  // Where there is no IPv6 there is nothing to be silenced.
  await writeSysctl(['net', 'ipv6', 'conf', name, 'disable_ipv6'], '1').catch(() => {});
  const netlink = new RtNetlink();
  try {
    const link = (await readLinks(netlink)).find((one) => one.name === name);
    if (link === undefined) throw new KernelError('tun-up', { device: name, errno: 'ENODEV' });
    await netlink.request('tun-up', RTM_NEWLINK, 0, encodeLinkFlags(link.ifindex, true), { device: name });
  } finally {
    netlink.close();
  }
}
