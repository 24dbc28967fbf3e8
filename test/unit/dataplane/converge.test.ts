import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { Operation } from '../../../src/core/dataplane/plan.ts';
import { Converger } from '../../../src/drivers/dataplane/converge.ts';
import { FakeKernel } from '../../../src/drivers/dataplane/fake.ts';
import { KernelError } from '../../../src/io/kernel-error.ts';
import { dataplane, service, THREE } from './model.ts';

/** Loses what is written to one set, and says that all went well. */
class ForgetfulKernel extends FakeKernel {
  readonly #name: string;

  constructor(name: string) {
    super();
    this.#name = name;
  }

  override write(operations: readonly Operation[]): Promise<void> {
    return super.write(operations.filter((one) => one.kind !== 'elements' || one.name !== this.#name));
  }
}

describe('a turn of the data plane', () => {
  test('a refused transaction is an error that leaves all as it was; the next turn does the work, and is no drift', async () => {
    const kernel = new FakeKernel();
    const converger = new Converger(kernel);
    await converger.apply(dataplane(service('web', THREE)));
    const before = await kernel.read();
    kernel.refuseNext = 'EBUSY';
    const more = dataplane(service('web', THREE, { ports: [80, 81] }));
    await expect(converger.apply(more)).rejects.toThrow(KernelError);
    expect(await kernel.read()).toEqual(before);
    const report = await converger.apply(more);
    expect(report).toMatchObject({ programmed: ['web'], drift: false });
    expect(report.operations).toHaveLength(2);
  });

  test('a service counts as programmed only when its own part was read back', async () => {
    const two = dataplane(service('web', THREE), service('api', THREE, { vips: [ipv4('203.0.113.11')] }));
    expect((await new Converger(new ForgetfulKernel('slots_api')).apply(two)).programmed).toEqual(['web']);
    expect((await new Converger(new ForgetfulKernel('services')).apply(two)).programmed).toEqual([]);
    expect((await new Converger(new FakeKernel()).apply(two)).programmed).toEqual(['web', 'api']);
  });

  test('a server that returns gets its old id, so marks of its old connections still mean it', async () => {
    const kernel = new FakeKernel();
    const ids = () => new Map(kernel.tables.get('sluice_v1')?.sets.get('servers_web')?.elements);
    const first = new Converger(kernel);
    await first.apply(dataplane(service('web', THREE)));
    const before = ids();
    await first.apply(dataplane(service('web', THREE.slice(1))));
    await new Converger(kernel).apply(
      dataplane(service('web', [...THREE.slice(1), { name: 'r9', address: '10.2.0.29' }])),
    );
    await new Converger(kernel).apply(dataplane(service('web', THREE)));
    expect(ids()).toEqual(new Map([...before, ['4', '10.2.0.29']]));
  });

  test('removing takes both tables; what is applied next is built anew', async () => {
    const kernel = new FakeKernel();
    const converger = new Converger(kernel);
    await converger.apply(dataplane(service('web', THREE)));
    await converger.remove();
    expect(kernel.tables.size).toBe(0);
    expect(await converger.apply(dataplane(service('web', THREE)))).toMatchObject({
      programmed: ['web'],
      drift: false,
    });
  });
});
