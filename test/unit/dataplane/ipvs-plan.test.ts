import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { wishedServices, wishedTimeouts } from '../../../src/core/dataplane/ipvs/desired.ts';
import { decodeIpvsMemory, encodeIpvsMemory, NOTHING_OWNED } from '../../../src/core/dataplane/ipvs/own.ts';
import {
  describeIpvs,
  type ObservedService,
  planIpvs,
  planTimeouts,
  type Shares,
  sharesOf,
} from '../../../src/core/dataplane/ipvs/plan.ts';
import type { DesiredDataplane, DesiredService } from '../../../src/core/model/dataplane.ts';
import { serviceKeyText } from '../../../src/core/netlink/ipvs/service.ts';
import { NO_STATISTICS } from '../../../src/core/netlink/ipvs/statistics.ts';
import { dataplane, type ServerSpec, service, THREE, withState } from './model.ts';

const NONE: ReadonlySet<string> = new Set();
const IDLE = { active: 0, inactive: 0, persistent: 0, statistics: NO_STATISTICS };
const BUSY = { ...IDLE, active: 5 };

/** As the kernel holds it once everything is done. */
function kernelOf(desired: DesiredDataplane, counts = IDLE): Map<string, ObservedService> {
  return new Map(
    wishedServices(desired).map(({ name: _, destinations, ended: __, ...rest }) => [
      serviceKeyText(rest.key),
      { ...rest, destinations: destinations.map(({ share: ___, ...one }) => ({ ...one, ...counts })) },
    ]),
  );
}

const web = (servers: readonly ServerSpec[] = THREE, more: Partial<DesiredService> = {}) =>
  dataplane(service('web', servers, more));

/** What leads from one data plane to another, as lines. */
function lines(from: DesiredDataplane, to: DesiredDataplane, counts = IDLE): string[] {
  const observed = kernelOf(from, counts);
  const shares = sharesOf(wishedServices(from), observed);
  const { removal, rest } = planIpvs(wishedServices(to), observed, new Set(observed.keys()), shares);
  return [...removal, ...rest].map(describeIpvs);
}

const NOTHING = dataplane();

test('a service is made with its servers, the last one first: the kernel puts each new one at the head', () => {
  const added = (scheduler: string) => [
    `ipvs tcp 203.0.113.10:80: add service (${scheduler})`,
    'ipvs tcp 203.0.113.10:80: add 10.2.0.23:80 (masquerading, weight 1)',
    'ipvs tcp 203.0.113.10:80: add 10.2.0.22:80 (masquerading, weight 1)',
    'ipvs tcp 203.0.113.10:80: add 10.2.0.21:80 (masquerading, weight 1)',
  ];
  expect(lines(NOTHING, web(THREE, { scheduler: { name: 'rr' } }))).toEqual(added('rr'));
  const bound = 'ipvs tcp 203.0.113.10:80: edit service (mh)';
  expect(lines(NOTHING, web())).toEqual([...added('no scheduler yet'), bound]);
});

test('with one server there are no slots to be dealt out twice', () => {
  expect(lines(NOTHING, web(THREE.slice(0, 1)))[0]).toBe('ipvs tcp 203.0.113.10:80: add service (mh)');
});

describe('nothing is done where nothing differs', () => {
  const tunnel = { type: 'gue', port: 6080, checksum: 'remote' } as const;
  test.each<readonly [string, DesiredDataplane]>([
    ['mh', web()],
    ['a server that is down', web(withState(THREE, 'r2', 'down'))],
    ['every server drained', web(THREE.map((one) => ({ ...one, state: 'drained' })))],
    ['rr', web(THREE, { scheduler: { name: 'rr' } })],
    ['a tunnel', web(THREE, { tunnel })],
    ['direct routing', web(THREE, { direct: { device: 'eth1' } })],
    ['a mark', web(THREE, { ports: [], fwmark: 7 })],
    ['persistence', web(THREE, { persistence: 600_000, persistenceMask: 24 })],
    ['one packet', web(THREE, { protocol: 'udp', onePacket: true })],
    ['a server that has left', web([...THREE, { name: 'r4', address: '10.2.0.20', weight: 0, state: 'drained' }])],
  ])('%s', (_, desired) => {
    expect(lines(desired, desired)).toEqual([]);
  });
});

test('a server that goes down or drains has weight 0 and stays; it comes back by its weight', () => {
  const down = web(withState(THREE, 'r2', 'down'));
  expect(lines(web(), down)).toEqual(['ipvs tcp 203.0.113.10:80: set 10.2.0.22:80 (masquerading, weight 0)']);
  expect(lines(down, web())).toEqual(['ipvs tcp 203.0.113.10:80: set 10.2.0.22:80 (masquerading, weight 1)']);
});

test('where all are down those that are merely down take connections; drained ones never do', () => {
  const dead = web(THREE.map((one, i) => ({ ...one, state: i === 0 ? 'drained' : 'down' })));
  expect(lines(web(), dead)).toEqual(['ipvs tcp 203.0.113.10:80: set 10.2.0.21:80 (masquerading, weight 0)']);
});

test('the sorry server is there for its turn, and stays after it as long as it has connections', () => {
  const sorry = { sorry: ipv4('10.2.0.99') };
  const drained = web(
    THREE.map((one) => ({ ...one, state: 'drained' })),
    { ...sorry, scheduler: { name: 'rr' } },
  );
  const up = web(THREE, { ...sorry, scheduler: { name: 'rr' } });
  expect(lines(up, drained).at(-1)).toBe('ipvs tcp 203.0.113.10:80: add 10.2.0.99:80 (masquerading, weight 1)');
  expect(lines(drained, up, IDLE)[0]).toBe('ipvs tcp 203.0.113.10:80: delete 10.2.0.99:80');
  expect(lines(drained, up, BUSY)).toContain('ipvs tcp 203.0.113.10:80: set 10.2.0.99:80 (masquerading, weight 0)');
});

describe('slots of mh are the same on all directors', () => {
  test('a server that is down when it is added has its slots all the same', () => {
    expect(lines(NOTHING, web(withState(THREE, 'r2', 'down')))).toEqual([
      'ipvs tcp 203.0.113.10:80: add service (no scheduler yet)',
      'ipvs tcp 203.0.113.10:80: add 10.2.0.23:80 (masquerading, weight 1)',
      'ipvs tcp 203.0.113.10:80: add 10.2.0.22:80 (masquerading, weight 1)',
      'ipvs tcp 203.0.113.10:80: set 10.2.0.22:80 (masquerading, weight 0)',
      'ipvs tcp 203.0.113.10:80: add 10.2.0.21:80 (masquerading, weight 1)',
      'ipvs tcp 203.0.113.10:80: edit service (mh)',
    ]);
  });

  test('a new first server is added; a new last one takes all others out and in again', () => {
    expect(lines(web(THREE.slice(1)), web())).toEqual([
      'ipvs tcp 203.0.113.10:80: add 10.2.0.21:80 (masquerading, weight 1)',
    ]);
    expect(lines(web(THREE.slice(0, 2)), web(), BUSY)).toEqual([
      'ipvs tcp 203.0.113.10:80: delete 10.2.0.22:80 (to be added again in its place)',
      'ipvs tcp 203.0.113.10:80: delete 10.2.0.21:80 (to be added again in its place)',
      'ipvs tcp 203.0.113.10:80: add 10.2.0.23:80 (masquerading, weight 1)',
      'ipvs tcp 203.0.113.10:80: add 10.2.0.22:80 (masquerading, weight 1)',
      'ipvs tcp 203.0.113.10:80: add 10.2.0.21:80 (masquerading, weight 1)',
    ]);
    const rr = { scheduler: { name: 'rr' } } as const;
    expect(lines(web(THREE.slice(0, 2), rr), web(THREE, rr))).toHaveLength(1);
  });

  test('another weight in the file of a server that is down counts at once', () => {
    const heavy = THREE.map((one) => (one.name === 'r2' ? { ...one, weight: 3 } : one));
    expect(lines(web(withState(THREE, 'r2', 'down')), web(withState(heavy, 'r2', 'down')))).toEqual([
      'ipvs tcp 203.0.113.10:80: set 10.2.0.22:80 (masquerading, weight 3)',
      'ipvs tcp 203.0.113.10:80: set 10.2.0.22:80 (masquerading, weight 0)',
    ]);
  });

  test('a server that leaves the file loses its slots and keeps its connections', () => {
    const left = web([...THREE.slice(0, 1), ...THREE.slice(1).map((one) => ({ ...one, weight: 0 }))]);
    const out = 'delete 10.2.0.2';
    const plan = lines(web(), left, BUSY);
    expect(plan.filter((line) => line.includes(out))).toHaveLength(3);
    expect(plan).toContain('ipvs tcp 203.0.113.10:80: add 10.2.0.22:80 (masquerading, weight 0)');
  });
});

test('a server that nobody wishes any more goes when it is idle; while it has connections its weight is 0', () => {
  const rr = { scheduler: { name: 'rr' } } as const;
  const two = web(THREE.slice(0, 2), rr);
  expect(lines(web(THREE, rr), two)).toEqual(['ipvs tcp 203.0.113.10:80: delete 10.2.0.23:80']);
  expect(lines(web(THREE, rr), two, BUSY)).toEqual([
    'ipvs tcp 203.0.113.10:80: set 10.2.0.23:80 (masquerading, weight 0)',
  ]);
});

test('connections of direct routing end by the destination’s end, those that are translated by rules', () => {
  const ended = (more: Partial<DesiredService>) => {
    const desired = web(withState(THREE, 'r3', 'drained'), { scheduler: { name: 'rr' }, ...more });
    const [one] = desired.services;
    const servers = one!.servers.map((server) => (server.name === 'r3' ? { ...server, ended: true } : server));
    return dataplane({ ...one!, servers });
  };
  const direct = { direct: { device: 'eth1' }, scheduler: { name: 'rr' } } as const;
  const nat = { scheduler: { name: 'rr' } } as const;
  expect(lines(web(THREE, direct), ended(direct), BUSY)).toEqual(['ipvs tcp 203.0.113.10:80: delete 10.2.0.23:80']);
  expect(lines(web(THREE, nat), ended(nat), BUSY)).toEqual([
    'ipvs tcp 203.0.113.10:80: set 10.2.0.23:80 (masquerading, weight 0)',
  ]);
});

test('every way to a server, every flag, in words', () => {
  const [first] = THREE;
  const one = (more: Partial<DesiredService>) => lines(NOTHING, web([first!], more));
  expect(one({ tunnel: { type: 'gre', checksum: 'none' }, scheduler: { name: 'wlc' } })).toEqual([
    'ipvs tcp 203.0.113.10:80: add service (wlc)',
    'ipvs tcp 203.0.113.10:80: add 10.2.0.21:80 (tunnel, weight 1)',
  ]);
  expect(
    one({ direct: { device: undefined }, persistence: 600_000, persistenceMask: 24, ports: [], fwmark: 7 }),
  ).toEqual([
    'ipvs fwmark 7: add service (mh, persistent 600 s by /24)',
    'ipvs fwmark 7: add 10.2.0.21:0 (direct routing, weight 1)',
  ]);
  const limited = web([first!]).services[0]!;
  const servers = limited.servers.map((server) => ({ ...server, limit: 100, resume: 80 }));
  expect(lines(NOTHING, dataplane({ ...limited, protocol: 'sctp', servers })).at(-1)).toBe(
    'ipvs sctp 203.0.113.10:80: add 10.2.0.21:80 (masquerading, weight 1, at most 100 connections, again below 80)',
  );
});

test('what is not ours is never touched; what was ours and is not wished goes', () => {
  const observed = kernelOf(dataplane(service('web', THREE), service('other', THREE, { ports: [443] })));
  const other = 'tcp 203.0.113.10:443';
  expect(planIpvs(wishedServices(web()), observed, NONE, new Map())).toEqual({ removal: [], rest: [] });
  const { removal } = planIpvs(wishedServices(web()), observed, new Set([other]), new Map());
  expect(removal.map(describeIpvs)).toEqual([`ipvs ${other}: delete service`]);
});

test('timeouts: what the file says of them, and no more', () => {
  const found = { tcp: 900, tcpFin: 120, udp: 300 };
  const wished = wishedTimeouts(web(THREE, { timeouts: { established: 7200, replied: 30 } }));
  expect(planTimeouts(wished, found).map(describeIpvs)).toEqual([
    'ipvs: timeouts tcp 7200 s, after FIN 120 s, udp 30 s',
  ]);
  expect(planTimeouts(wishedTimeouts(web()), found)).toEqual([]);
});

test('what is ours survives the agent, and not the boot; a file of nonsense means nothing is ours', () => {
  const shares: Shares = new Map([['tcp 203.0.113.10:80', new Map([['10.2.0.21:80', 3]])]]);
  const memory = { own: new Set(['tcp 203.0.113.10:80', 'fwmark 7']), shares };
  const text = encodeIpvsMemory('boot net', memory);
  expect(decodeIpvsMemory('boot net', text)).toEqual(memory);
  expect(decodeIpvsMemory('another', text)).toEqual(NOTHING_OWNED);
  for (const nonsense of ['', 'x', '{}', '{"version":1,"host":"h","services":[7]}', '[]', 'null']) {
    expect(decodeIpvsMemory('h', nonsense)).toEqual(NOTHING_OWNED);
  }
});
