/** The turn over IPVS in memory: what is ours is kept as wished, what is not is left alone, and agents come and go. */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import type { WriteAttributes } from '../../../src/core/netlink/generic.ts';
import {
  IPVS_CMD_DEL_DEST,
  IPVS_CMD_NEW_SERVICE,
  IPVS_CMD_SET_CONFIG,
  IPVS_CMD_SET_DEST,
  IPVS_CMD_SET_SERVICE,
} from '../../../src/core/netlink/ipvs/codes.ts';
import { encodeDestination, encodeDestinationKey, NO_TUNNEL } from '../../../src/core/netlink/ipvs/destination.ts';
import { encodeService, type IpvsServiceKey } from '../../../src/core/netlink/ipvs/service.ts';
import { encodeTimeouts } from '../../../src/core/netlink/ipvs/settings.ts';
import { FakeIpvsDataplane, FakeIpvsHost } from '../../../src/drivers/dataplane/fake/ipvs-dataplane.ts';
import { THOROUGH } from '../../sizes.ts';
import { dataplane, type ServerSpec, service, THREE, withState } from './model.ts';

const WEB: IpvsServiceKey = { protocol: 6, address: ipv4('203.0.113.10'), port: 80 };
const FOREIGN: IpvsServiceKey = { protocol: 17, address: ipv4('192.0.2.1'), port: 53 };
const web = dataplane(service('web', THREE));
const FLOW = { protocol: 'tcp', source: ipv4('10.1.0.2'), sport: 1, vip: ipv4('203.0.113.10'), port: 80 } as const;

let host: FakeIpvsHost;
let driver: FakeIpvsDataplane;

beforeEach(() => {
  host = new FakeIpvsHost();
  driver = new FakeIpvsDataplane(host);
});

/** Somebody else, who has the same tools. */
const byHand = (command: number, attributes: WriteAttributes) =>
  host.ipvs.perform('by-hand', [{ command, flags: 0, attributes }]);

const addForeign = () =>
  byHand(IPVS_CMD_NEW_SERVICE, (w) =>
    encodeService(w, { key: FOREIGN, scheduler: 'rr', flags: 0, timeout: 0, maskBits: 32, engine: '' }),
  );

async function writesOf(desired: DesiredDataplane): Promise<number> {
  const before = host.ipvs.writes;
  await driver.apply(desired);
  return host.ipvs.writes - before;
}

test('what was applied is read back as programmed, in canonical order, and applying it again writes nothing', async () => {
  expect(await driver.apply(web)).toMatchObject({ programmed: ['web'], drift: false, foreign: [] });
  expect(host.ipvs.listing()).toEqual(['tcp 203.0.113.10:80 mh: 10.2.0.21:80 1, 10.2.0.22:80 1, 10.2.0.23:80 1']);
  expect(await driver.apply(web)).toEqual({ programmed: ['web'], operations: [], drift: false, foreign: [] });
  expect(await writesOf(web)).toBe(0);
});

test('order and slots do not depend on when servers came', async () => {
  await driver.apply(dataplane(service('web', withState(THREE.slice(0, 2), 'r1', 'down'))));
  await driver.apply(dataplane(service('web', withState(THREE, 'r3', 'down'))));
  expect(host.kept).toBe(1);
  expect(host.ipvs.listing()).toEqual(['tcp 203.0.113.10:80 mh: 10.2.0.21:80 1, 10.2.0.22:80 1, 10.2.0.23:80 0']);
  expect(host.ipvs.lastWeight('tcp 203.0.113.10:80', '10.2.0.23:80')).toBe(1);
});

test('a foreign service is shown, and survives every turn and the removal of ours', async () => {
  await addForeign();
  const fromNow = { foreign: ['udp 192.0.2.1:53'] };
  expect(await driver.apply(web)).toMatchObject(fromNow);
  expect(await driver.apply(dataplane())).toMatchObject({ ...fromNow, drift: false });
  await driver.apply(web);
  await driver.remove();
  expect(host.ipvs.listing()).toEqual(['udp 192.0.2.1:53 rr: ']);
});

describe('drift', () => {
  beforeEach(async () => {
    await driver.apply(web);
  });

  test('everything is gone: it comes back, and the report names it', async () => {
    host.ipvs.flush();
    const report = await driver.apply(web);
    expect(report).toMatchObject({ drift: true, programmed: ['web'] });
    expect(report.operations[0]).toBe('ipvs tcp 203.0.113.10:80: add service (no scheduler yet)');
    expect(report.operations.at(-1)).toBe('ipvs tcp 203.0.113.10:80: edit service (mh)');
    expect(await driver.apply(web)).toMatchObject({ drift: false, operations: [] });
  });

  test('a server is gone, or has another weight or another way', async () => {
    const key = { address: ipv4('10.2.0.21'), port: 80 };
    const changed = { ...key, method: 3, weight: 7, upper: 0, lower: 0, tunnel: NO_TUNNEL };
    await byHand(IPVS_CMD_DEL_DEST, (w) => encodeDestinationKey(w, WEB, key));
    const added = 'ipvs tcp 203.0.113.10:80: add 10.2.0.21:80 (masquerading, weight 1)';
    expect(await driver.apply(web)).toMatchObject({ drift: true, operations: [added] });
    await byHand(IPVS_CMD_SET_DEST, (w) => encodeDestination(w, WEB, changed));
    const set = 'ipvs tcp 203.0.113.10:80: set 10.2.0.21:80 (masquerading, weight 1)';
    expect(await driver.apply(web)).toMatchObject({ drift: true, operations: [set] });
  });

  test('a service of somebody else is no drift', async () => {
    await addForeign();
    expect(await driver.apply(web)).toMatchObject({ drift: false, operations: [], foreign: ['udp 192.0.2.1:53'] });
  });
});

describe('as long as all is as wished', () => {
  const MANY = 40;
  const many = dataplane(
    ...Array.from({ length: MANY }, (_, i) =>
      service(`s${i}`, THREE, { ports: [1000 + i], scheduler: { name: 'rr' } }),
    ),
  );
  const lastOf = { protocol: 6, address: ipv4('203.0.113.10'), port: 1000 + MANY - 1 } as const;
  const last = { address: ipv4('10.2.0.21'), port: lastOf.port, method: 0, lower: 0, tunnel: NO_TUNNEL };

  beforeEach(async () => {
    await driver.apply(many);
  });

  async function dumpsOf(desired: DesiredDataplane): Promise<number> {
    const before = host.ipvs.dumped;
    await driver.apply(desired);
    return host.ipvs.dumped - before;
  }

  test('a part of the services is read whole each time, also while connections come and go', async () => {
    expect(await dumpsOf(many)).toBe(8);
    host.ipvs.packet({ ...FLOW, port: 1000 });
    expect(await dumpsOf(many)).toBe(8);
  });

  test('what the kernel’s file shows is found at once, wherever it is', async () => {
    await byHand(IPVS_CMD_SET_DEST, (w) => encodeDestination(w, lastOf, { ...last, weight: 7, upper: 0 }));
    expect(await driver.apply(many)).toMatchObject({ drift: true, operations: [expect.stringContaining('weight 1')] });
    expect(await dumpsOf(many)).toBe(8);
  });

  test('flags of a scheduler, which it does not show, are found at once', async () => {
    await addForeign();
    const changed = { key: lastOf, scheduler: 'rr', flags: 0x18, timeout: 0, maskBits: 32, engine: '' };
    await driver.apply(many);
    await byHand(IPVS_CMD_SET_SERVICE, (w) => encodeService(w, changed));
    const operations = ['ipvs tcp 203.0.113.10:1039: edit service (rr)'];
    expect(await driver.apply(many)).toMatchObject({ drift: true, operations });
    expect(await dumpsOf(many)).toBe(8);
  });

  test('a bound, which it does not show, is found when the turn of its service comes', async () => {
    await byHand(IPVS_CMD_SET_DEST, (w) => encodeDestination(w, lastOf, { ...last, weight: 1, upper: 9 }));
    const drifts = [];
    for (let turn = 0; turn < MANY / 8; turn++) drifts.push((await driver.apply(many)).drift);
    expect(drifts).toEqual([false, false, false, false, true]);
  });

  test('a timeout that somebody has set is found at once', async () => {
    const wished = dataplane(service('web', THREE, { timeouts: { established: 7200 } }));
    await driver.apply(wished);
    await byHand(IPVS_CMD_SET_CONFIG, (w) => encodeTimeouts(w, { tcp: 1, tcpFin: 120, udp: 300 }));
    const { operations } = await driver.apply(wished);
    expect(operations).toEqual(['ipvs: timeouts tcp 7200 s, after FIN 120 s, udp 300 s']);
  });
});

test('a server that has left goes when its last connection has ended, though nobody changes anything', async () => {
  await driver.apply(web);
  for (let sport = 1; sport < 30; sport++) host.ipvs.packet({ ...FLOW, sport });
  const without = dataplane(service('web', THREE.slice(1)));
  await driver.apply(without);
  expect((await driver.apply(without)).operations).toEqual([]);
  host.ipvs.forget();
  expect((await driver.apply(without)).operations).toEqual(['ipvs tcp 203.0.113.10:80: delete 10.2.0.21:80']);
});

test('the agent that comes next adopts what it finds and takes away what the file has lost', async () => {
  await driver.apply(
    dataplane(service('web', withState(THREE, 'r2', 'down')), service('old', THREE, { ports: [443] })),
  );
  await addForeign();
  driver = new FakeIpvsDataplane(host);
  expect(await driver.isPresent()).toBe(true);
  expect(await writesOf(dataplane(service('web', withState(THREE, 'r2', 'down'))))).toBe(1);
  expect(host.ipvs.listing()).toEqual([
    'tcp 203.0.113.10:80 mh: 10.2.0.21:80 1, 10.2.0.22:80 0, 10.2.0.23:80 1',
    'udp 192.0.2.1:53 rr: ',
  ]);
});

test('an agent that is killed after any of its requests: the next one ends where it would have', async () => {
  const desired = dataplane(service('web', withState(THREE, 'r2', 'down')));
  const requests = await writesOf(desired);
  const whole = [host.ipvs.listing(), host.ipvs.lastWeights()];
  for (let done = 0; done < requests; done++) {
    host = new FakeIpvsHost();
    await killedAfter(done, desired);
    // A service that is not complete yet sends nobody to a server that others would not choose.
    if (done > 0) expect(host.ipvs.packet(FLOW)).toBeUndefined();
    await new FakeIpvsDataplane(host).apply(desired);
    expect([host.ipvs.listing(), host.ipvs.lastWeights()]).toEqual(whole);
  }
});

/** An agent that makes no more than so many requests of IPVS. */
async function killedAfter(requests: number, desired: DesiredDataplane): Promise<void> {
  const { ipvs } = host;
  const perform = ipvs.perform.bind(ipvs);
  ipvs.perform = async (request, messages) => {
    await perform(request, messages.slice(0, requests));
    throw new Error('killed');
  };
  await expect(new FakeIpvsDataplane(host).apply(desired)).rejects.toThrow('killed');
  ipvs.perform = perform;
}

test('one service that is refused keeps no other from being served, and is told', async () => {
  const twos = service('new', THREE, { ports: [443], scheduler: { name: 'twos' } });
  const report = await driver.apply(dataplane(twos, service('web', THREE)));
  expect(report.programmed).toEqual(['web']);
  expect(report.refused?.[0]).toBe('ipvs-add-service: ENOENT ipvs tcp 203.0.113.10:443: add service (twos)');
});

test('counters are those of the kernel, by service and by server', async () => {
  await driver.apply(web);
  for (let sport = 1000; sport < 1030; sport++) {
    const flow = { protocol: 'tcp', source: ipv4('10.1.0.2'), sport, vip: ipv4('203.0.113.10'), port: 80 } as const;
    host.ipvs.packet(flow);
    host.ipvs.packet(flow);
  }
  const { services, servers } = await driver.counters();
  expect(services).toMatchObject([{ service: 'web', newConnections: 30, packetsIn: 60 }]);
  expect(servers.map(({ server }) => server)).toEqual(['r1', 'r2', 'r3']);
  expect(servers.reduce((sum, { newConnections }) => sum + newConnections, 0)).toBe(30);
});

test('a server’s id is in the table by which connections are marked, and survives the agent', async () => {
  await driver.apply(dataplane(service('web', THREE.slice(1))));
  const ids = THREE.slice(1).map(({ address }) => driver.serverId('web', ipv4(address)));
  driver = new FakeIpvsDataplane(host);
  await driver.apply(web);
  expect(THREE.slice(1).map(({ address }) => driver.serverId('web', ipv4(address)))).toEqual(ids);
  const members = host.tables.tables.get('sluice_v1')?.sets.get('members')?.elements;
  expect(members?.get('203.0.113.10 . tcp . 80 . 10.2.0.22')).toBe(String(ids[0]));
});

test('timeouts of the file are set, and those of before come back when all is removed', async () => {
  await driver.apply(dataplane(service('web', THREE, { timeouts: { established: 7200 } })));
  expect(await driver.remove()).toEqual(['ipvs: timeouts tcp 900 s, after FIN 120 s, udp 300 s']);
});

describe('directors with different pasts', () => {
  const SIX: readonly ServerSpec[] = Array.from({ length: 6 }, (_, i) => ({
    name: `r${i}`,
    address: `10.2.0.${21 + i}`,
  }));
  const step = fc.record({
    present: fc.uniqueArray(fc.nat(5), { minLength: 1 }),
    states: fc.array(fc.constantFrom('up', 'down', 'drained'), { minLength: 6, maxLength: 6 }),
    weights: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 6, maxLength: 6 }),
  } as const);
  const past = fc.array(fc.tuple(step, fc.boolean()), { maxLength: 5 });

  const planeOf = ({ present, states, weights }: typeof step extends fc.Arbitrary<infer Step> ? Step : never) =>
    dataplane(
      service(
        'web',
        present.map((i) => ({ ...SIX[i]!, state: states[i]!, weight: weights[i]! })),
      ),
    );

  /** A host where this has been wished, by agents of which some died after that. */
  async function lived(steps: readonly (readonly [desired: DesiredDataplane, dies: boolean])[]): Promise<FakeIpvsHost> {
    const one = new FakeIpvsHost();
    let agent = new FakeIpvsDataplane(one);
    for (const [desired, dies] of steps) {
      await agent.apply(desired);
      for (let sport = 1; sport < 9; sport++) one.ipvs.packet({ ...FLOW, sport });
      if (dies) agent = new FakeIpvsDataplane(one);
    }
    // What is nobody's any more may go: it has no connections left.
    one.ipvs.forget();
    await agent.apply(steps.at(-1)![0]);
    return one;
  }

  const slotsOf = ({ ipvs }: FakeIpvsHost) => [ipvs.listing(), ipvs.lastWeights()];

  test('hold the same list with the same shares, whatever they went through', async () => {
    await fc.assert(
      fc.asyncProperty(past, past, step, async (one, other, last) => {
        const steps = (list: typeof one) => [
          ...list.map(([at, dies]) => [planeOf(at), dies] as const),
          [planeOf(last), false] as const,
        ];
        const [a, b] = [await lived(steps(one)), await lived(steps(other))];
        expect(slotsOf(a)).toEqual(slotsOf(b));
      }),
      { numRuns: THOROUGH ? 60 : 5 },
    );
  });

  test('send 10,000 flows to the same servers', async () => {
    const last = dataplane(service('web', withState(SIX, 'r2', 'down')));
    const some = (...which: number[]) =>
      dataplane(
        service(
          'web',
          which.map((i) => SIX[i]!),
        ),
      );
    const a = await lived([
      [some(5, 0), false],
      [some(3), true],
      [some(1, 2, 4, 5), false],
      [last, false],
    ]);
    const b = await lived([[last, false]]);
    const clients = Array.from({ length: THOROUGH ? 10_000 : 1000 }, (_, i) => ({
      ...FLOW,
      source: ipv4('10.1.0.2') + (i % 97),
      sport: 1024 + i,
    }));
    expect(clients.map((flow) => a.ipvs.packet(flow))).toEqual(clients.map((flow) => b.ipvs.packet(flow)));
  });
});
