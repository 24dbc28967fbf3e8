/** `GET /v1/connections`: what is asked of the sync thread, and how its records are shown. */
import { expect, test } from 'vitest';
import { connectionsDocument } from '../../../src/agent/documents/connection-documents.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import {
  type ConnectionRecord,
  Op,
  RecordFlag,
  recordsOf,
  serviceHash,
} from '../../../src/core/sync/records/record.ts';
import { parsed, World } from './world.ts';

const FILE = `cluster: test
keys: { file: cluster.keys }
directors:
  d1: { routerId: 10.255.0.1, interfaces: { up0: eth1 }, sync: 10.2.0.11 }
  d2: { routerId: 10.255.0.2, interfaces: { up0: eth1 }, sync: 10.2.0.12 }
routing: { instances: { core: { area: 0, interfaces: { up0: {} } } } }
services: { web: { vip: 203.0.113.10, ports: 80, servers: { s1: 10.2.0.21 } } }
`;

const RECORD: ConnectionRecord = {
  ...{ client: ipv4('192.0.2.1'), vip: ipv4('203.0.113.10'), clientPort: 40_000, vipPort: 80, protocol: 6 },
  ...{ op: Op.put, state: 3, flags: 3, server: ipv4('10.2.0.21'), local: ipv4('10.3.0.1'), serverPort: 80 },
  ...{
    localPort: 1024,
    service: serviceHash('web'),
    owner: ipv4('10.255.0.2'),
    epoch: 2,
    timeout: 100,
    windowScale: 0,
    birth: 0,
  },
};

async function begun(text = FILE): Promise<World> {
  const world = new World(await parsed(text));
  await world.start();
  await world.clock.advance(5000);
  return world;
}

test('records are put into words, and pages follow each other', async () => {
  const world = await begun();
  const answer = connectionsDocument(world.director, new URLSearchParams('cursor=256'));
  const asked = world.syncThreads.last.orders.find((order) => order.kind === 'list')!;
  expect(asked).toMatchObject({ cursor: 256, filter: {} });
  const stranger = {
    ...RECORD,
    protocol: 17,
    state: 0,
    owner: ipv4('10.255.0.9'),
    service: 1,
    flags: RecordFlag.predicted,
  };
  const records = recordsOf([RECORD, stranger]);
  world.syncThreads.last.say({ kind: 'connections', id: asked.id, records, cursor: 512 });
  const { connections, cursor } = await answer;
  expect(cursor).toBe(512);
  expect(connections[0]).toEqual({
    ...{ protocol: 'tcp', client: '192.0.2.1:40000', vip: '203.0.113.10:80', server: '10.2.0.21:80' },
    ...{ local: '10.3.0.1:1024', service: 'web', owner: 'd2', epoch: 2, state: 'established', predicted: false },
    expiresIn: 100_000,
  });
  expect(connections[1]).toMatchObject({
    protocol: 'udp',
    owner: '10.255.0.9',
    service: null,
    state: '-',
    predicted: true,
  });
});

test('filters', async () => {
  const world = await begun();
  const filterOf = (query: string) => {
    void connectionsDocument(world.director, new URLSearchParams(query));
    const asked = world.syncThreads.last.orders.findLast((order) => order.kind === 'list');
    return JSON.parse(JSON.stringify(asked!.filter));
  };
  expect(filterOf('client=192.0.2.1&vip=203.0.113.10&server=10.2.0.21&owner=d2')).toEqual({
    ...{ client: RECORD.client, vip: RECORD.vip, server: RECORD.server, owner: RECORD.owner },
  });
  expect(filterOf('local=10.3.0.1:1024')).toEqual({ local: RECORD.local, localPort: 1024 });
  expect(filterOf('local=10.3.0.1')).toEqual({ local: RECORD.local });
});

test.each([
  ['client=x', "client must be an address, not 'x'"],
  ['owner=d9', 'there is no director d9; there are d1, d2'],
  ['local=10.3.0.1:70000', "local must be ADDRESS:PORT or ADDRESS, not '10.3.0.1:70000'"],
  ['local=10.3.0.1:1:2', "local must be ADDRESS:PORT or ADDRESS, not '10.3.0.1:1:2'"],
  ['cursor=-1', "cursor must be a number, not '-1'"],
])('%s is refused', async (query, message) => {
  const world = await begun();
  await expect(connectionsDocument(world.director, new URLSearchParams(query))).rejects.toThrow(message);
});

test('where nobody knows, that is said', async () => {
  const world = await begun();
  world.syncThreads.last.die('x');
  await expect(connectionsDocument(world.director, new URLSearchParams())).rejects.toThrow('does not answer');
  const alone = await begun(FILE.replace(/keys: .*\n/, '').replaceAll(/, sync: \S+ \}/g, ' }'));
  await expect(connectionsDocument(alone.director, new URLSearchParams())).rejects.toThrow('has no keys');
});
