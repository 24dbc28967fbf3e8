/**
 * Devices for the addresses that FRR announces as stub links, ours by their name. FRR puts addresses on them and takes them away; a
 * device it cannot make. Each is one end of a veth pair that leads nowhere: a carrier, on every kernel.
 * Adapters: this one, and `vip-devices-fake.ts`; both pass the same contract suite.
 */
import { OUR_DEVICES } from '../../core/frr/config.ts';
import { NLM_F_CREATE, NLM_F_EXCL, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK } from '../../core/netlink/codes.ts';
import { encodeLinkDump, encodeLinkFlags } from '../../core/netlink/link.ts';
import { decodeDevice, encodeVeth, type FoundDevice } from '../../core/netlink/veth.ts';
import { encodeLinkDelete } from '../../core/netlink/vxlan.ts';
import { RtNetlink } from '../../io/rtnetlink.ts';

export interface VipDevices {
  /**
   * Has these devices there and up, and no others that could be ours. A device of another kind with such a name is not touched.
   * Idempotent.
   *
   * @returns what was changed, a line each
   * @throws KernelError (`EEXIST`: another kind of device has the name, `EPERM`)
   */
  settle(names: readonly string[]): Promise<readonly string[]>;
}

export type DeviceOp = { readonly kind: 'make' | 'enable' | 'remove'; readonly name: string };

/** From the links that are there. One of another kind that has a wished name is tried to be made, which the kernel refuses. */
export function planDevices(names: readonly string[], found: readonly Omit<FoundDevice, 'ifindex'>[]): DeviceOp[] {
  const ours = found.filter(({ name, isVeth }) => isVeth && OUR_DEVICES.test(name));
  const operations: DeviceOp[] = [];
  for (const { name } of ours) if (!names.includes(name)) operations.push({ kind: 'remove', name });
  for (const name of names) {
    const device = ours.find((one) => one.name === name);
    if (device === undefined) operations.push({ kind: 'make', name });
    else if (!device.up) operations.push({ kind: 'enable', name });
  }
  return operations;
}

/** The other end. */
export function peerOf(name: string): string {
  return name.replace('vips', 'peer');
}

const WORDS = { make: 'made', enable: 'up', remove: 'removed' } as const;

export function formatDeviceOp({ kind, name }: DeviceOp): string {
  return `${name}: ${WORDS[kind]}`;
}

/** In this network namespace, over rtnetlink. Nothing is remembered between calls. */
export class RtnetlinkVipDevices implements VipDevices {
  /** Opened by the first request. */
  readonly #netlink = new RtNetlink();

  async settle(names: readonly string[]): Promise<readonly string[]> {
    const operations = planDevices(names, await this.#found());
    for (const operation of operations) await this.#perform(operation);
    return operations.map(formatDeviceOp);
  }

  async #found(): Promise<FoundDevice[]> {
    const parts = await this.#netlink.dump('link-dump', RTM_GETLINK, encodeLinkDump());
    return parts.map(decodeDevice).filter((one) => one !== undefined);
  }

  async #perform(operation: DeviceOp): Promise<void> {
    const { kind, name } = operation;
    const request = (type: number, flags: number, payload: Uint8Array) =>
      this.#netlink.request(`device-${kind}`, type, flags, payload, { change: formatDeviceOp(operation) });
    if (kind === 'make') await request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, encodeVeth(name, peerOf(name)));
    const found = await this.#found();
    const ends = [name, peerOf(name)].flatMap((end) => found.filter((one) => one.name === end));
    if (kind === 'remove') return request(RTM_DELLINK, 0, encodeLinkDelete(ends[0]!.ifindex));
    for (const { ifindex } of ends) await request(RTM_NEWLINK, 0, encodeLinkFlags(ifindex, true));
  }
}
