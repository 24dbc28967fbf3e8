/** Whose a new flow is, by plane: the same service, other tables. */
import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { flowChooser, ipvsShares } from '../../../src/core/hash/flow-choice.ts';
import type { DesiredServer, DesiredService } from '../../../src/core/model/dataplane.ts';

const server = (name: string, last: number, change: Partial<DesiredServer> = {}): DesiredServer => ({
  ...{ name, address: ipv4(`10.2.0.${last}`), weight: 1, state: 'up' },
  ...change,
});

const WEB: DesiredService = {
  ...{ name: 'web', vips: [ipv4('203.0.113.10')], ports: [80, 443], protocol: 'tcp' },
  servers: [server('r3', 23), server('r1', 21), server('r2', 22)],
};
const FLOWS = Array.from({ length: 500 }, (_, i) => [ipv4('198.51.100.7') + (i % 5), 32768 + i] as const);

const met = (service: DesiredService, port = 80) => {
  const choose = flowChooser(service, 'ipvs');
  return FLOWS.map(([client, sport]) => choose(client, sport, port).server?.name);
};

test('IPVS lists servers by address, whatever the order of the file', () => {
  expect(ipvsShares(WEB).map((one) => one.server.name)).toEqual(['r1', 'r2', 'r3']);
  expect(met({ ...WEB, servers: WEB.servers.toReversed() })).toEqual(met(WEB));
});

test('each port of a service is a virtual service of its own, a mark is one', () => {
  expect(met(WEB, 443)).not.toEqual(met(WEB, 80));
  expect(met({ ...WEB, ports: [], fwmark: 7 }, 443)).toEqual(met({ ...WEB, ports: [], fwmark: 7 }, 80));
});

test('a drained server keeps its slots: only its own flows go elsewhere', () => {
  const drained = {
    ...WEB,
    servers: WEB.servers.map((one) => (one.name === 'r2' ? { ...one, state: 'drained' as const } : one)),
  };
  const [before, after] = [met(WEB), met(drained)];
  expect(after).not.toContain('r2');
  expect(after.filter((name, i) => before[i] !== 'r2' && name !== before[i])).toEqual([]);
  const choice = flowChooser(drained, 'ipvs')(...FLOWS[before.indexOf('r2')]!, 80);
  expect([choice.owner?.name, choice.server?.name === 'r2']).toEqual(['r2', false]);
});

test('while no server is up the sorry server gets every flow', () => {
  const down = {
    ...WEB,
    sorry: ipv4('10.2.0.99'),
    servers: WEB.servers.map((one) => ({ ...one, state: 'down' as const })),
  };
  expect(new Set(met(down))).toEqual(new Set(['sorry']));
});

test('by address alone all flows of a client meet one server', () => {
  const byAddress = { ...WEB, scheduler: { name: 'mh', slots: 4099, sourcePort: false } as const };
  const of = (client: number) => new Set(FLOWS.flatMap(([from], i) => (from === client ? [met(byAddress)[i]] : [])));
  expect(of(FLOWS[0]![0]).size).toBe(1);
});

test('no hash says whom the kernel’s other schedulers choose', () => {
  expect(flowChooser({ ...WEB, scheduler: { name: 'wlc' } }, 'ipvs')(...FLOWS[0]!, 80)).toEqual({
    ...{ slot: undefined, owner: undefined, server: undefined },
  });
  expect(flowChooser(WEB)(...FLOWS[0]!, 80)).toEqual(flowChooser(WEB)(...FLOWS[0]!, 443));
});
