/**
 * What every RouteTable promises, as claims that run against any world: the fake one in the test process, the kernel's in
 * a namespace of its own. Interfaces up0 (10.1.0.1/24) and up1 (10.1.1.1/24) are there and up.
 */
import assert from 'node:assert/strict';
import { ipv4, parsePrefix } from '../../../src/core/base/ipv4.ts';
import { formatRoute, type KernelRoute } from '../../../src/core/routes/kernel-route.ts';
import type { RouteTable } from '../../../src/drivers/routes/port.ts';
import { KernelError } from '../../../src/io/kernel-error.ts';

export interface RouteWorld {
  /** A new table on the same kernel, as after a restart of the agent. */
  table(): RouteTable;
  /** A route of another owner (protocol static) via up0. */
  addForeign(prefix: string, metric: number): void;
  /** Those of `addForeign` that are still there, as `PREFIX METRIC`. */
  foreign(): readonly string[];
  /** The operator gives `lo` this address, so that the kernel has a local route of its own for it. */
  addLoopbackAddress(address: string): void;
  /** The prefixes of which a route disappeared, for however short a time, while `during` ran. */
  disappeared(during: () => Promise<void>): Promise<readonly string[]>;
  /** The device disappears, as when it is unplugged. */
  removeInterface(name: string): void;
  /** It is back, up and with its address. */
  restoreInterface(name: string): void;
}

export interface Claim {
  readonly name: string;
  run(world: RouteWorld): Promise<void>;
}

const GATEWAY = { up0: ipv4('10.1.0.2'), up1: ipv4('10.1.1.2') } as const;
type Uplink = keyof typeof GATEWAY;

function prefixOf(text: string) {
  const prefix = parsePrefix(text);
  assert.ok(prefix, text);
  return prefix;
}

function via(prefix: string, ...uplinks: readonly Uplink[]): KernelRoute & { kind: 'unicast' } {
  const nextHops = uplinks.map((uplink) => ({ interface: uplink, gateway: GATEWAY[uplink] }));
  return { kind: 'unicast', prefix: prefixOf(prefix), metric: 20, nextHops };
}

function vip(address: string): KernelRoute {
  return { kind: 'local', prefix: prefixOf(`${address}/32`) };
}

async function open(world: RouteWorld): Promise<RouteTable> {
  const table = world.table();
  await table.open();
  return table;
}

async function show(table: RouteTable): Promise<string[]> {
  return (await table.observe()).map(formatRoute).sort();
}

async function refusal(action: Promise<unknown>): Promise<KernelError> {
  try {
    await action;
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
  return assert.fail('nothing was refused');
}

export const claims: readonly Claim[] = [
  {
    name: 'a new table is empty, whatever others have',
    async run(world) {
      world.addForeign('10.50.0.0/16', 20);
      assert.deepEqual(await show(await open(world)), []);
    },
  },
  {
    name: 'routes are installed, and a second apply finds nothing to do',
    async run(world) {
      const table = await open(world);
      const desired = [
        via('0.0.0.0/0', 'up0', 'up1'),
        via('10.9.0.0/16', 'up1'),
        { ...via('10.8.0.0/16'), nextHops: [{ interface: 'up0', gateway: undefined }] },
        vip('203.0.113.10'),
      ];
      assert.deepEqual(await table.apply(desired), [
        'add 0.0.0.0/0 metric 20 via 10.1.0.2 dev up0, via 10.1.1.2 dev up1',
        'add 10.8.0.0/16 metric 20 dev up0',
        'add 10.9.0.0/16 metric 20 via 10.1.1.2 dev up1',
        'add local 203.0.113.10/32 dev lo',
      ]);
      assert.deepEqual(await show(table), desired.map(formatRoute).sort());
      assert.deepEqual(await table.apply(desired), []);
    },
  },
  {
    name: 'next hops are exchanged by one replacement',
    async run(world) {
      const table = await open(world);
      await table.apply([via('0.0.0.0/0', 'up0')]);
      assert.deepEqual(await table.apply([via('0.0.0.0/0', 'up1', 'up0')]), [
        'replace 0.0.0.0/0 metric 20 via 10.1.0.2 dev up0, via 10.1.1.2 dev up1',
      ]);
      assert.deepEqual(await table.apply([via('0.0.0.0/0', 'up1')]), [
        'replace 0.0.0.0/0 metric 20 via 10.1.1.2 dev up1',
      ]);
      assert.deepEqual(await show(table), ['0.0.0.0/0 metric 20 via 10.1.1.2 dev up1']);
    },
  },
  {
    name: 'while next hops are exchanged there is no moment without the route',
    async run(world) {
      const table = await open(world);
      await table.apply([via('0.0.0.0/0', 'up0', 'up1'), via('10.9.0.0/16', 'up0')]);
      const gone = await world.disappeared(async () => {
        for (let round = 0; round < 5; round++) {
          await table.apply([via('0.0.0.0/0', 'up1'), via('10.9.0.0/16', 'up1')]);
          await table.apply([via('0.0.0.0/0', 'up0', 'up1'), via('10.9.0.0/16', 'up1', 'up0')]);
        }
        await table.apply([via('0.0.0.0/0', 'up0')]);
      });
      assert.deepEqual(gone, ['10.9.0.0/16']);
    },
  },
  {
    name: 'a new agent removes what it does not want of what the last one left, and nothing of what others have',
    async run(world) {
      const before = await open(world);
      await before.apply([via('0.0.0.0/0', 'up0', 'up1'), via('10.9.0.0/16', 'up0'), vip('203.0.113.10')]);
      await before.close();
      world.addForeign('10.50.0.0/16', 20);
      const table = await open(world);
      assert.deepEqual(await table.apply([via('0.0.0.0/0', 'up1'), vip('203.0.113.10')]), [
        'replace 0.0.0.0/0 metric 20 via 10.1.1.2 dev up1',
        'remove 10.9.0.0/16 metric 20 via 10.1.0.2 dev up0',
      ]);
      assert.deepEqual(world.foreign(), ['10.50.0.0/16 20']);
    },
  },
  {
    name: 'a table of thousands is the same: only what differs is touched, additions before removals',
    async run(world) {
      const table = await open(world);
      const many = Array.from({ length: 1500 }, (_, n) => via(`20.${n >> 8}.${n & 255}.0/24`, 'up0'));
      assert.equal((await table.apply(many)).length, 1500);
      assert.deepEqual(await table.apply(many), []);
      const changed = [...many.slice(2), via('20.0.0.0/16', 'up1'), via('20.0.7.0/24', 'up1')];
      const done = await table.apply(changed);
      assert.deepEqual(done.toSorted(), [
        'add 20.0.0.0/16 metric 20 via 10.1.1.2 dev up1',
        'remove 20.0.0.0/24 metric 20 via 10.1.0.2 dev up0',
        'remove 20.0.1.0/24 metric 20 via 10.1.0.2 dev up0',
        'replace 20.0.7.0/24 metric 20 via 10.1.1.2 dev up1',
      ]);
      assert.deepEqual(
        done.slice(-2).map((text) => text.startsWith('remove')),
        [true, true],
      );
      assert.equal((await show(table)).length, 1499);
    },
  },
  {
    name: 'what is no longer wanted goes; what others own stays',
    async run(world) {
      world.addForeign('10.50.0.0/16', 20);
      const table = await open(world);
      await table.apply([via('10.9.0.0/16', 'up0', 'up1'), via('10.8.0.0/16', 'up0'), vip('203.0.113.10')]);
      await table.apply([via('10.8.0.0/16', 'up0')]);
      assert.deepEqual(await show(table), ['10.8.0.0/16 metric 20 via 10.1.0.2 dev up0']);
      await table.apply([]);
      assert.deepEqual(await show(table), []);
      assert.deepEqual(world.foreign(), ['10.50.0.0/16 20']);
    },
  },
  {
    name: 'a prefix may have several routes of ours, told apart by metric',
    async run(world) {
      const table = await open(world);
      const both = [via('10.9.0.0/16', 'up0'), { ...via('10.9.0.0/16', 'up1'), metric: 30 }];
      await table.apply(both);
      assert.deepEqual(await show(table), both.map(formatRoute).sort());
      await table.apply(both.slice(1));
      assert.deepEqual(await show(table), ['10.9.0.0/16 metric 30 via 10.1.1.2 dev up1']);
    },
  },
  {
    name: "somebody else's route with the same prefix and metric is left alone and named; the rest is applied",
    async run(world) {
      world.addForeign('10.50.0.0/16', 20);
      const table = await open(world);
      const error = await refusal(table.apply([via('10.50.0.0/16', 'up1'), via('10.9.0.0/16', 'up0')]));
      assert.equal(error.errno, 'EEXIST');
      assert.match(error.message, /10\.50\.0\.0\/16/);
      assert.deepEqual(await show(table), ['10.9.0.0/16 metric 20 via 10.1.0.2 dev up0']);
      assert.deepEqual(world.foreign(), ['10.50.0.0/16 20']);
    },
  },
  {
    name: "somebody else's route that appears beside ours is not hit by our replacement",
    async run(world) {
      const table = await open(world);
      await table.apply([via('10.50.0.0/16', 'up0')]);
      world.addForeign('10.50.0.0/16', 20);
      const error = await refusal(table.apply([via('10.50.0.0/16', 'up1')]));
      assert.equal(error.errno, 'EEXIST');
      assert.deepEqual(world.foreign(), ['10.50.0.0/16 20']);
    },
  },
  {
    name: 'an interface that is missing is named; the rest is applied',
    async run(world) {
      const table = await open(world);
      const missing = { ...via('10.9.0.0/16'), nextHops: [{ interface: 'nowhere0', gateway: GATEWAY.up0 }] };
      const error = await refusal(table.apply([missing, via('10.8.0.0/16', 'up0')]));
      assert.equal(error.errno, 'ENODEV');
      assert.match(error.message, /nowhere0/);
      assert.deepEqual(await show(table), ['10.8.0.0/16 metric 20 via 10.1.0.2 dev up0']);
    },
  },
  {
    name: 'routes that went with their device are seen to be gone, and come back with it',
    async run(world) {
      const table = await open(world);
      const desired = [via('10.9.0.0/16', 'up1'), via('10.8.0.0/16', 'up0')];
      await table.apply(desired);
      world.removeInterface('up1');
      assert.deepEqual(await show(table), ['10.8.0.0/16 metric 20 via 10.1.0.2 dev up0']);
      world.restoreInterface('up1');
      assert.deepEqual(await table.apply(desired), ['add 10.9.0.0/16 metric 20 via 10.1.1.2 dev up1']);
    },
  },
  {
    name: 'after a restart the routes are adopted, not written again',
    async run(world) {
      const desired = [via('0.0.0.0/0', 'up0', 'up1'), vip('203.0.113.10')];
      const before = await open(world);
      await before.apply(desired);
      await before.close();
      assert.deepEqual(await (await open(world)).apply(desired), []);
    },
  },
  {
    name: "a VIP that is an address of lo as well gets our route beside the kernel's",
    async run(world) {
      world.addLoopbackAddress('203.0.113.10');
      const table = await open(world);
      assert.deepEqual(await show(table), []);
      assert.deepEqual(await table.apply([vip('203.0.113.10')]), ['add local 203.0.113.10/32 dev lo']);
      assert.deepEqual(await table.apply([vip('203.0.113.10')]), []);
      assert.deepEqual(await table.apply([]), ['remove local 203.0.113.10/32 dev lo']);
      assert.deepEqual(await show(table), []);
    },
  },
  {
    name: 'calls at the same time do not disturb each other',
    async run(world) {
      const table = await open(world);
      const desired = [via('10.9.0.0/16', 'up0', 'up1'), vip('203.0.113.10')];
      await Promise.all([table.apply(desired), table.observe(), table.observe()]);
      assert.deepEqual(await show(table), desired.map(formatRoute).sort());
    },
  },
  {
    name: 'a table that is not open says so',
    async run(world) {
      const table = await open(world);
      await table.close();
      assert.match((await refusal(table.observe())).message, /not open/);
    },
  },
];
