/** The bench without packets: the fake data plane, and what it would do with them. */
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { FakeDataplane, FakeKernel } from '../../../src/drivers/dataplane/fake/fake.ts';
import { memoryDriver, nameOf } from './memory-driver.ts';
import { type Bench, CLIENT, type FlowTarget, type Tampering, VIP, WEB } from './suite.ts';

export function fakeBench(kernel = new FakeKernel()): Bench {
  let driver = new FakeDataplane(kernel);

  async function send(
    sport: number,
    count: number,
    target: FlowTarget = WEB,
    begins = false,
  ): Promise<readonly string[]> {
    return Array.from({ length: count }, (_, i) => {
      const source = ipv4(target.sources?.[i % target.sources.length] ?? CLIENT);
      const flow = { protocol: target.protocol, source, sport: sport + i, port: target.port };
      const packet = { ...flow, vip: ipv4(target.vip) };
      // Who is refused sends no more.
      if (begins && kernel.packet({ ...packet, begins }) === undefined) return 'none';
      return nameOf(kernel.packet(packet));
    });
  }

  return {
    ...memoryDriver(() => driver),
    async restart() {
      driver = new FakeDataplane(kernel);
      await driver.open();
    },
    connect: (sport, count, target) => send(sport, count, target, true),
    ask: (sport, count) => send(sport, count),
    remembered: (service, client) => driver.remembered(service, client),
    clients: (service) => driver.clients(service),
    remember: (service, clients) => driver.remember(service, clients),
    async markPackets(mark) {
      for (const port of ['tcp . 80', 'tcp . 443', 'udp . 53']) kernel.marks.set(`${VIP} . ${port}`, mark);
    },
    async tamper(what) {
      const { tables } = kernel;
      const table = tables.get('sluice_v1');
      const chain = table?.chains.get('service_web');
      if (table === undefined || chain === undefined) throw new Error('nothing to tamper with');
      const elements = (set: string) => table.sets.get(set)!.elements;
      const rules = (stamps: readonly string[], shapes: readonly string[]) =>
        table.chains.set('service_web', { ...chain, stamps, shapes });
      const acts: Readonly<Record<Tampering, () => unknown>> = {
        'delete-tables': () => tables.clear(),
        'empty-slots': () => elements('slots_web').clear(),
        'delete-slot': () => elements('slots_web').delete('7'),
        'change-slot': () => elements('slots_web').set('7', '77'),
        'change-server': () => elements('servers_web').set('1', '10.2.0.99'),
        'change-verdict': () => elements('services').set(`${VIP} . tcp . 80`, 'foreign'),
        'flush-rules': () => rules([], []),
        'replace-rule': () => rules(chain.stamps, ['accept', ...chain.shapes.slice(1)]),
        'add-rule': () => rules([...chain.stamps, ''], [...chain.shapes, 'drop']),
        'drop-policy': () => table.chains.set('mid_life', { ...table.chains.get('mid_life')!, base: undefined }),
        'redeclare-map': () => table.sets.set('slots_web', { ...table.sets.get('slots_web')!, stamp: '' }),
        'add-set': () => table.sets.set('mine', { kind: 'set', stamp: '', elements: new Map(), tallies: new Map() }),
      };
      acts[what]();
    },
  };
}
