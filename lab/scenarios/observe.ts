/**
 * Looking at a cluster from outside: what each agent says of itself, what the routers' kernels would do, and which
 * addresses belong to whom. Everything here only reads.
 */
import type { EventDocument, LifecycleState, StatusDocument } from '../../src/api/documents.ts';
import { LabError } from '../lab-error.ts';
import type { Lab, LabNode } from '../runtimes/lab.ts';
import { until } from '../runtimes/wait.ts';

export interface DirectorView {
  readonly name: string;
  /** `off`: no agent answers. */
  readonly state: LifecycleState | 'off';
  readonly status: StatusDocument | undefined;
}

export interface DirectorEvent extends EventDocument {
  readonly director: string;
}

/** What an agent says of itself; `off` when none answers. */
export async function viewDirector(lab: Lab, name: string): Promise<DirectorView> {
  try {
    const status = await lab.api(name).get('/v1/status');
    return { name, state: status.state, status };
  } catch {
    return { name, state: 'off', status: undefined };
  }
}

/**
 * Waits until a director announces every VIP of its file at its normal metric. Throws LabError with what it waits for. The deadline
 * is that of a guest on a machine with much else to do.
 */
export async function untilAnnounced(lab: Lab, name: string, deadline = 120_000): Promise<void> {
  let waiting = 'its agent';
  const announced = async (): Promise<boolean> => {
    const { status } = await viewDirector(lab, name);
    if (status === undefined) return false;
    waiting = status.vips.flatMap((vip) => vip.waitingFor).join('; ') || `state ${status.state}`;
    return status.vips.length > 0 && status.vips.every((vip) => vip.announced && vip.waitingFor.length === 0);
  };
  try {
    await until(`${name} announces its VIPs`, deadline, announced);
  } catch (error) {
    throw new LabError(`${name} does not announce its VIPs after ${deadline / 1000} s; it waits for: ${waiting}`, {
      cause: error,
    });
  }
}

/** Waits for a lifecycle state. Throws LabError. */
export async function untilState(lab: Lab, name: string, state: LifecycleState, deadline = 30_000): Promise<void> {
  await until(`${name} is ${state}`, deadline, async () => (await viewDirector(lab, name)).state === state);
}

/** The events of all directors, each once, in the order in which they are read. */
export class EventFollower {
  readonly #lab: Lab;
  readonly #directors: readonly string[];
  readonly #seen = new Map<string, { pid: number; seq: number }>();

  constructor(lab: Lab, directors: readonly string[]) {
    this.#lab = lab;
    this.#directors = directors;
  }

  /** What is new since the last call. An agent that does not answer has none. */
  async poll(): Promise<DirectorEvent[]> {
    const lists = await Promise.all(this.#directors.map((name) => this.#pollOne(name)));
    return lists.flat().toSorted((a, b) => a.at.localeCompare(b.at));
  }

  async #pollOne(director: string): Promise<DirectorEvent[]> {
    const pid = this.#lab.directorPid(director) ?? 0;
    // Another process counts its events from the beginning.
    const last = this.#seen.get(director);
    const since = last?.pid === pid ? last.seq : 0;
    try {
      const events = await this.#lab.api(director).get(`/v1/events?since=${since}`);
      this.#seen.set(director, { pid, seq: events.at(-1)?.seq ?? since });
      return events.map((event) => ({ ...event, director }));
    } catch {
      return [];
    }
  }
}

interface AddressRow {
  readonly ifname: string;
  readonly addr_info: readonly { readonly local: string; readonly scope: string }[];
}

interface RouteRow {
  readonly gateway?: string;
  readonly nexthops?: readonly { readonly gateway?: string }[];
}

/** The global addresses of a node, on one interface or on all. */
export async function addressesOf(node: LabNode, iface?: string): Promise<string[]> {
  const rows = (await ipJson(node, ['address', 'show'])) as readonly AddressRow[];
  return rows
    .filter((row) => iface === undefined || row.ifname === iface)
    .flatMap((row) => row.addr_info.filter((info) => info.scope === 'global').map((info) => info.local));
}

/** The routers' kernels: which directors the VIP leads to. */
export class RouterView {
  readonly routers: readonly LabNode[];
  readonly #vip: string;
  /** Directors whose addresses are not known yet: to ask a guest that has not been booted would boot it. */
  readonly #unknown: Set<LabNode>;
  readonly #owners = new Map<string, string>();

  private constructor(routers: readonly LabNode[], vip: string, directors: readonly LabNode[]) {
    this.routers = routers;
    this.#vip = vip;
    this.#unknown = new Set(directors);
  }

  static async of(lab: Lab, vip: string): Promise<RouterView> {
    // Of those on the servers' side nobody asks for the VIP.
    const routers = lab.byRole('router').filter(({ labels }) => labels['sluice.side'] !== 'inside');
    const view = new RouterView(routers, vip, lab.byRole('director'));
    await view.#learn();
    return view;
  }

  async #learn(): Promise<void> {
    for (const director of this.#unknown) {
      if (!director.alive) continue;
      for (const address of await addressesOf(director)) this.#owners.set(address, director.name);
      this.#unknown.delete(director);
    }
  }

  /** The directors that are next hops in one router's kernel, in the kernel's order. */
  async nextHops(router: LabNode): Promise<string[]> {
    const gateways = await nextHopsOf(router, this.#vip);
    if (gateways.some((gateway) => !this.#owners.has(gateway))) await this.#learn();
    return gateways.map((gateway) => this.#owners.get(gateway) ?? gateway);
  }

  /** Waits until every router leads to exactly these directors, in any order. Throws LabError. */
  async untilNextHops(directors: readonly string[], deadline = 20_000): Promise<void> {
    const wanted = directors.toSorted().join(' ');
    await until(`the routers lead to ${wanted || 'no director'}`, deadline, async () => {
      const hops = await Promise.all(this.routers.map((router) => this.nextHops(router)));
      return hops.every((list) => list.toSorted().join(' ') === wanted);
    });
  }
}

/** The next hops of a node's kernel to an address, in the kernel's order; none where it has no route of its own. */
export async function nextHopsOf(node: LabNode, address: string): Promise<string[]> {
  const rows = (await ipJson(node, ['route', 'show', `${address}/32`])) as readonly RouteRow[];
  return rows.flatMap((row) => row.nexthops ?? [row]).map((hop) => hop.gateway ?? '?');
}

/** Waits until a node's kernel leads to an address by exactly these next hops, in any order. Throws LabError. */
export async function untilNextHopsOf(
  node: LabNode,
  address: string,
  gateways: readonly string[],
  deadline = 20_000,
): Promise<void> {
  const wanted = gateways.toSorted().join(' ');
  await until(`${node.name} leads to ${address} by ${wanted || 'none'}`, deadline, async () => {
    return (await nextHopsOf(node, address)).toSorted().join(' ') === wanted;
  });
}

/**
 * Waits until a node's kernel has a way to an address. A director that announces through an FRR beside it may be announced before that
 * FRR has gone through the routes that it learned itself. Throws LabError.
 */
export async function untilWayTo(node: LabNode, address: string, deadline = 20_000): Promise<void> {
  await until(`${node.name} has a way to ${address}`, deadline, async () => {
    return (await node.exec(['ip', 'route', 'get', address])).code === 0;
  });
}

async function ipJson(node: LabNode, words: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await node.exec(['ip', '-j', '-4', ...words]);
  if (code !== 0) throw new LabError(`ip ${words.join(' ')} on ${node.name}: ${stderr.trim()}`);
  return stdout.trim() === '' ? [] : JSON.parse(stdout);
}

/**
 * Waits until no LSA of a director's area has had a new instance for `quiet` milliseconds, and its routers (FRR) have every LSA
 * acknowledged. Those that have just started go on for ten seconds: FRR repeats what another has refused as too early only after
 * 5 s, and helps nobody to restart that has not acknowledged all. Throws LabError.
 */
export async function untilAreaAtRest(lab: Lab, director: string, quiet: number, deadline = 60_000): Promise<void> {
  let last = '';
  let since = performance.now();
  await until(`no LSA to change for ${quiet / 1000} s`, deadline, async () => {
    const rows = await lab.api(director).get('/v1/lsdb');
    const waiting = await Promise.all(lab.byRole('router').map(unacknowledged));
    const now = rows.map((row) => `${row.type} ${row.id} ${row.advertisingRouter} ${row.sequence}`).join();
    if (now !== last || waiting.some((lsas) => lsas > 0)) since = performance.now();
    last = now;
    return performance.now() - since >= quiet;
  });
}

interface NeighborRow {
  readonly linkStateRetransmissionListCounter: number;
}

/** LSAs that a router with FRR waits for its neighbors to acknowledge. Throws LabError. */
async function unacknowledged(router: LabNode): Promise<number> {
  const { code, stdout, stderr } = await router.exec(['vtysh', '-c', 'show ip ospf neighbor json']);
  if (code !== 0) throw new LabError(`${router.name}: vtysh: ${stdout}${stderr}`.trim());
  const { neighbors } = JSON.parse(stdout) as { neighbors: Readonly<Record<string, readonly NeighborRow[]>> };
  return Object.values(neighbors)
    .flat()
    .reduce((sum, row) => sum + row.linkStateRetransmissionListCounter, 0);
}
