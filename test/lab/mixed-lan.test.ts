/** FRR, BIRD and two directors on one LAN: whichever router is the designated one, and whichever dies, the VIP stays. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { ipCommand } from '../../lab/runtimes/netns-node.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';

const VIP = '203.0.113.10';
const DIRECTORS = ['10.1.0.11', '10.1.0.12'];
const ROUTERS = { r1: '10.1.0.1', r2: '10.1.0.2' } as const;
type RouterName = keyof typeof ROUTERS;

/** Dead interval, election, BIRD's five seconds between two instances of an LSA, and a busy machine. */
const WITHIN = 30_000;

interface RouteRow {
  readonly gateway?: string;
  readonly nexthops?: readonly { readonly gateway: string }[];
}

describe('a LAN with FRR, BIRD and two directors', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await up('lan-mixed');
  });
  afterAll(() => lab.down());

  /** The next hops of a node's kernel route, sorted. */
  async function nextHops(node: string, prefix: string): Promise<string[]> {
    const text = await ipCommand(['-n', lab.node(node).netns, '-json', 'route', 'show', prefix]);
    const [row] = JSON.parse(text) as readonly RouteRow[];
    const all = row?.nexthops?.map(({ gateway }) => gateway) ?? [row?.gateway ?? ''];
    return all.filter((gateway) => gateway !== '').sort();
  }

  function untilNextHops(node: string, prefix: string, wanted: readonly string[]): Promise<unknown> {
    return until(`${prefix} on ${node} by way of ${wanted.join(' and ')}`, WITHIN, async () => {
      return (await nextHops(node, prefix)).join() === wanted.join();
    });
  }

  /** Whom both directors take for the designated router. */
  function designated(): Promise<RouterName> {
    return until('both directors to agree on a designated router', WITHIN, async () => {
      const seen = await Promise.all(['d1', 'd2'].map(async (name) => (await lab.api(name).get('/v1/interfaces'))[0]));
      const [one, other] = seen.map((iface) => iface?.designatedRouter);
      const found = (Object.keys(ROUTERS) as RouterName[]).find((name) => ROUTERS[name] === one);
      return one === other && found;
    });
  }

  async function everybodyServes(): Promise<void> {
    for (const router of Object.keys(ROUTERS)) await untilNextHops(router, VIP, DIRECTORS);
    for (const director of ['d1', 'd2']) await untilNextHops(director, 'default', Object.values(ROUTERS));
  }

  test('both routers have the VIP by way of both directors, and both directors a way out by both routers', async () => {
    await everybodyServes();
  });

  test('the directors are neither DR nor BDR, and 2-Way with each other', async () => {
    const [iface] = await lab.api('d1').get('/v1/interfaces');
    expect(iface?.state).toBe('drOther');
    const neighbors = await lab.api('d1').get('/v1/neighbors');
    expect(Object.fromEntries(neighbors.map(({ address, state }) => [address, state]))).toEqual({
      '10.1.0.1': 'full',
      '10.1.0.2': 'full',
      '10.1.0.12': 'twoWay',
    });
  });

  // The second time it is the other daemon's router, since the first one comes back as the backup.
  test.each(['first', 'second'])('the designated router dies and comes back (%s)', async () => {
    const dying = await designated();
    const other = dying === 'r1' ? 'r2' : 'r1';
    await lab.node(dying).link('eth1', 'down');
    await until(`${other} to be the designated router`, WITHIN, async () => (await designated()) === other);
    await untilNextHops(other, VIP, DIRECTORS);
    for (const director of ['d1', 'd2']) await untilNextHops(director, 'default', [ROUTERS[other]]);
    await lab.node(dying).link('eth1', 'up');
    await everybodyServes();
    expect(await designated()).toBe(other);
  });
});
