/** What a director says about a new connection: the same as its data plane does with it. */
import { describe, expect, test } from 'vitest';
import { type ExplainingAgent, explainFlow, flowOf } from '../../../src/agent/documents/flow-explanation.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredDataplane, DesiredService } from '../../../src/core/model/dataplane.ts';
import { FakeDataplane } from '../../../src/drivers/dataplane/fake/fake.ts';
import { dataplane, service, THREE, withState } from '../dataplane/model.ts';

const WEB = '203.0.113.10:80';
const CLIENT = '198.51.100.7:40123';

async function explained(desired: DesiredDataplane, query: Record<string, string> = {}, driver = new FakeDataplane()) {
  await driver.apply(desired);
  const agent: ExplainingAgent = {
    director: 'd1',
    desired,
    isProgrammed: () => true,
    remembered: (name, client) => driver.remembered(name, client),
  };
  const [client, clientPort] = CLIENT.split(':') as [string, string];
  const flow = flowOf(new URLSearchParams({ client, clientPort, vip: '203.0.113.10', port: '80', ...query }));
  return explainFlow(agent, flow);
}

/** The server that a packet of the client really gets. */
function met(driver: FakeDataplane, sport: number): string {
  const flow = { protocol: 'tcp', source: ipv4('198.51.100.7'), sport, vip: ipv4('203.0.113.10'), port: 80 } as const;
  const address: Ipv4 | undefined = driver.kernel.packet(flow);
  return address === undefined ? 'none' : formatIpv4(address);
}

describe('explain', () => {
  test('the hash finds a slot, and the slot is somebody’s', async () => {
    const driver = new FakeDataplane();
    const answer = await explained(dataplane(service('web', THREE)), {}, driver);
    expect(answer).toMatchObject({
      director: 'd1',
      client: CLIENT,
      destination: WEB,
      service: 'web',
      protocol: 'tcp',
      fwmark: null,
      scheduler: 'mh',
      reason: 'slot',
      slot: { of: 4099 },
      persistence: null,
      source: null,
    });
    expect(answer.server).toEqual({ name: answer.owner, address: met(driver, 40123), port: 80 });
    const { number } = answer.slot!;
    expect(answer.why).toBe(
      `the hash of the client's address and port finds slot ${number}, which is ${answer.owner}'s`,
    );
  });

  test('another server stands in for the one whose slot it is', async () => {
    const { owner } = await explained(dataplane(service('web', THREE)));
    const down = withState(THREE, owner!, 'down');
    const driver = new FakeDataplane();
    const answer = await explained(dataplane(service('web', down)), {}, driver);
    expect(answer).toMatchObject({ reason: 'fallback', owner });
    expect(answer.server?.name).not.toBe(owner);
    expect(answer.server?.address).toBe(met(driver, 40123));
    expect(answer.why).toMatch(`; ${owner} is down, and ${answer.server?.name} stands in for it there`);
  });

  test('nobody is left', async () => {
    const drained = THREE.map((server) => ({ ...server, state: 'drained' as const }));
    expect(await explained(dataplane(service('web', drained)))).toMatchObject({
      reason: 'nobody',
      server: null,
      why: 'no server takes new connections: r1 is drained, r2 is drained, r3 is drained',
    });
  });

  test('turns cannot be foretold', async () => {
    const rr = service('web', withState(THREE, 'r2', 'down'), { scheduler: { name: 'rr' } });
    expect(await explained(dataplane(rr))).toMatchObject({
      reason: 'turns',
      slot: null,
      server: null,
      why: 'connections take turns among r1, r3: nobody can say whose turn is next',
    });
  });

  test('turns of one can be foretold; the sorry server is who there is when nobody is up', async () => {
    const alone = service('web', THREE.slice(0, 1), { scheduler: { name: 'rr' } });
    expect(await explained(dataplane(alone))).toMatchObject({
      reason: 'turns',
      server: { name: 'r1' },
      why: 'connections take turns, and only r1 takes new ones',
    });
    const down = THREE.map((server) => ({ ...server, state: 'down' as const }));
    const driver = new FakeDataplane();
    const answer = await explained(dataplane(service('web', down, { sorry: ipv4('10.2.0.99') })), {}, driver);
    expect(answer).toMatchObject({ reason: 'fallback', server: { name: 'sorry', address: '10.2.0.99' } });
    expect(answer.why).toMatch(`; ${answer.owner} is down, and sorry stands in for it there`);
    expect(met(driver, 40123)).toBe('10.2.0.99');
  });

  test('a server that comes back slowly has others stand in for it yet', async () => {
    const { owner } = await explained(dataplane(service('web', THREE)));
    const slow = service('web', THREE);
    const servers = slow.servers.map((server) => (server.name === owner ? { ...server, tenths: 1 } : server));
    // Of ten clients' slots one or so is back already.
    const driver = new FakeDataplane();
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        explained(dataplane({ ...slow, servers }), { clientPort: String(1000 + i) }, driver),
      ),
    );
    const late = answers.find((answer) => answer.owner === owner && answer.reason === 'fallback');
    expect(late?.why).toMatch(`; ${owner} comes back slowly, so far with 1 tenths of its slots, and `);
  });

  test('a client that is remembered goes where it went, until that server takes no new connections', async () => {
    const sticky = (servers = THREE): DesiredService =>
      service('web', servers, { scheduler: { name: 'rr' }, persistence: 90_000 });
    const driver = new FakeDataplane();
    expect(await explained(dataplane(sticky()), {}, driver)).toMatchObject({ reason: 'turns', persistence: null });
    const address = met(driver, 1);
    const { name } = THREE.find((server) => server.address === address)!;
    expect(await explained(dataplane(sticky()), {}, driver)).toMatchObject({
      reason: 'persistence',
      server: { name, address, port: 80 },
      persistence: { server: name, address, expiresIn: 90_000 },
      why: `this client has been given ${name}`,
    });
    const gone = await explained(dataplane(sticky(withState(THREE, name, 'drained'))), {}, driver);
    expect(gone).toMatchObject({ reason: 'turns', persistence: { server: name } });
    expect(gone.why).toMatch(`this client had ${name}, but ${name} is drained; connections take turns among `);
    const other = await explained(dataplane(sticky(THREE.filter((server) => server.name !== name))), {}, driver);
    expect(other.why).toMatch(`this client had ${address}, which is no server any more; connections take turns`);
  });

  test('by address alone, the port is not spoken of', async () => {
    const scheduler = { name: 'mh', slots: 65537, sourcePort: false } as const;
    const answer = await explained(dataplane(service('web', THREE, { scheduler })));
    expect(answer).toMatchObject({ scheduler: 'mh 65537 slots by address', slot: { of: 65537 } });
    expect(answer.why).toMatch(/^the hash of the client's address finds slot \d+, /);
  });

  test('the service is found by mark, or by VIP, port and protocol', async () => {
    const dns = service('dns', THREE, { protocol: 'udp' });
    const shop = service('shop', THREE, { fwmark: 7, ports: [] });
    const desired = dataplane(service('web', THREE), dns, shop);
    const found = async (query: Record<string, string>) => (await explained(desired, query)).service;
    expect(await found({})).toBe('web');
    expect(await found({ protocol: 'udp' })).toBe('dns');
    expect(await found({ mark: '7' })).toBe('shop');
    expect(await found({ mark: '8' })).toBe('web');
    const direct = { ...service('dr', THREE, { ports: [81] }), direct: { device: 'back' } };
    expect((await explained(dataplane(shop, direct), { mark: '7', port: '81' })).service).toBe('dr');
    expect(await explained(dataplane(dns))).toMatchObject({ service: 'dns', protocol: 'udp' });
  });

  test('where there is no service, what there is is said', async () => {
    const shop = service('shop', THREE, { fwmark: 7, ports: [] });
    const desired = dataplane(service('web', THREE), shop);
    const why = async (query: Record<string, string>) => (await explained(desired, query)).why;
    expect(await why({ vip: '203.0.113.99' })).toBe('203.0.113.99 is the VIP of no service');
    expect(await why({ port: '81' })).toBe(
      'no service on 203.0.113.10 has port 81; shop has the fwmark 7: --mark says that packets have it',
    );
    expect(await why({ protocol: 'udp', port: '80', mark: '9' })).toBe('no service has the fwmark 9');
    expect(await explained(desired, { port: '81' })).toMatchObject({
      service: null,
      reason: 'no-service',
      server: null,
    });
  });

  test('FullNAT: what the server sees as its client', async () => {
    const desired: DesiredDataplane = {
      ...dataplane(service('web', THREE, { fullnat: true })),
      self: 'd1',
      members: ['d1'],
      local: { directors: [{ name: 'd1', local: [ipv4('10.3.0.1')] }], shared: [] },
    };
    const driver = new FakeDataplane();
    const { source } = await explained(desired, {}, driver);
    met(driver, 40123);
    const flow = {
      protocol: 'tcp',
      source: ipv4('198.51.100.7'),
      sport: 40123,
      vip: ipv4('203.0.113.10'),
      port: 80,
    } as const;
    expect(driver.kernel.sourceOf(flow)).toBe(`${source?.address}:${source?.port}`);
  });
});

test.each([
  [{ client: 'x' }, "client must be an address, not 'x'"],
  [{ clientPort: '0' }, "clientPort must be a number from 1 to 65535, not '0'"],
  [{ port: '65536' }, "port must be a number from 1 to 65535, not '65536'"],
  [{ protocol: 'sctp' }, "protocol must be tcp or udp, not 'sctp'"],
  [{ mark: '0' }, "mark must be a number from 1 to 4294967295, not '0'"],
])('%o is refused', (query, message) => {
  const whole = { client: '198.51.100.7', clientPort: '1', vip: '203.0.113.10', port: '80', ...query };
  expect(() => flowOf(new URLSearchParams(whole))).toThrow(message);
});
