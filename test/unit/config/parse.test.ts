import { describe, expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import { DEFAULT_SCHEDULER } from '../../../src/core/model/scheduler.ts';
import { EDGE, LEAST, placedFaults, soundCluster } from './files.ts';

test('every key is read, with its unit', () => {
  expect(soundCluster(EDGE)).toEqual({
    cluster: 'edge-1',
    directors: [
      {
        name: 'd1',
        routerId: ipv4('10.255.0.1'),
        interfaces: { up0: 'ens3', up1: 'ens4' },
        local: [ipv4('10.3.0.1')],
        handOver: ipv4('10.4.0.1'),
      },
      {
        name: 'd2',
        routerId: ipv4('10.255.0.2'),
        interfaces: { up0: 'eth1', up1: 'eth2' },
        local: [],
        handOver: ipv4('10.4.0.2'),
      },
    ],
    lifecycle: { holdUp: 5000, drain: 120_000, grace: 120_000 },
    routing: {
      speaker: 'ospf',
      instances: [
        {
          name: 'outside',
          area: 0,
          areaType: 'normal',
          announce: ['vip', 'local', 'snat'],
          import: [{ prefix: { address: 0, length: 0 }, orLonger: true }],
          interfaces: [
            {
              alias: 'up0',
              network: 'point-to-point',
              cost: 20,
              hello: 2000,
              dead: 8000,
              priority: 1,
              mtuIgnore: true,
              holdLink: false,
              passive: false,
              neighbors: [],
              poll: 20_000,
            },
            {
              alias: 'up1',
              network: 'broadcast',
              cost: 10,
              hello: 1000,
              dead: 4000,
              priority: 0,
              mtuIgnore: false,
              holdLink: false,
              passive: false,
              neighbors: [],
              poll: 20_000,
            },
          ],
          gracefulRestart: { helper: 'strict' },
        },
      ],
    },
    dataplane: 'nftables',
    snat: [{ name: 'egress', from: { address: ipv4('10.2.0.0'), length: 24 }, pool: [ipv4('203.0.113.20')] }],
    local: { shared: [ipv4('10.8.0.1')], handOver: { kind: 'vxlan', id: 7, port: 8472, mtu: 1400 } },
    vips: { '203.0.113.10': { require: 'any' } },
    services: [
      {
        name: 'web',
        vips: [ipv4('203.0.113.10')],
        ports: [80, 443],
        protocol: 'tcp',
        forward: 'nat',
        inside: false,
        scheduler: DEFAULT_SCHEDULER,
        servers: [
          { name: 'r1', address: ipv4('10.2.0.21'), weight: 1 },
          { name: 'r2', address: ipv4('10.2.0.22'), weight: 2 },
        ],
        changes: { drain: 60_000, slowStart: 0, whenDown: 'reset' },
        health: {
          check: { kind: 'http', path: '/healthz', expect: 204, host: 'www.example.org' },
          port: 8080,
          interval: 3000,
          timeout: 500,
          rise: 1,
          fall: 4,
        },
        announce: {
          min: { kind: 'percent', value: 50 },
          metric: 15,
          whenDown: 'metric',
          lsa: { kind: 'external', metricType: 2, tag: 65001 },
        },
      },
      {
        name: 'dns',
        vips: [ipv4('203.0.113.10')],
        ports: [53],
        protocol: 'udp',
        forward: 'nat',
        inside: false,
        scheduler: DEFAULT_SCHEDULER,
        servers: [{ name: 'r1', address: ipv4('10.2.0.21'), weight: 1 }],
        changes: { drain: 60_000, slowStart: 0, whenDown: 'reset' },
        health: undefined,
        announce: {
          min: { kind: 'count', value: 1 },
          metric: 15,
          whenDown: 'withdraw',
          lsa: { kind: 'external', metricType: 2, tag: 65001 },
        },
      },
    ],
  });
});

test('what is not written has its default', () => {
  const { lifecycle, routing, dataplane, vips, services } = soundCluster(LEAST);
  expect({ lifecycle, dataplane, vips, speaker: routing.speaker }).toEqual({
    lifecycle: { holdUp: 10_000, drain: 60_000, grace: 120_000 },
    dataplane: 'auto',
    vips: {},
    speaker: 'ospf',
  });
  expect(routing.instances[0]).toMatchObject({
    announce: ['vip'],
    import: [{ prefix: { address: 0, length: 0 }, orLonger: true }],
    interfaces: [
      {
        network: 'point-to-point',
        cost: 10,
        hello: 1000,
        dead: 4000,
        priority: 0,
        mtuIgnore: false,
      },
    ],
  });
  expect(services[0]).toMatchObject({
    protocol: 'tcp',
    health: { check: { kind: 'tcp' }, port: 80, interval: 2000, timeout: 1000, rise: 2, fall: 3 },
    announce: { min: { kind: 'count', value: 1 }, metric: 10, whenDown: 'withdraw', lsa: { kind: 'stub' } },
  });
});

test('the dead interval follows hello', () => {
  const text = LEAST.replace('up0: {} }', 'up0: { hello: 10s } }');
  expect(soundCluster(text).routing.instances[0]!.interfaces[0]).toMatchObject({ hello: 10_000, dead: 40_000 });
});

test('graceful restart: for how long the neighbors are asked to wait, and whether they are helped', () => {
  const text = LEAST.replace('up0: {} }', 'up0: {} }, gracefulRestart: { helper: lenient }');
  const { lifecycle, routing } = soundCluster(`${text}lifecycle: { grace: 30s }\n`);
  expect(lifecycle.grace).toBe(30_000);
  expect(routing.instances[0]!.gracefulRestart).toEqual({ helper: 'lenient' });
});

test('several hellos per second have a dead interval of one', () => {
  const text = LEAST.replace('up0: {} }', 'up0: { hello: 250ms } }');
  expect(soundCluster(text).routing.instances[0]!.interfaces[0]).toMatchObject({ hello: 250, dead: 1000 });
});

test('neighbors are addresses, or addresses with a priority', () => {
  const neighbors = 'neighbors: [10.0.0.1, { address: 10.0.0.2, priority: 0 }, { address: 10.0.0.3 }], poll: 2m';
  const text = LEAST.replace('up0: {} }', `up0: { network: nbma, ${neighbors} } }`);
  const [up0] = soundCluster(text).routing.instances[0]!.interfaces;
  expect(up0).toMatchObject({ network: 'nbma', poll: 120_000, passive: false });
  expect(up0?.neighbors.map(({ address, priority }) => [formatIpv4(address), priority])).toEqual([
    ['10.0.0.1', 1],
    ['10.0.0.2', 0],
    ['10.0.0.3', 1],
  ]);
});

test('an anchor and its aliases stand for the same settings', () => {
  const text = EDGE.replace('up0: { network', 'up0: &link { network').replace('{ network: broadcast }', '*link');
  const [up0, up1] = soundCluster(text).routing.instances[0]!.interfaces;
  expect({ ...up1, alias: 'up0' }).toEqual(up0);
});

test('all faults of shape and of reference come at once, in the order of the text', () => {
  const text = EDGE.replace('routerId: 10.255.0.2', 'routerId: 10.255.0.1')
    .replace('holdUp: 5s', 'holdUp: 5')
    .replace('speaker: ospf', 'speaker: quagga')
    .replace('scheduler:', 'sheduler:')
    .replace('weight: 2', 'weight: 0')
    .replace('metric: 15, lsa', 'metric: 20, lsa');
  expect(placedFaults(text)).toEqual([
    '4:19: directors.d2.routerId: director d1 has the same router id; router ids must differ',
    '5:22: lifecycle.holdUp: expected a duration with a unit, got the plain number 5; write 5s or 5ms',
    '7:12: routing.speaker: expected ospf or frr, got "quagga"',
    '24:5: services.web.sheduler: unknown key; did you mean "scheduler"?',
    '27:41: services.web.servers.r2.weight: expected a weight, a whole number from 1 to 65535, got 0; to take a server out of service, drain it',
    '35:25: services.dns.announce.metric: 203.0.113.10 has metric 15 in service web, and 20 here; a VIP has one metric',
  ]);
});

describe('authentication', () => {
  const settings = (auth: string) => LEAST.replace('up0: {} }', `up0: { auth: ${auth} } }`);
  const faults = (auth: string) => {
    const parsed = parseCluster(settings(auth));
    return 'faults' in parsed ? parsed.faults.map(({ path, message, hint }) => `${path}: ${message}; ${hint}`) : [];
  };
  const where = 'routing.instances.outside.interfaces.up0.auth';

  test('algorithm, key file and migration; none is the same as no word', () => {
    const read = (auth: string) => {
      const parsed = parseCluster(settings(auth));
      return 'faults' in parsed ? parsed.faults : parsed.cluster.routing.instances[0]?.interfaces[0]?.auth;
    };
    expect(read('{ algorithm: hmac-sha-256, keys: { file: /etc/k } }')).toEqual({
      algorithm: 'hmac-sha-256',
      keys: '/etc/k',
      migrate: false,
    });
    expect(read('{ algorithm: simple, keys: { file: k }, migrate: true }')).toMatchObject({ migrate: true });
    expect(read('{ algorithm: none }')).toBeUndefined();
  });

  test.each([
    ['{ keys: { file: k } }', `${where}.algorithm: missing; undefined`],
    ['{ algorithm: md5 }', `${where}: md5 needs keys; add keys: { file: PATH }`],
    ['{ algorithm: none, keys: { file: k } }', `${where}.keys: no algorithm uses these keys; undefined`],
    [
      '{ algorithm: none, migrate: true }',
      `${where}.migrate: there is nothing to migrate to; name the algorithm that packets are to have in the end`,
    ],
    // What stands in the place of the file may be a key, so it is not repeated.
    ['{ algorithm: md5, keys: s3cret }', `${where}.keys: expected { file: PATH }; keys stand in a file of their own`],
  ])('%s is refused', (auth, fault) => {
    expect(faults(auth)).toEqual([fault]);
  });
});
