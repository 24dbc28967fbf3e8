import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { Operation } from '../../../src/core/dataplane/plan.ts';
import { NFTABLES_TABLES, type PlaneTables } from '../../../src/core/dataplane/rules/plane.ts';
import {
  Converger,
  type Kept,
  NOTHING_KEPT,
  type Reading,
  type Written,
} from '../../../src/drivers/dataplane/converge.ts';
import { FakeKernel } from '../../../src/drivers/dataplane/fake/fake.ts';
import { atOnce } from '../../../src/drivers/dataplane/slices.ts';
import { KernelError } from '../../../src/io/kernel-error.ts';
import { dataplane, service, THREE, withState } from './model.ts';

/** Loses what is written to one set, and says that all went well. */
class ForgetfulKernel extends FakeKernel {
  readonly #name: string;

  constructor(name: string) {
    super();
    this.#name = name;
  }

  override write(operations: readonly Operation[]): Promise<Written> {
    return super.write(operations.filter((one) => one.kind !== 'elements' || one.name !== this.#name));
  }
}

/** Writes down which elements are read, and lets somebody else write in between. */
class WatchedKernel extends FakeKernel {
  reads: string[][] = [];
  afterWrite: (() => void) | undefined;

  override read(kept: Kept = NOTHING_KEPT): Promise<Reading> {
    const read: string[] = [];
    this.reads.push(read);
    if (kept.structure === undefined) read.push('structure');
    return super.read({
      ...kept,
      set: (table, name) => {
        const known = kept.set(table, name);
        if (known === undefined) read.push(name);
        return known;
      },
    });
  }

  override async write(operations: readonly Operation[]): Promise<Written> {
    const written = await super.write(operations);
    this.afterWrite?.();
    return written;
  }
}

const EVERYTHING = [
  'structure',
  'second_chance',
  'miss_sources',
  'miss_asked',
  'vips',
  'real_servers',
  'services',
  'ended',
  'traffic_in',
  'traffic_out',
  'lips',
  'slots_web',
  'servers_web',
  'vips',
  'sources',
  'upstream',
  'one_arm',
  'real_servers',
];
const web = (state: 'up' | 'down') => dataplane(service('web', withState(THREE, 'r2', state)));

describe('what is read of the tables', () => {
  test('nothing, when nobody has written; only what was written to, after a write of ours', async () => {
    const kernel = new WatchedKernel();
    const converger = new Converger(kernel, atOnce);
    await converger.apply(web('up'));
    kernel.reads = [];
    expect(await converger.apply(web('up'))).toEqual({ programmed: ['web'], operations: [], drift: false });
    expect(kernel.reads).toEqual([]);
    expect((await converger.apply(web('down'))).programmed).toEqual(['web']);
    expect(kernel.reads).toEqual([['slots_web']]);
    await converger.counters();
    expect(kernel.reads).toHaveLength(1);
    await converger.apply(dataplane(...web('down').services, service('dns', THREE, { protocol: 'udp', ports: [53] })));
    expect(kernel.reads[1]).not.toContain('slots_web');
    expect(kernel.reads[1]).toEqual(expect.arrayContaining(['structure', 'services', 'slots_dns', 'servers_dns']));
  });

  test('everything once, when an agent finds what an earlier one left: the guard first, then all the rest', async () => {
    const kernel = new WatchedKernel();
    await new Converger(kernel, atOnce).apply(web('up'));
    kernel.reads = [];
    const next = new Converger(kernel, atOnce);
    expect(await next.guard(web('up'))).toEqual([]);
    expect(await next.apply(web('up'))).toEqual({ programmed: ['web'], operations: [], drift: false });
    expect(kernel.reads).toEqual([EVERYTHING]);
  });

  test('everything, when somebody has written; a write elsewhere is no drift', async () => {
    const kernel = new WatchedKernel();
    const converger = new Converger(kernel, atOnce);
    await converger.apply(web('up'));
    kernel.reads = [];
    kernel.tables.set('other', { chains: new Map(), sets: new Map(), counters: new Map(), timeouts: new Map() });
    kernel.tables.delete('other');
    expect(await converger.apply(web('up'))).toEqual({ programmed: ['web'], operations: [], drift: false });
    expect(kernel.reads).toEqual([EVERYTHING]);
  });

  test('everything, when somebody writes between our write and its reading back: the service is not programmed', async () => {
    const kernel = new WatchedKernel();
    const converger = new Converger(kernel, atOnce);
    await converger.apply(web('up'));
    kernel.reads = [];
    kernel.afterWrite = () => kernel.tables.get('sluice_v1')?.sets.get('servers_web')?.elements.clear();
    expect((await converger.apply(web('down'))).programmed).toEqual([]);
    expect(kernel.reads.slice(0, 2)).toEqual([['slots_web'], EVERYTHING]);
    kernel.afterWrite = undefined;
    expect((await converger.apply(web('down'))).programmed).toEqual(['web']);
  });

  test('everything, when what was written is not all there: a dump may lack elements of a set that is growing', async () => {
    const kernel = new WatchedKernel();
    const converger = new Converger(kernel, atOnce);
    await converger.apply(web('up'));
    const read = kernel.read.bind(kernel);
    kernel.read = async (kept) => {
      kernel.read = read;
      const reading = await read(kept);
      const slots = reading.tables.get('sluice_v1')?.sets.get('slots_web')?.elements;
      if (slots instanceof Map) slots.delete('7');
      return reading;
    };
    kernel.reads = [];
    expect((await converger.apply(web('down'))).programmed).toEqual(['web']);
    expect(kernel.reads).toEqual([['slots_web'], EVERYTHING]);
    expect(await converger.apply(web('down'))).toEqual({ programmed: ['web'], operations: [], drift: false });
  });

  test('a reading that was never true at one time is not relied on', async () => {
    const kernel = new WatchedKernel();
    const converger = new Converger(kernel, atOnce);
    const read = kernel.read.bind(kernel);
    kernel.read = async (kept) => ({ ...(await read(kept)), generation: undefined });
    await converger.apply(web('up'));
    kernel.reads = [];
    await converger.apply(web('up'));
    expect(kernel.reads).toEqual([EVERYTHING]);
  });
});

describe('a turn of the data plane', () => {
  test('a refused transaction is an error that leaves all as it was; the next turn does the work, and is no drift', async () => {
    const kernel = new FakeKernel();
    const converger = new Converger(kernel, atOnce);
    await converger.apply(dataplane(service('web', THREE)));
    const before = (await kernel.read()).tables;
    kernel.refuseNext = 'EBUSY';
    const more = dataplane(service('web', THREE, { ports: [80, 81] }));
    await expect(converger.apply(more)).rejects.toThrow(KernelError);
    expect((await kernel.read()).tables).toEqual(before);
    const report = await converger.apply(more);
    expect(report).toMatchObject({ programmed: ['web'], drift: false });
    expect(report.operations).toHaveLength(2);
  });

  test('a service counts as programmed only when its own part was read back', async () => {
    const two = dataplane(service('web', THREE), service('api', THREE, { vips: [ipv4('203.0.113.11')] }));
    expect((await new Converger(new ForgetfulKernel('slots_api'), atOnce).apply(two)).programmed).toEqual(['web']);
    expect((await new Converger(new ForgetfulKernel('services'), atOnce).apply(two)).programmed).toEqual([]);
    expect((await new Converger(new FakeKernel(), atOnce).apply(two)).programmed).toEqual(['web', 'api']);
  });

  test('what was found as wished is planned again only when somebody has written, or something else is wished', async () => {
    const kernel = new FakeKernel();
    let plans = 0;
    const steps: PlaneTables['steps'] = (...words) => {
      plans += 1;
      return NFTABLES_TABLES.steps(...words);
    };
    const converger = new Converger(kernel, atOnce, { ...NFTABLES_TABLES, steps });
    const web = dataplane(service('web', THREE));
    const plansOf = async (wished = web) => {
      const before = plans;
      const { programmed, drift } = await converger.apply(wished);
      return { plans: plans - before, programmed, drift };
    };
    const calm = { plans: 0, programmed: ['web'], drift: false };
    await converger.apply(web);
    await converger.apply(web);
    expect(await plansOf()).toEqual(calm);
    await converger.takeMisses(10_000);
    expect(await plansOf()).toEqual(calm);
    await kernel.write([{ kind: 'delete-table', table: 'sluice_v1' }]);
    expect(await plansOf()).toEqual({ plans: 1, programmed: ['web'], drift: true });
    expect(await plansOf(dataplane(service('web', THREE.slice(1))))).toEqual({ ...calm, plans: 1 });
  });

  test('a turn that takes long takes misses for as long, and none where there is nothing to take them', async () => {
    const kernel = new FakeKernel();
    const converger = new Converger(kernel, atOnce);
    const large = { scheduler: { name: 'mh', slots: 65_537, sourcePort: true } } as const;
    const of = (servers: typeof THREE) => dataplane(service('web', servers, large));
    await converger.apply(of(THREE));
    expect(kernel.missesTakenFor).toEqual([]);
    await converger.takeMisses(3000);
    await converger.apply(of(THREE.slice(1)));
    // A third of the slots is taken out and put in again, at a tenth of a millisecond each.
    expect(kernel.missesTakenFor).toEqual([3000, expect.closeTo(3000 + (2 * 65_537) / 3 / 10, -3)]);
    const again = await converger.apply(of(THREE.slice(1)));
    expect(again).toMatchObject({ operations: [], drift: false });
    await converger.apply(dataplane(service('web', THREE.slice(1), large), service('api', THREE, { ports: [8080] })));
    expect(kernel.missesTakenFor).toHaveLength(2);
    await kernel.write([{ kind: 'delete-table', table: 'sluice_v1' }]);
    expect(await converger.apply(of(THREE))).toMatchObject({ programmed: ['web'], drift: true });
    expect(kernel.missesTakenFor).toHaveLength(2);
  });

  test('a server that returns gets its old id, so marks of its old connections still mean it', async () => {
    const kernel = new FakeKernel();
    const ids = () => new Map(kernel.tables.get('sluice_v1')?.sets.get('servers_web')?.elements);
    const first = new Converger(kernel, atOnce);
    await first.apply(dataplane(service('web', THREE)));
    const before = ids();
    await first.apply(dataplane(service('web', THREE.slice(1))));
    await new Converger(kernel, atOnce).apply(
      dataplane(service('web', [...THREE.slice(1), { name: 'r9', address: '10.2.0.29' }])),
    );
    await new Converger(kernel, atOnce).apply(dataplane(service('web', THREE)));
    expect(ids()).toEqual(new Map([...before, ['4', '10.2.0.29']]));
  });

  test('removing takes both tables; what is applied next is built anew', async () => {
    const kernel = new FakeKernel();
    const converger = new Converger(kernel, atOnce);
    await converger.apply(dataplane(service('web', THREE)));
    await converger.remove();
    expect(kernel.tables.size).toBe(0);
    expect(await converger.apply(dataplane(service('web', THREE)))).toMatchObject({
      programmed: ['web'],
      drift: false,
    });
  });
});
