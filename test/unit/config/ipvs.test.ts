/** The cluster file where only one of the data planes will do, and what none can. */
import { describe, expect, test } from 'vitest';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import { faultLines, soundCluster } from './files.ts';

const SERVERS = 'servers: { r1: 10.2.0.21, r2: 10.2.0.22 }';

/** `web`: what the service says beside its VIP, its port and its servers; `plane`: of the file. */
function text(plane: string, web: string, servers = SERVERS, others = ''): string {
  return `cluster: edge-1
directors: { d1: { routerId: 10.255.0.1, local: 10.3.0.1, interfaces: { up0: eth1, in0: eth2 } } }
routing: { instances: { outside: { area: 0, announce: [vip, local], interfaces: { up0: {} } } } }
dataplane: ${plane}
services:
  web: { vip: 203.0.113.10, ports: 80, ${servers}, ${web} }
${others}`;
}

const faults = (...given: Parameters<typeof text>) => faultLines(text(...given));
const cluster = (...given: Parameters<typeof text>) => soundCluster(text(...given));

const web = (lines: string, servers?: string) => cluster('ipvs', lines, servers).services[0]!;

describe('what the ipvs plane has', () => {
  test('tunnels: ipip unless written, GUE at its usual port', () => {
    const tunnel = (written: string) => web(`forward: tun, tunnel: ${written}`).tunnel;
    expect(web('forward: tun').tunnel).toEqual({ type: 'ipip', port: undefined, checksum: 'none' });
    expect(tunnel('{ type: gue }')).toEqual({ type: 'gue', port: 6080, checksum: 'none' });
    expect(tunnel('{ type: gue, port: 5555, checksum: remote }')).toEqual({
      type: 'gue',
      port: 5555,
      checksum: 'remote',
    });
    expect(tunnel('{ type: gre, checksum: checksum }')).toEqual({ type: 'gre', port: undefined, checksum: 'checksum' });
    expect(web('forward: dr').tunnel).toBeUndefined();
    expect(web('forward: tun')).toMatchObject({ direct: undefined, changes: { whenDown: 'keep' } });
  });

  test('schedulers of the kernel; sh by address, or by port as well', () => {
    expect(web('scheduler: wlc').scheduler).toEqual({ name: 'wlc' });
    expect(web('scheduler: sh').scheduler).toEqual({ name: 'sh', sourcePort: false });
    expect(web('scheduler: { name: sh, sourcePort: true }').scheduler).toEqual({ name: 'sh', sourcePort: true });
  });

  test('persistence of networks; all 32 bits are the same as no word', () => {
    const persistence = (written: string) => {
      const { persistence: time, persistenceMask: mask } = web(`persistence: ${written}`);
      return [time, mask];
    };
    expect(persistence('{ time: 600s, netmask: 24 }')).toEqual([600_000, 24]);
    expect(persistence('{ time: 90s, netmask: 32 }')).toEqual([90_000, undefined]);
    expect(persistence('{ time: 90s }')).toEqual([90_000, undefined]);
    expect(persistence('90s')).toEqual([90_000, undefined]);
  });

  test('datagrams one by one, SCTP without a check of its own, thresholds', () => {
    expect(web('protocol: udp, onePacket: true').onePacket).toBe(true);
    expect(web('protocol: udp, onePacket: false').onePacket).toBeUndefined();
    expect(web('protocol: sctp')).toMatchObject({ protocol: 'sctp', health: undefined });
    const [r1] = web('health: none', 'servers: { r1: { address: 10.2.0.21, limit: 100, resume: 80 } }').servers;
    expect(r1).toMatchObject({ limit: 100, resume: 80 });
  });

  test('direct routing with a table of connections, by the kernel’s routes', () => {
    const dr = web('forward: dr, persistence: 600s, scheduler: wrr, timeouts: { established: 90s }');
    expect(dr).toMatchObject({ persistence: 600_000, scheduler: { name: 'wrr' }, timeouts: { established: 90 } });
    const oneArm = text('ipvs', 'forward: dr').replace(', in0: eth2', '');
    expect(faultLines(oneArm)).toEqual([]);
  });
});

describe('which plane', () => {
  const needed = (...given: Parameters<typeof text>) => cluster(...given).planeNeeded;

  test('what stands in the file decides where it says auto', () => {
    expect(needed('auto', 'forward: nat')).toBeUndefined();
    expect(needed('auto', 'forward: tun')).toEqual({ plane: 'ipvs', by: 'services.web.forward' });
    expect(needed('auto', 'forward: dr, persistence: 600s')).toEqual({ plane: 'ipvs', by: 'services.web.persistence' });
    expect(needed('auto', 'forward: dr, sticky: 60s')).toEqual({ plane: 'nftables', by: 'services.web.sticky' });
    expect(needed('auto', 'scheduler: { name: mh, slots: 65537 }')?.plane).toBe('nftables');
    expect(needed('ipvs', 'forward: tun')).toBeUndefined();
  });

  test('one plane has all services: two that need different ones are a fault', () => {
    const dns = '  dns: { vip: 203.0.113.11, ports: 53, protocol: udp, onePacket: true, servers: { r1: 10.2.0.21 } }\n';
    expect(faults('auto', 'slowStart: 30s', SERVERS, dns)).toEqual([
      'services.web.slowStart: needs the nftables data plane; services.dns.onePacket needs the ipvs one; change one of both',
    ]);
  });

  const NFT = 'needs the ipvs data plane: the nftables one keeps';
  test.each([
    ['protocol: sctp', 'protocol: "sctp" needs the ipvs data plane: the nftables one has tcp and udp'],
    ['scheduler: lblcr', 'scheduler: "lblcr" is a scheduler of the ipvs plane; the nftables plane has mh, rr, wrr'],
    ['protocol: udp, onePacket: true', `onePacket: ${NFT} a flow at its server; remove it`],
    ['persistence: { time: 1h, netmask: 24 }', `persistence.netmask: ${NFT} single clients in mind; remove it`],
  ])('dataplane: nftables has no %s', (written, fault) => {
    expect(faults('nftables', written)).toEqual([`services.web.${fault}`]);
  });

  const IPVS = 'needs the nftables data plane:';
  const TIMES = 'ipvs has times for established, fin_wait, replied';
  test.each([
    ['forward: dr, sticky: 60s', `sticky: ${IPVS} the ipvs one keeps every flow at its server; remove it`],
    ['scheduler: { name: mh, slots: 4099 }', `scheduler.slots: ${IPVS} the kernel’s mh has 4093 slots; remove it`],
    ['slowStart: 30s', `slowStart: ${IPVS} the kernel’s mh gives a server all of its slots or none; remove it`],
    ['timeouts: { close: 30s }', `timeouts.close: ${IPVS} ${TIMES}; remove it`],
  ])('dataplane: ipvs has no %s', (written, fault) => {
    expect(faults('ipvs', written)).toEqual([`services.web.${fault}`]);
  });

  test('beside ipvs only fullnat is synced: whoever asks for more needs the other plane', () => {
    const synced = (plane: string, web: string) =>
      text(plane, web)
        .replace('interfaces: { up0: eth1, in0: eth2 }', '$&, sync: 10.2.0.11')
        .replace('dataplane', 'keys: { file: cluster.keys }\ndataplane');
    const told = (plane: string, web: string) => {
      const parsed = parseCluster(synced(plane, web));
      return 'faults' in parsed ? parsed.faults.map(({ path, message }) => `${path}: ${message}`) : parsed.cluster;
    };
    const fault = `services.web.sync: ${IPVS} on the ipvs one only connections of fullnat are synced`;
    expect(told('ipvs', 'sync: all')).toEqual([fault]);
    expect(told('auto', 'sync: established')).toMatchObject({
      planeNeeded: { plane: 'nftables', by: 'services.web.sync' },
    });
    for (const fine of ['forward: fullnat, sync: all', 'sync: off', 'scheduler: wlc']) {
      expect(told('ipvs', fine)).toHaveProperty('services');
    }
  });

  test('ipvs has one time for all services of a protocol', () => {
    const other = (timeouts: string) =>
      `  b: { vip: 203.0.113.11, ports: 80, servers: { r1: 10.2.0.21 }${timeouts} }\n`;
    const established = 'timeouts: { established: 90s }';
    expect(faults('ipvs', established, SERVERS, other(`, ${established}`))).toEqual([]);
    for (const timeouts of ['', ', timeouts: { established: 91s }']) {
      expect(faults('ipvs', established, SERVERS, other(timeouts))).toEqual([
        `services.web.timeouts.established: ${IPVS} ipvs has one such time for all services of tcp, and b says another or none; write the same in each of them`,
      ]);
    }
  });
});

describe('what neither can', () => {
  const REMOTE = 'remote checksum offload is a field of GUE’s header, which';
  test.each([
    [
      'forward: nat, tunnel: { type: gre }',
      ['tunnel: nat puts packets into no tunnel; add forward: tun, or remove it'],
    ],
    ['forward: tun, tunnel: { type: gre, port: 6080 }', ['tunnel.port: gre has no port; gue has']],
    ['forward: tun, tunnel: { checksum: remote }', [`tunnel.checksum: ${REMOTE} ipip has not; use none, or type: gue`]],
    [
      'forward: tun, tunnel: { type: gre, checksum: remote }',
      [`tunnel.checksum: ${REMOTE} gre has not; use checksum or none`],
    ],
    [
      'forward: tun, tunnel: { checksum: checksum }',
      ['tunnel.checksum: ipip has no checksum beside the inner packet’s own; use none, or type: gue or gre'],
    ],
    ['forward: tun, tunnel: { type: vxlan }', ['tunnel.type: expected ipip, gue or gre, got "vxlan"']],
    [
      'onePacket: true',
      [
        'onePacket: a packet of tcp means nothing to a server that has not seen those before it; onePacket is for protocol: udp',
      ],
    ],
    [
      'protocol: udp, onePacket: true, persistence: 600s',
      [
        'onePacket: not with persistence: one sends every packet to another server, the other all of a client to the same; remove one of both',
      ],
    ],
    [
      'protocol: udp, onePacket: true, forward: fullnat',
      [
        'onePacket: not with forward: fullnat: conntrack has one server for a flow, and answers of others would not be translated; use nat, dr or tun',
      ],
    ],
    [
      'protocol: sctp, forward: fullnat',
      ['forward: not with protocol: sctp: port blocks are shared out for tcp and udp; use nat, dr or tun'],
    ],
    [
      'protocol: sctp, timeouts: { established: 90s }',
      ['timeouts.established: sctp has no such state; its times are fixed'],
    ],
    [
      'forward: tun, whenServerDown: reset',
      [
        'whenServerDown: not with forward: tun: the director cannot end connections whose answers it does not see; connections of a server that is down are left to themselves',
      ],
    ],
    ['forward: tun, via: in0', ['via: tun has no use for it; routes lead to its servers; via is for forward: dr']],
    [
      'forward: tun, inside: true',
      [
        'inside: with forward: tun the servers answer clients on their own side directly, which take no such answer; use forward: fullnat',
      ],
    ],
  ])('%s', (written, expected) => {
    expect(faults('ipvs', written)).toEqual(expected.map((fault) => `services.web.${fault}`));
  });

  test.each([
    [
      'r1: { address: 10.2.0.21, resume: 8 }',
      'r1.resume: there is no limit that the server could have reached; add limit: N',
    ],
    [
      'r1: { address: 10.2.0.21, limit: 7, resume: 8 }',
      'r1.resume: is more than the limit, which is 7; write less, or remove it',
    ],
    [
      'r1: 10.2.0.21:8080',
      'r1: expected an IPv4 address, got "10.2.0.21:8080"; servers listen on the ports of the service',
    ],
    [
      'r1: { address: 10.2.0.21, port: 8080 }',
      'r1.port: not supported in this version; remove it: servers listen on the ports of the service',
    ],
  ])('servers: { %s }', (written, fault) => {
    expect(faults('ipvs', 'health: none', `servers: { ${written} }`)).toEqual([`services.web.servers.${fault}`]);
  });

  test.each(['dr', 'tun'])('%s cannot map ports', (forward) => {
    expect(faults('ipvs', `forward: ${forward}`, 'servers: { r1: { address: 10.2.0.21, port: 8080 } }')).toEqual([
      `services.web.servers.r1.port: forward: ${forward} cannot map ports: packets reach the server as the client sent them; remove it: servers listen on the ports of the service`,
    ]);
  });
});

test('what changes is said', () => {
  const changes = (before: string, after: string) => describeChanges(cluster('ipvs', before), cluster('ipvs', after));
  expect(changes('forward: tun', 'forward: tun, tunnel: { type: gue, checksum: remote }')).toEqual([
    'service web: tunnel ipip -> gue port 6080 checksum remote (servers that have no such tunnel get nothing any more)',
  ]);
  expect(changes('protocol: udp, persistence: 90s', 'protocol: udp, persistence: { time: 90s, netmask: 24 }')).toEqual([
    'service web: persistenceMask none -> 24',
  ]);
  expect(changes('protocol: udp', 'protocol: udp, onePacket: true')).toEqual(['service web: onePacket none -> true']);
  const limited = (settings: string) =>
    cluster('ipvs', 'scheduler: lc', `servers: { r1: { address: 10.2.0.21, ${settings} } }`);
  expect(describeChanges(limited('limit: 100'), limited('limit: 100, resume: 80'))).toEqual([
    'service web: server r1: resume none -> 80',
  ]);
});
