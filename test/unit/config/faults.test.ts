import { describe, expect, test } from 'vitest';
import { EDGE, LEAST, placedFaults } from './files.ts';

/** The faults of a file in which `from` was replaced; `from` must be there. */
function faultsAfter(file: string, from: string, to: string): string[] {
  expect(file).toContain(from);
  return placedFaults(file.replace(from, to));
}

describe('faults of shape', () => {
  test.each([
    [
      'lifecycle: { holdUp: 5s',
      'lifecycle: { holdupp: 5s',
      '5:14: lifecycle.holdupp: unknown key; did you mean "holdUp"?',
    ],
    [
      'drain: 2m',
      'drain: 2',
      '5:33: lifecycle.drain: expected a duration with a unit, got the plain number 2; write 2s or 2ms',
    ],
    [
      'drain: 2m',
      'drain: 2 min',
      '5:33: lifecycle.drain: expected a duration, got "2 min"; a number with ms, s, m or h, such as 500ms or 2s',
    ],
    ['drain: 2m', 'grace: 1h', '5:33: lifecycle.grace: expected whole seconds from 1s to 30m, got "1h"'],
    ['drain: 2m', 'drain: 25h', '5:33: lifecycle.drain: "25h" is out of range; from 0ms to 24h'],
    [
      'hello: 2s',
      'hello: 1500ms',
      '13:58: routing.instances.outside.interfaces.up0.hello: expected whole seconds from 1s to 65535s, or 50ms to 500ms, got "1500ms"; OSPF carries seconds; below a second two to twenty hellos fit the dead interval of 1s',
    ],
    [
      'network: broadcast',
      'network: brodcast',
      '14:25: routing.instances.outside.interfaces.up1.network: expected point-to-point, broadcast, point-to-multipoint or nbma, got "brodcast"; did you mean "broadcast"?',
    ],
    [
      'ports: [80, 443]',
      'ports: [80, 0]',
      '21:17: services.web.ports.1: expected a port, a whole number from 1 to 65535, got 0',
    ],
    ['ports: [80, 443]', 'ports: []', '21:12: services.web.ports: expected at least one port, got an empty list'],
    ['vip: 203.0.113.10', 'vip: 224.0.0.5', '31:10: services.dns.vip: "224.0.0.5" is not a unicast address'],
    [
      'min: 50%',
      'min: 101%',
      '29:22: services.web.announce.min: expected a number of servers (at least 1) or a share from 1% to 100%, got "101%"',
    ],
    [
      'min: 50%',
      'min: 0',
      '29:22: services.web.announce.min: expected a number of servers (at least 1) or a share from 1% to 100%, got 0; to announce whatever the health, use whenDown: keep',
    ],
    [
      'path: /healthz',
      'path: healthz',
      '28:29: services.web.health.http.path: expected a path, got "healthz"; beginning with /, no spaces',
    ],
    ['    vip: 203.0.113.10\n', '', '30:3: services.dns.vip: missing'],
    [
      '{ r1: 10.2.0.21 }',
      '[10.2.0.21]',
      '34:14: services.dns.servers: expected a mapping (indented "key: value" lines), got a list',
    ],
    ['{ r1: 10.2.0.21 }', '{}', '34:14: services.dns.servers: expected at least one server, got an empty mapping'],
    [
      'up1: ens4',
      'up1: interface-name-16',
      '3:61: directors.d1.interfaces.up1: expected an interface name, got "interface-name-16"; at most 15 ASCII characters, no space, / : " * or \\',
    ],
    [
      '  web:',
      '  9web:',
      '19:3: services.9web: expected a name, got "9web"; letters, digits, - and _, at most 31, beginning with a letter',
    ],
  ])('%s → %s', (from, to, fault) => {
    expect(faultsAfter(EDGE, from, to)).toEqual([fault]);
  });
});

describe('what the design has and this version has not is refused as such', () => {
  test.each([
    [
      'scheduler: mh',
      'scheduler: wlc',
      'services.web.scheduler: "wlc" is a scheduler of the ipvs plane; the nftables plane has mh, rr, wrr',
    ],
    [
      'protocol: udp',
      'protocol: sctp',
      'services.dns.protocol: "sctp" needs the ipvs data plane: the nftables one has tcp and udp',
    ],
    [
      'announce: [vip, local, snat]',
      'announce: [vip, local, snat, gateway]',
      'routing.instances.outside.announce.3: "gateway" is not supported in this version; use vip, local or snat',
    ],
    [
      'dataplane: nftables',
      'dataplane: nftables\nmappingLog: { file: /x }',
      'mappingLog: it is made of connections that are synced: it needs keys; add keys: { file: PATH } at the top, or remove it',
    ],
  ])('%s → %s', (from, to, fault) => {
    expect(faultsAfter(EDGE, from, to).map((line) => line.replace(/^\d+:\d+: /, ''))).toEqual([fault]);
  });
});

describe('faults between values', () => {
  test.each([
    ['up1: eth2', 'up1: eth1', '4:61: directors.d2.interfaces.up1: alias up0 is eth1 too'],
    [
      'up1: eth2',
      'upl: eth2',
      '4:31: directors.d2.interfaces: no interface with the alias up1, which routing.instances.outside uses; rename upl or add up1: DEVICE',
    ],
    [
      '        up1: { n',
      '        up2: { n',
      '14:9: routing.instances.outside.interfaces.up2: no director has an interface with this alias; did you mean "up0"?',
    ],
    [
      'dead: 8s',
      'dead: 2s',
      '13:68: routing.instances.outside.interfaces.up0.dead: must be longer than hello, which is 2s; four times hello is usual: 8s',
    ],
    [
      'hello: 2s',
      'hello: 250ms',
      '13:71: routing.instances.outside.interfaces.up0.dead: must be 1s where hello is below a second, got 8s; such hellos say 0 for their interval, which goes with a dead interval of one second',
    ],
    [
      '{ network: broadcast }',
      '{ network: broadcast, neighbors: 10.0.0.1 }',
      '14:36: routing.instances.outside.interfaces.up1.neighbors: network broadcast finds its neighbors by multicast; remove them, or use nbma or point-to-multipoint',
    ],
    [
      '{ network: broadcast }',
      '{ network: nbma }',
      '14:9: routing.instances.outside.interfaces.up1: network nbma without neighbors: no multicast finds them there; add neighbors: [ADDRESS, ...]',
    ],
    [
      '{ network: broadcast }',
      '{ network: nbma, neighbors: [{ address: 10.0.0.1, priority: 0 }] }',
      '14:31: routing.instances.outside.interfaces.up1.neighbors: nobody may be designated router: all have priority 0, and so have the directors; give the routers among them their priority',
    ],
    [
      '{ network: broadcast }',
      '{ network: point-to-multipoint, neighbors: [10.0.0.1, 10.0.0.1], poll: 1s }',
      [
        '14:68: routing.instances.outside.interfaces.up1.neighbors.1: 10.0.0.1 stands here twice',
        '14:85: routing.instances.outside.interfaces.up1.poll: must be longer than hello, which is 1s',
      ],
    ],
    [
      '{ network: broadcast }',
      '{ network: broadcast, poll: 10s }',
      '14:36: routing.instances.outside.interfaces.up1.poll: there is nobody to poll; it is for those in neighbors',
    ],
    [
      '{ network: broadcast }',
      '{ network: nbma, passive: true, neighbors: 10.0.0.1 }',
      '14:46: routing.instances.outside.interfaces.up1.neighbors: OSPF is not spoken on a passive interface; remove one of both',
    ],
    [
      '  203.0.113.10:',
      '  203.0.113.11:',
      '17:3: vips.203.0.113.11: no service has this VIP; did you mean "203.0.113.10"?',
    ],
    ['protocol: udp', 'protocol: tcp', undefined],
    [
      'ports: 53\n    protocol: udp',
      'ports: 80',
      '31:10: services.dns.vip: service web has 203.0.113.10 tcp port 80 already',
    ],
    ['ports: [80, 443]', 'ports: [80, 80]', '21:17: services.web.ports.1: 80 stands here twice'],
    [
      'r1: 10.2.0.21\n',
      'r1: 10.2.0.22\n',
      '27:11: services.web.servers.r2: server r1 has the address 10.2.0.22 already',
    ],
    ['r1: 10.2.0.21\n', 'r1: 203.0.113.10\n', '26:11: services.web.servers.r1: 203.0.113.10 is the VIP of service dns'],
    ['min: 50%', 'min: 3', '29:22: services.web.announce.min: needs 3 healthy servers, but the service has only 2'],
    [
      'health: { http',
      'health: { tcp: {}, http',
      '28:5: services.web.health: tcp and http together; one check per service; http includes tcp',
    ],
  ])('%s → %s', (from, to, fault) => {
    expect(faultsAfter(EDGE, from, to)).toEqual([fault ?? []].flat());
  });

  test('one interface in two instances', () => {
    const text = LEAST.replace('{ outside: {', '{ inside: { area: 1, interfaces: { up0: {} } }, outside: {');
    expect(placedFaults(text)).toEqual([
      '3:105: routing.instances.outside.interfaces.up0: instance inside uses this interface too',
    ]);
  });

  test('a value that was refused causes no second fault elsewhere', () => {
    expect(faultsAfter(EDGE, 'vip: [203.0.113.10]', 'vip: [203.0.113.10x]')).toHaveLength(1);
    expect(faultsAfter(EDGE, 'interfaces: { up0: eth1, up1: eth2 }', 'interfaces: none')).toHaveLength(1);
  });
});

describe('faults of syntax', () => {
  test.each([
    ['cluster: a\ncluster: b\n', '2:1: Map keys must be unique'],
    ['cluster: *x\n', '1:10: *x has no anchor; define &x above'],
    ['cluster: &x [*x]\n', '1:14: *x contains itself'],
    ['? [a, b]\n: 1\n', '1:3: a key must be plain text'],
    ['a: !!python 1\n', '1:4: Unresolved tag: tag:yaml.org,2002:python'],
    ['%YAML 1.1\n---\na: yes\n', '1:1: YAML 1.1 is not supported; remove the %YAML line'],
    ['a:\n\tb: 1\n', '2:1: Tabs are not allowed as indentation'],
    ['constructor: 1\n', '1:1: "constructor" cannot be used as a key'],
    ['', '1:1: the file is empty'],
    ['# nothing\n', '1:1: the file is empty'],
    ['"\\e[2J"\n', '1:1: expected a mapping (indented "key: value" lines), got "\\u001b[2J"'],
    ['just text\n', '1:1: expected a mapping (indented "key: value" lines), got "just text"'],
  ])('%j', (text, fault) => {
    expect(placedFaults(text)).toContain(fault);
  });

  test('aliases that multiply without end are refused', () => {
    const row = (name: string, of: string) => `${name}: &${name} [${Array(9).fill(of).join(', ')}]\n`;
    const text = row('a', '1') + row('b', '*a') + row('c', '*b') + row('d', '*c');
    expect(placedFaults(text)).toEqual([
      '1:1: cannot be read: Excessive alias count indicates a resource exhaustion attack',
    ]);
  });

  test.each([
    ['[', 65],
    ['{a: ', 257],
    ['- ', 129],
    ['? ', 129],
  ])('nesting without end is refused: %j', (opening, column) => {
    const refused = [`1:${column}: nested deeper than 64 levels`];
    // At a thousand levels a parser that recurses comes near the end of the stack, at ten thousand it is beyond.
    for (const levels of [65, 1000, 10_000]) expect(placedFaults(opening.repeat(levels))).toEqual(refused);
    expect(placedFaults(opening.repeat(64))).not.toEqual(refused);
  });

  test('nesting by indentation counts like any other', () => {
    const text = Array.from({ length: 70 }, (_, level) => `${' '.repeat(level)}a:\n`).join('');
    expect(placedFaults(text)).toEqual(['65:65: nested deeper than 64 levels']);
  });
});
