/** Devices for FRR's stub links in memory, for tests without a kernel. It passes the contract suite of the real driver. */
import { KernelError } from '../../io/kernel-error.ts';
import { type DeviceOp, formatDeviceOp, planDevices, type VipDevices } from './vip-devices.ts';

export class FakeVipDevices implements VipDevices {
  /** For tests to look at and to change: all links, by name. */
  readonly links = new Map<string, { readonly isVeth: boolean; readonly up: boolean }>();

  async settle(names: readonly string[]): Promise<readonly string[]> {
    const operations = planDevices(
      names,
      [...this.links].map(([name, link]) => ({ name, ...link })),
    );
    for (const operation of operations) this.#perform(operation);
    return operations.map(formatDeviceOp);
  }

  #perform(operation: DeviceOp): void {
    const { kind, name } = operation;
    if (kind === 'make' && this.links.has(name)) {
      throw new KernelError('device-make', { change: formatDeviceOp(operation), errno: 'EEXIST' });
    }
    if (kind === 'remove') this.links.delete(name);
    else this.links.set(name, { isVeth: true, up: true });
  }
}
