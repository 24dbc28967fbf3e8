import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { FakeDataplane, FakeKernel } from '../../../src/drivers/dataplane/fake.ts';
import { type Bench, CLIENT, dataplaneContract, type FlowTarget, WEB } from './suite.ts';

const NAMES = new Map([
  [ipv4('10.2.0.21'), 's1'],
  [ipv4('10.2.0.22'), 's2'],
  [ipv4('10.2.0.23'), 's3'],
]);

function fakeBench(): Bench {
  const kernel = new FakeKernel();
  let driver = new FakeDataplane(kernel);

  async function send(sport: number, count: number, target: FlowTarget = WEB): Promise<readonly string[]> {
    return Array.from({ length: count }, (_, i) => {
      const flow = { protocol: target.protocol, source: ipv4(CLIENT), sport: sport + i, port: target.port };
      const address = kernel.packet({ ...flow, vip: ipv4(target.vip) });
      return address === undefined ? 'none' : (NAMES.get(address) ?? 'unknown');
    });
  }

  return {
    up: () => driver.open(),
    down: () => driver.close(),
    apply: (desired) => driver.apply(desired),
    counters: () => driver.counters(),
    remove: () => driver.remove(),
    async restart() {
      driver = new FakeDataplane(kernel);
      await driver.open();
    },
    connect: send,
    ask: (sport, count) => send(sport, count),
    async tamper(what) {
      const table = kernel.tables.get('sluice_v1');
      const chain = table?.chains.get('service_web');
      if (table === undefined || chain === undefined) throw new Error('nothing to tamper with');
      if (what === 'delete-tables') kernel.tables.clear();
      if (what === 'empty-slots') table.sets.get('slots_web')?.elements.clear();
      if (what === 'flush-rules') table.chains.set('service_web', { ...chain, stamps: [], shapes: [] });
      if (what === 'replace-rule')
        table.chains.set('service_web', { ...chain, shapes: chain.shapes.map(() => 'accept') });
    },
  };
}

dataplaneContract('fake', fakeBench());
