/**
 * Plays one cell in a lab of its own and says whether it holds: our agent and the router become Full, each has the
 * other's routes in its kernel, nothing was dropped on the way, and our orderly stop takes the VIPs away.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import type { Lab, LabNode } from '../runtimes/lab.ts';
import { ipCommand } from '../runtimes/netns-node.ts';
import { up } from '../runtimes/runtime.ts';
import { until } from '../runtimes/wait.ts';
import { vipsOf, writeCell } from './cell-files.ts';
import { type Cell, cellName, ROUTERS, type Role } from './cells.ts';
import { DEAD, DIRECTOR_ADDRESS, ROUTER_ADDRESS, ROUTER_ID } from './router-files.ts';

export interface CellOutcome extends Cell {
  readonly held: boolean;
  /** From nothing to nothing: namespaces, daemons, all that was shown, and down again. */
  readonly seconds: number;
  /** What was shown, in order, and milliseconds from the start of our agent until it was. */
  readonly shown: Readonly<Record<string, number>>;
  /** What our agent dropped although nothing was wrong, by counter. */
  readonly dropped?: Readonly<Record<string, number>>;
  /** What could not be shown, with the ends of both logs. */
  readonly fault?: string;
}

/** BIRD keeps 5 s between two instances of an LSA of its own, and a LAN waits for one dead interval before it elects. */
const WITHIN = 20_000;

/** Well under the dead interval: it was told, it did not time out. */
const WITHDRAWN_WITHIN = (DEAD - 1.5) * 1000;

const STATE: Readonly<Record<Role, string>> = {
  p2p: 'pointToPoint',
  p2mp: 'pointToPoint',
  dr: 'dr',
  bdr: 'backup',
  drother: 'drOther',
  nbma: 'drOther',
};

export async function playCell(cell: Cell): Promise<CellOutcome> {
  const started = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'sluice-interop-'));
  const shown: Record<string, number> = {};
  const dropped: Record<string, number> = {};
  const outcome = (fault?: string): CellOutcome => {
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    return { ...cell, held: fault === undefined, seconds, shown, dropped, ...(fault === undefined ? {} : { fault }) };
  };
  try {
    const lab = await up(await writeCell(cell, folder), { directors: [] });
    try {
      await show(cell, lab, shown, dropped);
      await lab.down();
      return outcome();
    } catch (cause) {
      return outcome(`${cellName(cell)}: ${(cause as Error).message}\n${await logs(lab)}`);
    } finally {
      await lab.down();
    }
  } catch (cause) {
    return outcome(`${cellName(cell)}: ${(cause as Error).message}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function show(
  cell: Cell,
  lab: Lab,
  shown: Record<string, number>,
  dropped: Record<string, number>,
): Promise<void> {
  const router = lab.node('r1');
  const director = lab.node('d1');
  const vips = vipsOf(cell).map(({ address }) => address);
  // Who stops waiting first is the designated router whatever the priorities (9.4): both have to begin at the same instant.
  const together = cell.role === 'dr';
  if (together) await router.link('eth1', 'down');
  const started = performance.now();
  const claim = async (name: string, within: number, probe: () => Promise<boolean>) => {
    await until(name, within, probe);
    shown[name] = Math.round(performance.now() - started);
  };
  await lab.startDirector('d1');
  if (together) await router.link('eth1', 'up');
  await claim('we call the router Full', WITHIN, async () => {
    const [neighbor, ...others] = await lab.api('d1').get('/v1/neighbors');
    return others.length === 0 && neighbor?.routerId === ROUTER_ID && neighbor.state === 'full';
  });
  await claim('the router calls us Full', WITHIN, () => callsUsFull(cell, router));
  await claim(`we are ${STATE[cell.role]}`, WITHIN, async () => {
    const [one] = await lab.api('d1').get('/v1/interfaces');
    return one?.state === STATE[cell.role];
  });
  await claim("the VIPs are in the router's kernel by way of us", WITHIN, async () => {
    const gateways = await Promise.all(vips.map((vip) => gateway(router, vip)));
    return gateways.every((one) => one === DIRECTOR_ADDRESS);
  });
  await claim('the default route is in our kernel by way of the router', WITHIN, async () => {
    return (await gateway(director, 'default')) === ROUTER_ADDRESS;
  });
  Object.assign(dropped, await droppedBy(lab));
  const unexpected = Object.entries(dropped).filter(([name]) => !isExpected(cell, name));
  if (unexpected.length > 0) throw new LabError(unexpected.map(([name, count]) => `${name} ${count}`).join(', '));
  await lab.stopDirector('d1', 'SIGTERM');
  await claim("our stop took the VIPs out of the router's kernel", WITHDRAWN_WITHIN, async () => {
    const gateways = await Promise.all(vips.map((vip) => gateway(router, vip)));
    return gateways.every((one) => one === undefined);
  });
}

/** In the table of neighbors, FRR's and BIRD's alike, the first column is the router id and the third begins `Full`. */
async function callsUsFull({ router: kind }: Cell, router: LabNode): Promise<boolean> {
  const frr = ROUTERS[kind].vendor === 'frr';
  const question = frr ? ['vtysh', '-c', 'show ip ospf neighbor'] : ['birdc', 'show', 'ospf', 'neighbors'];
  const { stdout } = await router.exec(question);
  return /^10\.255\.0\.1\s+\S+\s+full/im.test(stdout);
}

interface RouteRow {
  readonly gateway?: string;
}

/** The next hop of the node's kernel route to a prefix; undefined when there is no route, or one without a gateway. */
async function gateway(node: LabNode, prefix: string): Promise<string | undefined> {
  const rows = JSON.parse(await ipCommand(['-n', node.netns, '-json', 'route', 'show', prefix])) as RouteRow[];
  return rows[0]?.gateway;
}

/**
 * FRR keeps no MinLSInterval: when its role on a LAN changes it originates its router-LSA twice within a second, and of the
 * two we take the first. And where we take the link up, the router's first Hello may be there before the kernel has told us.
 */
function isExpected({ router, role }: Cell, counter: string): boolean {
  if (counter === 'dropped.minLsArrival') return ROUTERS[router].vendor === 'frr';
  return counter === 'dropped.interfaceDown' && role === 'dr';
}

async function droppedBy(lab: Lab): Promise<Record<string, number>> {
  const [first] = await lab.api('d1').get('/v1/counters');
  const counters = Object.entries(first?.counters ?? {});
  return Object.fromEntries(counters.filter(([name, count]) => name.startsWith('dropped.') && count > 0));
}

/** The ends of both logs: of the agent's, its events in short. */
async function logs(lab: Lab): Promise<string> {
  const [director, router] = await Promise.all(
    ['d1', 'r1'].map(async (name) => {
      const text = await readFile(join(lab.dir, `${name}.log`), 'utf8').catch(() => '');
      return text.trimEnd().split('\n').slice(-12);
    }),
  );
  return [...director!.map(eventInShort), ...router!].map((line) => `  ${line.slice(0, 200)}`).join('\n');
}

function eventInShort(line: string): string {
  try {
    const { t, event, values } = JSON.parse(line) as { t: number; event: string; values: unknown };
    return `${Math.round(t)} ${event} ${JSON.stringify(values)}`;
  } catch {
    return line;
  }
}
