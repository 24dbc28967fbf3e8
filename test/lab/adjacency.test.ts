/** Our speaker on a LAN with two routers: Full with both, and the VIP in the forwarding table of each. One router: interop.test.ts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Lab, LabNode } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';

const VIP = '203.0.113.10';
const DIRECTOR = '10.255.0.1';
/** A LAN's routers wait for one dead interval (4 s) before they elect a designated router. */
const FULL_WITHIN = 20_000;

interface Case {
  readonly topology: string;
  /** The director's address, which the router has as the VIP's next hop. */
  readonly address: string;
  readonly routers: readonly string[];
}

const CASES: readonly Case[] = [
  { topology: 'lan-frr', address: '10.1.0.11', routers: ['r1', 'r2'] },
  { topology: 'lan-bird', address: '10.1.0.11', routers: ['r1', 'r2'] },
];

/** What the router itself says of its adjacency with the director, e.g. `Full/-`. */
async function stateAtRouter(router: LabNode): Promise<string> {
  const frr = router.labels['sluice.root'] === 'frr';
  const question = frr ? ['vtysh', '-c', 'show ip ospf neighbor'] : ['birdc', 'show', 'ospf', 'neighbors'];
  const { stdout } = await router.exec(question);
  const line = stdout.split('\n').find((one) => one.startsWith(DIRECTOR)) ?? '';
  return line.split(/\s+/)[2] ?? '';
}

/** The node's kernel route for a prefix, if it has one. */
async function route(node: LabNode, prefix: string): Promise<string | undefined> {
  return (await node.exec(['ip', 'route', 'show', prefix])).stdout.trim() || undefined;
}

describe.each(CASES)('$topology', ({ topology, address, routers }) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await up(topology, { directors: ['d1'] });
  });
  afterAll(() => lab.down());

  test('both sides call the adjacency Full', async () => {
    for (const name of routers) {
      await until(`${name} to be Full with the director`, FULL_WITHIN, async () =>
        /^full/i.test(await stateAtRouter(lab.node(name))),
      );
    }
    const neighbors = await until('the director to be Full with every router', FULL_WITHIN, async () => {
      const all = await lab.api('d1').get('/v1/neighbors');
      return all.filter(({ state }) => state.toLowerCase() === 'full').length === routers.length && all;
    });
    expect(neighbors.map(({ routerId }) => routerId).sort()).toEqual(
      routers.map((name) => `10.255.1.${name.slice(1)}`),
    );
  });

  test("the VIP is in the router's kernel, by way of the director", async () => {
    for (const name of routers) {
      const found = await until(`the VIP in the routing table of ${name}`, FULL_WITHIN, () =>
        route(lab.node(name), VIP),
      );
      expect(found).toContain(`via ${address} `);
    }
  });

  test('the director takes the default route from the router', async () => {
    const found = await until('a default route on the director', FULL_WITHIN, () => route(lab.node('d1'), 'default'));
    expect(found).toContain('via 10.1.0.');
  });

  test('SIGTERM withdraws the VIP before the agent ends', async () => {
    await lab.stopDirector('d1', 'SIGTERM');
    for (const name of routers) {
      // Well under the dead interval: it was told, it did not time out.
      await until(`the VIP to leave ${name}`, 2500, async () => (await route(lab.node(name), VIP)) === undefined);
    }
  });
});
