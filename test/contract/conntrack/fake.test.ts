import { beforeAll } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { FakeConntrack } from '../../../src/drivers/conntrack/fake.ts';
import { FakeDataplane, FakeKernel } from '../../../src/drivers/dataplane/fake/fake.ts';
import { CLIENT, EVEN, only, servers, VIP, web } from '../dataplane/suite.ts';
import { connectionOf, listed } from './connection-of.ts';
import { conntrackContract, type Told } from './suite.ts';

const kernel = new FakeKernel();
const control = new FakeConntrack(kernel.connections);
const NAMES = new Map(servers(EVEN).map(({ address, name }) => [address, name]));
let told: Told[] = [];

const flow = (sport: number) => ({ protocol: 'tcp', source: ipv4(CLIENT), sport, vip: ipv4(VIP), port: 80 }) as const;
const tuple = (sport: number, destination = ipv4(VIP)) => ({
  ...{ protocol: 6, source: ipv4(CLIENT), sport, destination, dport: 80 },
});

beforeAll(async () => {
  await new FakeDataplane(kernel).apply(only(web(servers(EVEN))));
  control.listen({
    changed: (flow) => told.push({ kind: 'changed', connection: connectionOf(flow) }),
    destroyed: (flow) => told.push({ kind: 'destroyed', connection: connectionOf(flow) }),
    lost: () => told.push({ kind: 'lost' }),
    failed: (error) => told.push({ kind: 'failed', message: error.message }),
  });
});

conntrackContract('fake', () => ({
  control: { assured: () => listed((on) => control.assured(on)), deleteOf: (id) => control.deleteOf(id) },
  async told() {
    const all = told;
    told = [];
    return all;
  },
  connect: async (sport, count) =>
    Array.from({ length: count }, (_, i) => NAMES.get(kernel.packet(flow(sport + i)) ?? 0) ?? 'none'),
  async close(sport, count) {
    for (let i = 0; i < count; i++) kernel.connections.close(tuple(sport + i));
  },
  async connectForeign(sport, count) {
    for (let i = 0; i < count; i++) {
      const original = tuple(sport + i, ipv4('10.2.0.21'));
      const reply = {
        ...original,
        source: original.destination,
        destination: original.source,
        sport: 80,
        dport: sport + i,
      };
      kernel.connections.set({ original, reply, mark: 0x10000, status: 0x26, tcpState: 3 });
    }
  },
}));
