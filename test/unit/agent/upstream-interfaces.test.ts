import { expect, test } from 'vitest';
import { serversInterface, upstreamInterfaces } from '../../../src/agent/wishes/upstream-interfaces.ts';
import { settle } from './fake-clock.ts';
import { clusterText, parsed, World } from './world.ts';

test('the interfaces of the instances that announce VIPs, by their names on this host', async () => {
  const { cluster, director } = await parsed(clusterText({ web: {} }));
  const [outside] = cluster.routing.instances;
  if (outside === undefined) throw new Error('no instance');
  const [up0] = outside.interfaces;
  if (up0 === undefined) throw new Error('no interface');
  const interfaces = { farm: 'eth2', in0: 'eth9', up0: 'eth5', up1: 'eth1' };
  const instances = [
    { ...outside, interfaces: [up0, { ...up0, alias: 'up1' }, { ...up0, alias: 'farm', passive: true }] },
    { ...outside, name: 'inside', announce: [], interfaces: [{ ...up0, alias: 'in0' }] },
  ];
  const two = { ...cluster, routing: { ...cluster.routing, instances } };
  expect(upstreamInterfaces(two, { ...director, interfaces })).toEqual(['eth1', 'eth5']);

  expect(serversInterface(two, { ...director, interfaces }, 'in0')).toBe('eth9');
  expect(serversInterface(two, { ...director, interfaces }, 'gone')).toBeUndefined();
  const only = { farm: 'eth2', up0: 'eth5', up1: 'eth1' };
  expect(serversInterface(two, { ...director, interfaces: only }, undefined)).toBe('eth2');
});

test('the data plane is told of them', async () => {
  const world = new World(await parsed(clusterText({ web: {} })));
  await world.start();
  await world.clock.advance(5000);
  await settle();
  const guard = world.kernel.tables.get('sluice_guard_v1');
  expect([...(guard?.sets.get('upstream')?.elements.keys() ?? [])]).toEqual(['"eth1"']);
});
