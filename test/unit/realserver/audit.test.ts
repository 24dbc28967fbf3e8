/** What an audit says of a host: nothing of a sound one, and of each thing that is broken what comes of it. */
import { describe, expect, test } from 'vitest';
import { auditPlan, planServer, planStranger } from '../../../src/api/realserver.ts';
import { type Answers, clusterText, D2, hostWith, type Mode, planWith, question, soundHost } from './hosts.ts';

const ALL: readonly Mode[] = ['nat', 'dr', 'ipip', 'gue', 'gre', 'greChecksum', 'fullnat'];

/** `what: found → consequence` of all that deviates after `change`, without what is said of several. */
async function audited(change: (host: Answers) => void, modes = ALL, directors?: string[]): Promise<readonly string[]> {
  const host = soundHost();
  change(host);
  const { sections } = auditPlan(await planWith(host, clusterText(modes, directors)));
  const lines = sections.flatMap(({ needs }) =>
    needs.flatMap(({ what, deviation }) =>
      deviation === null ? [] : [`${what}: ${deviation.found} → ${deviation.consequence}`],
    ),
  );
  return [...new Set(lines)];
}

/** What mends all that deviates after `change`. */
async function mended(change: (host: Answers) => void, modes = ALL): Promise<readonly string[]> {
  const host = soundHost();
  change(host);
  const { sections } = auditPlan(await planWith(host, clusterText(modes)));
  return [...new Set(sections.flatMap(({ needs }) => needs.flatMap(({ deviation }) => deviation?.commands ?? [])))];
}

const linkOf = (host: Answers, name: string) => host.addresses.find(({ ifname }) => ifname === name)!;
const drop = (list: Answers['routes'], matches: (one: Record<string, unknown>) => boolean) => {
  list.splice(0, list.length, ...list.filter((one) => !matches(one)));
};

test('nothing deviates on a host that has it all', async () => {
  expect(await audited(() => {})).toEqual([]);
});

test('a VIP may be local by a route alone, as it is on directors', async () => {
  const change = (host: Answers) => {
    linkOf(host, 'lo').addr_info.splice(1, 1);
    host.routes.push({ type: 'local', dst: '203.0.113.11', dev: 'lo', table: 'local', protocol: '217' });
  };
  expect(await audited(change)).toEqual([]);
});

const LATE = 'clients time out';
const CROSSED = (name: string) =>
  `answers to connections that came by ${name} go to another director, or past them all: it cannot translate them, and clients time out`;

describe('one thing broken', () => {
  test.each<[string, (host: Answers) => void, string]>([
    [
      'arp_ignore',
      ({ sysctls }) => sysctls.set('net/ipv4/conf/all/arp_ignore', '0'),
      'arp_ignore 1 on every interface: 0 on eth1 → ARP requests for 203.0.113.11, 203.0.113.12, 203.0.113.13, 203.0.113.14, 203.0.113.15, 203.0.113.16 are answered: routers may send clients’ packets past the directors, and all of them here',
    ],
    [
      'arp_ignore, too much of it',
      ({ sysctls }) => sysctls.set('net/ipv4/conf/eth1/arp_ignore', '8'),
      'arp_ignore 1 on every interface: 8 on eth1 → no ARP request is answered, for the host’s own addresses neither: nobody can reach it',
    ],
    [
      'arp_announce',
      ({ sysctls }) => sysctls.set('net/ipv4/conf/all/arp_announce', '1'),
      'arp_announce 2 on every interface: 1 on eth1 → own ARP requests may name 203.0.113.11, 203.0.113.12, 203.0.113.13, 203.0.113.14, 203.0.113.15, 203.0.113.16 as the sender: routers learn that it is here, and send clients’ packets past the directors',
    ],
    [
      'a VIP that is gone',
      (host) => linkOf(host, 'lo').addr_info.splice(1, 1),
      `203.0.113.11/32 on lo: nowhere → packets for 203.0.113.11 are not this host’s: it drops them, or sends them on, and ${LATE}`,
    ],
    [
      'a VIP that ARP sees',
      (host) => linkOf(host, 'eth1').addr_info.push({ family: 'inet', local: '203.0.113.11', prefixlen: 32 }),
      '203.0.113.11/32 on lo: 203.0.113.11/32 on eth1 → ARP requests for 203.0.113.11 are answered there, whatever arp_ignore says: clients’ packets go past the directors',
    ],
    [
      'a VIP with its network',
      (host) => Object.assign(linkOf(host, 'lo').addr_info[1]!, { prefixlen: 24 }),
      '203.0.113.11/32 on lo: 203.0.113.11/24 on lo → all of that network is local to this host: its answers to clients there never leave',
    ],
    [
      'a strict reverse path',
      ({ sysctls }) => sysctls.set('net/ipv4/conf/eth1/rp_filter', '1'),
      'rp_filter 0 or 2 on eth1: 1 on eth1 → packets of clients whose way back is by another interface are dropped, and counted by nstat as IPReversePathFilter: those clients time out',
    ],
    [
      'a default route through a director',
      ({ routes }) => Object.assign(routes[0]!, { gateway: '10.2.0.12' }),
      'no default route through a director: default via 10.2.0.12, which is director d2 → a director holds 203.0.113.11, 203.0.113.12, 203.0.113.13, 203.0.113.14, 203.0.113.15, 203.0.113.16 itself and drops what comes to it from there: no client gets an answer',
    ],
    [
      'a tunnel that is down',
      (host) => linkOf(host, 'tunl0').flags.shift(),
      'a device that takes ipip: tunl0 is down → what directors send is refused with ICMP "protocol unreachable": clients time out',
    ],
    [
      'GRE with checksums alone',
      (host) => host.addresses.splice(3, 1),
      'a device that takes gre without checksums: only sluice-gre → a GRE device takes packets with a checksum or those without, never both: what directors send is dropped, and counted as rx errors',
    ],
    [
      'GRE without checksums alone',
      (host) => host.addresses.splice(4, 1),
      'a device that takes gre with checksums: only gre0 → a GRE device takes packets with a checksum or those without, never both: what directors send is dropped, and counted as rx errors',
    ],
    [
      'GUE at another port',
      (host) => Object.assign(host.fou[0]!, { port: 5555 }),
      'GUE at UDP port 6080: only at 5555 → what directors send is refused with ICMP "port unreachable": clients time out',
    ],
    [
      'FOU in place of GUE',
      (host) => host.fou.splice(0, 1, { port: 6080, ipproto: 4 }),
      'GUE at UDP port 6080: none → what directors send is refused with ICMP "port unreachable": clients time out',
    ],
    [
      'the MSS',
      ({ tables }) => tables.delete('sluice_mss_v1'),
      'MSS 1420 towards clients: 1500 less 40 of the tunnel and 40 of the packet in it: no table sluice_mss_v1 → clients send packets that are too large for the tunnel; where ICMP gets lost, uploads of more than a packet hang',
    ],
    [
      'the table of directors',
      ({ tables }) => tables.delete('sluice_return_v1'),
      `nft table sluice_return_v1: connections remember whether they came by d1 or d2: not there → ${CROSSED('d1 or d2')}`,
    ],
    [
      'a rule of it',
      ({ tables }) => tables.get('sluice_return_v1')!.nftables.pop(),
      `nft table sluice_return_v1: connections remember whether they came by d1 or d2: rules are missing in it → ${CROSSED('d1 or d2')}`,
    ],
    [
      'the MAC address of a director',
      ({ neighbors }) => Object.assign(neighbors[1]!, { lladdr: '02:00:00:00:00:99' }),
      `nft table sluice_return_v1: connections remember whether they came by d1 or d2: d2 is ${D2} in it, and is 02:00:00:00:00:99 → ${CROSSED('d2')}`,
    ],
    [
      'the routing table of a director',
      ({ routes }) => Object.assign(routes[3]!, { gateway: '10.2.0.11' }),
      `table 102: default via 10.2.0.12, director d2: default via 10.2.0.11 → ${CROSSED('d2')}`,
    ],
    [
      'the rule of a director',
      ({ rules }) => drop(rules, ({ fwmark }) => fwmark === '0x1'),
      `ip rule: mark 1 to table 101, director d1: none → ${CROSSED('d1')}`,
    ],
    [
      'a rule to another table',
      ({ rules }) => Object.assign(rules[1]!, { table: '7' }),
      `ip rule: mark 2 to table 102, director d2: to table 7 → ${CROSSED('d2')}`,
    ],
    [
      'the way to a local address',
      ({ routes }) => routes.push({ type: 'blackhole', dst: '10.3.0.2' }),
      'a route to 10.3.0.2, local address of d2: none → answers to connections that d2 sends from there go nowhere: they time out',
    ],
    [
      'a local address that is here',
      (host) => linkOf(host, 'lo').addr_info.push({ family: 'inet', local: '10.3.0.1', prefixlen: 32 }),
      'a route to 10.3.0.1, local address of d1: 10.3.0.1 is an address of this host → answers to connections that d1 sends from there stay on this host: they time out',
    ],
  ])('%s', async (_, change, line) => {
    expect(await audited(change)).toEqual([line]);
  });
});

describe('what mends it', () => {
  test('settings of an interface that outdo those of all', async () => {
    expect(await mended(({ sysctls }) => sysctls.set('net/ipv4/conf/eth1/arp_ignore', '8'))).toEqual([
      'sysctl -q -w net/ipv4/conf/eth1/arp_ignore=1',
      'sysctl -q -w net/ipv4/conf/all/arp_ignore=1',
    ]);
  });

  test('a VIP in a wrong place is taken away from there', async () => {
    const change = (host: Answers) => Object.assign(linkOf(host, 'lo').addr_info[1]!, { prefixlen: 24 });
    expect(await mended(change)).toEqual([
      'ip address del 203.0.113.11/24 dev lo',
      'ip address replace 203.0.113.11/32 dev lo',
    ]);
  });

  test('a rule to another table makes way', async () => {
    expect(await mended(({ rules }) => Object.assign(rules[1]!, { table: '7' }))).toEqual([
      'ip rule del fwmark 2 lookup 7',
      'ip rule add fwmark 2 lookup 102',
    ]);
  });
});

describe('directors that ARP does not tell apart', () => {
  test('one that stands in for another changes nothing that was known before', async () => {
    expect(await audited(({ neighbors }) => Object.assign(neighbors[0]!, { lladdr: D2 }), ['nat'])).toEqual([]);
  });

  test('unless nothing was', async () => {
    const change = (host: Answers) => {
      Object.assign(host.neighbors[0]!, { lladdr: D2 });
      host.tables.clear();
    };
    expect((await audited(change, ['nat'])).slice(0, 2)).toEqual([
      'the MAC address of director d1: not known: d2 answers ARP for 10.2.0.11, too → answers to connections that come by d1 go to another director, or past them all: clients time out',
      'the MAC address of director d2: not known: d1 answers ARP for 10.2.0.12, too → answers to connections that come by d2 go to another director, or past them all: clients time out',
    ]);
  });

  test('a director that is down keeps its number', async () => {
    const change = (host: Answers) => {
      host.neighbors.shift();
      host.tables.clear();
      drop(host.rules, () => true);
    };
    const commands = await mended(change, ['nat']);
    expect(commands).toContain(`    elements = { ${D2} : 2 }`);
    expect(commands).toContain('ip rule add fwmark 2 lookup 102');
    expect(commands).not.toContain('ip rule add fwmark 1 lookup 101');
  });
});

test('with one director the default route leads to it', async () => {
  expect(await audited(() => {}, ['nat'], ['d1'])).toEqual([
    'default via 10.2.0.11, director d1: default via 10.2.0.1 → answers go past the director: clients get them from an address that they have never asked, and time out',
  ]);
  expect(await audited(({ routes }) => Object.assign(routes[0]!, { gateway: '10.2.0.11' }), ['nat'], ['d1'])).toEqual(
    [],
  );
});

describe('what cannot be said', () => {
  const text = clusterText(ALL);
  const faults = async (...given: Parameters<typeof question>) => {
    const plan = await planServer(question(...given), hostWith(soundHost()));
    return 'faults' in plan ? plan.faults : [];
  };

  test('which server, which service, which director', async () => {
    const others = text.replaceAll('10.2.0.21', '10.2.0.22');
    expect(await faults(others)).toEqual([
      'this host has the address of no server; there are s1 10.2.0.22; say which one it is with --name',
    ]);
    expect(await faults(text, { server: 's2' })).toEqual(['no server s2; there are s1 10.2.0.21']);
    expect(await faults(text, { service: 'wb' })).toEqual([
      'no service wb; there are web, api, far, dns, log, sum, in',
    ]);
    expect(await faults(text, { directors: ['d3=10.2.0.13'] })).toEqual([
      '--director d3=10.2.0.13: the directors are d1, d2',
    ]);
    expect(await faults(text, { directors: ['d1'] })).toEqual([
      '--director d1: expected NAME=ADDRESS or NAME=ADDRESS,MAC, such as d1=10.2.0.11',
    ]);
    expect(await faults(others, { server: 's1' })).toEqual([
      'no interface here has the address of s1 10.2.0.22; say which one with --interface',
    ]);
    expect(await faults(text, { interface: 'a b' })).toEqual(['--interface a b: not an interface name']);
    expect(await faults('cluster: 7')).toContain(
      'cluster.yml:1:10: cluster: expected a name, got 7; letters, digits, - and _, at most 31, beginning with a letter',
    );
  });

  test('where answers go back to, without inside addresses', async () => {
    const bare = clusterText(['nat']).replaceAll(/inside: [\d.]+, /g, '');
    expect(await faults(bare, { directors: ['d1=10.2.0.11'] })).toEqual([
      'web: where answers go back to d2 is not known; add inside: ADDRESS to the director in the cluster file, or say --director d2=ADDRESS',
    ]);
    expect(await faults(bare, { directors: ['d1=10.2.0.11', 'd2=10.2.0.12'] })).toEqual([]);
    expect(planStranger(question(clusterText(['dr']), { server: 's1', interface: 'eth0' }))).toHaveProperty('sections');
  });
});
