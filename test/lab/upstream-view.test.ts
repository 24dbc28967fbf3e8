/** What our view says of the routers is what their kernels have: gateways and directors, before and after one leaves. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Lab, LabNode } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { RouterView } from '../../lab/scenarios/observe.ts';
import type { UpstreamRouterDocument } from '../../src/api/documents.ts';

const VIP = '203.0.113.10';
const DIRECTORS = ['d1', 'd2', 'd3'];
/** Between the database and a router's kernel lie the router's own timers. */
const SAME_WITHIN = 10_000;

let lab: Lab;
let routers: RouterView;

beforeAll(async () => {
  lab = await up('ecmp-3', { directors: DIRECTORS });
  routers = await RouterView.of(lab, VIP);
  await routers.untilNextHops(DIRECTORS, 30_000);
});
afterAll(() => lab.down());

interface Hops {
  readonly router: string;
  readonly gateways: readonly string[];
  readonly directors: readonly string[];
}

async function inKernels(): Promise<Hops[]> {
  return Promise.all(
    routers.routers.map(async (node) => {
      const directors = (await routers.nextHops(node)).toSorted();
      return { router: `10.255.1.${node.name.slice(1)}`, gateways: await gatewaysOf(node), directors };
    }),
  );
}

async function gatewaysOf(node: LabNode): Promise<string[]> {
  const { stdout } = await node.exec(['ip', 'route', 'show', `${VIP}/32`]);
  return [...stdout.matchAll(/via (\S+)/g)].map(([, gateway]) => gateway!).sort();
}

function inView(view: readonly UpstreamRouterDocument[]): Hops[] {
  return view.map(({ router, vips }) => {
    const { nextHops, directors } = vips.find(({ vip }) => vip === VIP)!;
    const gateways = nextHops.map(({ gateway }) => gateway ?? '-').sort();
    return { router, gateways, directors: directors.filter(({ inSet }) => inSet === 'yes').map((row) => row.director) };
  });
}

async function untilEqual(director: string): Promise<readonly UpstreamRouterDocument[]> {
  let last: unknown;
  return until(`the view of ${director} to equal the kernels: ${JSON.stringify(last)}`, SAME_WITHIN, async () => {
    const view = await lab.api(director).get('/v1/upstream-view');
    last = { view: inView(view), kernels: await inKernels() };
    return JSON.stringify(inView(view)) === JSON.stringify(await inKernels()) && view;
  });
}

test('with every director in service each sees both routers spread the VIP over all', async () => {
  for (const director of DIRECTORS) {
    const view = await untilEqual(director);
    expect(inView(view).map((row) => row.directors)).toEqual([DIRECTORS, DIRECTORS]);
    expect(view.flatMap(({ vips }) => vips.flatMap((vip) => vip.warnings))).toEqual([]);
  }
});

test('a director that has stopped is missing in both, and the view says why', async () => {
  await lab.stopDirector('d3', 'SIGTERM');
  await routers.untilNextHops(['d1', 'd2']);
  const view = await untilEqual('d1');
  const absent = view.map(({ vips }) => vips[0]!.directors.find(({ director }) => director === 'd3'));
  expect(absent).toHaveLength(2);
  for (const row of absent) expect(row).toMatchObject({ inSet: 'no', reason: 'noRouterLsa' });
});
