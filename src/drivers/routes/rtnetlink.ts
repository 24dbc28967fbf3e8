/**
 * The real routing table, over rtnetlink.
 *
 * Duty: desired → dump → plan → requests. Learned routes go to table main (type unicast; several next hops as one
 * RTA_MULTIPATH route), VIPs to table local (type local, scope host, dev lo); all carry protocol 217, and only routes with
 * that protocol are changed or removed. Nothing is remembered between calls: the kernel removes routes silently with
 * their device, and somebody may have removed them by hand.
 */
import { setImmediate } from 'node:timers/promises';
import {
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN_LOCAL,
  RTN_UNICAST,
} from '../../core/netlink/codes.ts';
import {
  decodeRoute,
  encodeRoute,
  encodeRouteDelete,
  encodeRouteDump,
  type RouteMessage,
} from '../../core/netlink/route.ts';
import { formatRoute, type KernelRoute, ROUTE_PROTOCOL, routeKey } from '../../core/routes/kernel-route.ts';
import { plan, type RouteOp } from '../../core/routes/plan.ts';
import { KernelError } from '../../io/kernel-error.ts';
import { readLinks } from '../../io/links.ts';
import { RtNetlink } from '../../io/rtnetlink.ts';
import { performAll } from './perform.ts';
import type { RouteTable } from './port.ts';

const LOOPBACK = 'lo';

/** Routes handled in one turn of the event loop: a millisecond or two. */
const SLICE = 500;

/** Interface names and indexes, as of one dump. */
interface Links {
  readonly indexes: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
}

interface Observed {
  readonly ours: readonly KernelRoute[];
  /** Keys of other owners' routes where ours could be meant by a replace. */
  readonly foreign: ReadonlySet<string>;
  readonly links: Links;
}

export class RtnetlinkRoutes implements RouteTable {
  #netlink: RtNetlink | undefined;

  async open(): Promise<void> {
    this.#netlink ??= new RtNetlink();
  }

  async apply(desired: readonly KernelRoute[]): Promise<readonly string[]> {
    const observed = await this.#read();
    return performAll(await planInSlices(desired, observed.ours), (op) => this.#perform(op, observed));
  }

  async observe(): Promise<readonly KernelRoute[]> {
    return (await this.#read()).ours;
  }

  async close(): Promise<void> {
    this.#netlink?.close();
    this.#netlink = undefined;
  }

  #socket(): RtNetlink {
    if (this.#netlink === undefined) throw new KernelError('route-table', { text: 'not open' });
    return this.#netlink;
  }

  async #read(): Promise<Observed> {
    const links = indexLinks(await readLinks(this.#socket()));
    const parts = await this.#socket().dump('route-dump', RTM_GETROUTE, encodeRouteDump());
    const ours: KernelRoute[] = [];
    const foreign = new Set<string>();
    for (const [at, part] of parts.entries()) {
      if (at % SLICE === SLICE - 1) await setImmediate();
      const message = decodeRoute(part);
      const route = message === undefined ? undefined : fromMessage(message, links);
      if (message === undefined || route === undefined) continue;
      if (message.protocol === ROUTE_PROTOCOL) ours.push(route);
      else foreign.add(routeKey(route));
    }
    return { ours, foreign, links };
  }

  async #perform(op: RouteOp, observed: Observed): Promise<void> {
    const values = { route: formatRoute(op.route) };
    const message = toMessage(op.route, observed.links, `route-${op.kind}`);
    if (op.kind === 'remove') return this.#remove(message, values);
    // The kernel's replace takes the first route with this prefix and metric, whoever owns it.
    if (op.kind === 'replace' && observed.foreign.has(routeKey(op.route))) {
      throw new KernelError('route-replace', { ...values, errno: 'EEXIST', text: 'another owner has such a route' });
    }
    await this.#socket().request(`route-${op.kind}`, RTM_NEWROUTE, newFlags(op), encodeRoute(message), values);
  }

  async #remove(message: RouteMessage, values: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      await this.#socket().request('route-remove', RTM_DELROUTE, 0, encodeRouteDelete(message), values);
    } catch (error) {
      // ESRCH: it went with its device since the dump.
      if (!(error instanceof KernelError) || error.errno !== 'ESRCH') throw error;
    }
  }
}

/**
 * The plan for a table of any size, without standing in the way of Hellos: routes are planned in groups, a turn for each.
 * All routes of a prefix are in the same group; all that is added or replaced comes before all that is removed.
 */
async function planInSlices(
  desired: readonly KernelRoute[],
  observed: readonly KernelRoute[],
): Promise<readonly RouteOp[]> {
  const groups = Math.ceil(Math.max(desired.length, observed.length) / SLICE);
  if (groups <= 1) return plan(desired, observed);
  const [wanted, present] = [groupsOf(desired, groups), groupsOf(observed, groups)];
  const operations: RouteOp[] = [];
  for (let group = 0; group < groups; group++) {
    await setImmediate();
    operations.push(...plan(wanted[group]!, present[group]!));
  }
  return [...operations.filter(({ kind }) => kind !== 'remove'), ...operations.filter(({ kind }) => kind === 'remove')];
}

function groupsOf(routes: readonly KernelRoute[], count: number): KernelRoute[][] {
  const groups: KernelRoute[][] = Array.from({ length: count }, () => []);
  // Neighboring prefixes differ in their middle bits.
  for (const route of routes) groups[(route.prefix.address >>> 8) % count]!.push(route);
  return groups;
}

/**
 * EXCL: never shadow a route of the operator with the same metric. A VIP is different: where it is also an address of
 * `lo`, the kernel's own local route says the same as ours, and both may stand side by side.
 */
function newFlags(op: RouteOp): number {
  if (op.kind === 'replace') return NLM_F_CREATE | NLM_F_REPLACE;
  return op.route.kind === 'local' ? NLM_F_CREATE : NLM_F_CREATE | NLM_F_EXCL;
}

function indexLinks(links: readonly { readonly name: string; readonly ifindex: number }[]): Links {
  return {
    indexes: new Map(links.map(({ name, ifindex }) => [name, ifindex])),
    names: new Map(links.map(({ name, ifindex }) => [ifindex, name])),
  };
}

function fromMessage(message: RouteMessage, links: Links): KernelRoute | undefined {
  const { prefix, metric } = message;
  if (message.table === RT_TABLE_LOCAL && message.type === RTN_LOCAL) return { kind: 'local', prefix };
  if (message.table !== RT_TABLE_MAIN || message.type !== RTN_UNICAST) return undefined;
  const nextHops = message.nextHops.map(({ ifindex, gateway }) => ({
    interface: links.names.get(ifindex) ?? `if${ifindex}`,
    gateway,
  }));
  return { kind: 'unicast', prefix, metric, nextHops };
}

function toMessage(route: KernelRoute, links: Links, request: string): RouteMessage {
  const common = { prefix: route.prefix, protocol: ROUTE_PROTOCOL };
  if (route.kind === 'local') {
    const nextHops = [{ ifindex: indexOf(LOOPBACK, route, links, request), gateway: undefined }];
    return { ...common, table: RT_TABLE_LOCAL, type: RTN_LOCAL, scope: RT_SCOPE_HOST, metric: 0, nextHops };
  }
  const direct = route.nextHops.every((hop) => hop.gateway === undefined);
  return {
    ...common,
    table: RT_TABLE_MAIN,
    type: RTN_UNICAST,
    scope: direct ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
    metric: route.metric,
    nextHops: route.nextHops.map((hop) => ({
      ifindex: indexOf(hop.interface, route, links, request),
      gateway: hop.gateway,
    })),
  };
}

function indexOf(name: string, route: KernelRoute, links: Links, request: string): number {
  const ifindex = links.indexes.get(name);
  if (ifindex !== undefined) return ifindex;
  throw new KernelError(request, { route: formatRoute(route), interface: name, errno: 'ENODEV' });
}
