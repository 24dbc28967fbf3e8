/** Links in memory, for tests without a kernel. It passes the contract suite of the real driver. */
import { KernelError } from '../../io/kernel-error.ts';
import type { LinkControl } from './port.ts';

export class FakeLinks implements LinkControl {
  /** By name: administratively up? For tests to change. */
  readonly links = new Map<string, boolean>();
  /** What `defaultRoutes` answers, but for routes through a link that is down: the kernel removes those. */
  routes: readonly (readonly string[])[] = [];
  /** When set, the next change fails with this errno, once. */
  refuseNext: string | undefined;

  async isEnabled(name: string): Promise<boolean | undefined> {
    return this.links.get(name);
  }

  async enable(name: string, up: boolean): Promise<void> {
    const errno = this.links.has(name) ? this.refuseNext : 'ENODEV';
    this.refuseNext = undefined;
    if (errno !== undefined) throw new KernelError('link-set', { interface: name, to: up ? 'up' : 'down', errno });
    this.links.set(name, up);
  }

  async defaultRoutes(): Promise<readonly (readonly string[])[]> {
    return this.routes.filter((route) => route.every((name) => this.links.get(name) !== false));
  }
}
