/**
 * A routing table in memory that behaves as the kernel's where our driver can tell: it refuses unknown interfaces and
 * somebody else's prefix and metric, and it loses routes silently with their interface. It passes the same contract suite
 * as the real one.
 */
import { formatRoute, type KernelRoute, routeKey } from '../../core/routes/kernel-route.ts';
import { plan, type RouteOp } from '../../core/routes/plan.ts';
import { KernelError } from '../../io/kernel-error.ts';
import { performAll } from './perform.ts';
import type { RouteTable } from './port.ts';

/** The kernel behind the fake: it outlives the tables that are opened on it, as the real one outlives an agent. */
export class FakeRouteKernel {
  readonly interfaces: Set<string>;
  readonly ours = new Map<string, KernelRoute>();
  readonly foreign = new Map<string, KernelRoute>();

  constructor(interfaces: Iterable<string>) {
    this.interfaces = new Set(['lo', ...interfaces]);
  }

  /** Somebody else's route, which we must neither replace nor remove. */
  addForeign(route: KernelRoute): void {
    this.foreign.set(routeKey(route), route);
  }

  /** The device goes, and with it, without a word, every route that has it in a next hop. */
  removeInterface(name: string): void {
    this.interfaces.delete(name);
    for (const routes of [this.ours, this.foreign]) {
      for (const [key, route] of routes) {
        if (interfacesOf(route).includes(name)) routes.delete(key);
      }
    }
  }
}

export class FakeRoutes implements RouteTable {
  readonly kernel: FakeRouteKernel;
  #open = false;

  constructor(kernel: FakeRouteKernel) {
    this.kernel = kernel;
  }

  async open(): Promise<void> {
    this.#open = true;
  }

  async apply(desired: readonly KernelRoute[]): Promise<readonly string[]> {
    return performAll(plan(desired, await this.observe()), async (op) => this.#perform(op));
  }

  async observe(): Promise<readonly KernelRoute[]> {
    if (!this.#open) throw new KernelError('route-table', { text: 'not open' });
    return [...this.kernel.ours.values()];
  }

  async close(): Promise<void> {
    this.#open = false;
  }

  #perform(op: RouteOp): void {
    const key = routeKey(op.route);
    if (op.kind === 'remove') {
      this.kernel.ours.delete(key);
      return;
    }
    const request = `route-${op.kind}`;
    const values = { route: formatRoute(op.route) };
    const missing = interfacesOf(op.route).find((name) => !this.kernel.interfaces.has(name));
    if (missing !== undefined) throw new KernelError(request, { ...values, interface: missing, errno: 'ENODEV' });
    if (op.route.kind === 'unicast' && this.kernel.foreign.has(key)) {
      throw new KernelError(request, { ...values, errno: 'EEXIST' });
    }
    this.kernel.ours.set(key, op.route);
  }
}

function interfacesOf(route: KernelRoute): readonly string[] {
  return route.kind === 'local' ? ['lo'] : route.nextHops.map((hop) => hop.interface);
}
