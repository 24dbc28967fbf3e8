/**
 * What a real server needs where packets reach it with a VIP as their destination (`forward: dr` and `tun`), and it answers the
 * client itself, past the directors:
 *
 *   VIPs on lo      else the packets are not for it
 *   arp_ignore=1    ARP requests for a VIP are not answered: on a network shared with the routers they would send traffic
 *                   past the directors
 *   arp_announce=2  own ARP requests do not name a VIP as the sender, from which others would learn it
 *   rp_filter=2     a client's packet comes in by the interface to the directors, or by a tunnel, and its answer may leave by
 *                   another one
 *   default route   not through a director: it holds the VIP itself, and drops what comes to it from that address
 *
 * Not here: a service that listens on a wildcard address over UDP answers from the address of the way out, and the client takes
 * it for a stranger. It has to be bound to the VIP, which nobody can see from outside.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import type { HostAddress, HostFacts } from './facts.ts';
import { type Command, confPath, type Deviation, inForce, type Need, run } from './need.ts';

/** In the order in which they are to be brought about: silent to ARP before there is anything to be silent of. */
export function vipNeeds(vips: readonly Ipv4[]): readonly Need[] {
  return [arpIgnore(vips), arpAnnounce(vips), ...vips.map(vipNeed)];
}

function listOf(vips: readonly Ipv4[]): string {
  return vips.map(formatIpv4).join(', ');
}

/** Interfaces on which a setting is not as it should be: `0 on eth1, eth2`; undefined = there is none. */
function wrongOn(facts: HostFacts, name: string, accepted: readonly number[]): string | undefined {
  const links = facts.links.filter(({ hasArp }) => hasArp).map((link) => link.name);
  // Nothing is known of an unknown host, and what it has is what kernels begin with.
  const wrong = (links.length === 0 ? ['all'] : links)
    .map((link) => ({ link, value: inForce(facts, link, name) }))
    .filter(({ value }) => !accepted.includes(value));
  if (wrong.length === 0) return undefined;
  const values = [...new Set(wrong.map(({ value }) => value))];
  return values
    .map((value) => `${value} on ${wrong.flatMap((one) => (one.value === value ? one.link : [])).join(', ')}`)
    .join('; ');
}

/** `all` counts for every interface that has not a higher value of its own, which then must go. */
function settingMend(facts: HostFacts, name: string, value: number): readonly Command[] {
  const higher = facts.links.filter(
    (link) => Number(facts.sysctls.get(confPath(link.name, name).join('/')) ?? 0) > value,
  );
  return [
    ...higher.map((link): Command => ({ kind: 'sysctl', path: confPath(link.name, name), value: String(value) })),
    { kind: 'sysctl', path: confPath('all', name), value: String(value) },
  ];
}

/** 2 answers requests from the same subnet only, which is as good; 8 answers none, 3 none that matter here. */
function arpIgnore(vips: readonly Ipv4[]): Need {
  return {
    what: 'arp_ignore 1 on every interface',
    find: (facts) => {
      const found = wrongOn(facts, 'arp_ignore', [1, 2]);
      if (found === undefined) return undefined;
      const silent = /^8 /.test(found);
      const consequence = silent
        ? 'no ARP request is answered, for the host’s own addresses neither: nobody can reach it'
        : `ARP requests for ${listOf(vips)} are answered: routers may send clients’ packets past the directors, and all of them here`;
      return { found, consequence };
    },
    mend: (facts) => settingMend(facts, 'arp_ignore', 1),
  };
}

function arpAnnounce(vips: readonly Ipv4[]): Need {
  return {
    what: 'arp_announce 2 on every interface',
    find: (facts) => {
      const found = wrongOn(facts, 'arp_announce', [2]);
      if (found === undefined) return undefined;
      const consequence = `own ARP requests may name ${listOf(vips)} as the sender: routers learn that it is here, and send clients’ packets past the directors`;
      return { found, consequence };
    },
    mend: (facts) => settingMend(facts, 'arp_announce', 2),
  };
}

function vipNeed(vip: Ipv4): Need {
  const shown = formatIpv4(vip);
  return {
    what: `${shown}/32 on lo`,
    find: (facts) => vipDeviation(vip, facts),
    mend: (facts) => [
      ...strays(vip, facts).map(({ device, length }) =>
        run('ip', 'address', 'del', `${shown}/${length}`, 'dev', device),
      ),
      run('ip', 'address', 'replace', `${shown}/32`, 'dev', 'lo'),
    ],
  };
}

/** Where the VIP is as it should not be: seen by ARP, or with a whole network around it. */
function strays(vip: Ipv4, { addresses, links }: HostFacts): readonly HostAddress[] {
  const heard = new Set(links.flatMap(({ name, hasArp }) => (hasArp ? name : [])));
  return addresses.filter(({ address, device, length }) => address === vip && (heard.has(device) || length !== 32));
}

/** As an address, or by a route alone, as on a director that is a server as well. */
function isLocal(vip: Ipv4, { addresses, routes }: HostFacts): boolean {
  if (addresses.some(({ address }) => address === vip)) return true;
  return routes.some(({ table, prefix }) => table === 'local' && prefix.length === 32 && prefix.address === vip);
}

function vipDeviation(vip: Ipv4, facts: HostFacts): Deviation | undefined {
  const shown = formatIpv4(vip);
  const [stray] = strays(vip, facts);
  if (stray !== undefined) {
    const { device, length } = stray;
    const seen = facts.links.some(({ name, hasArp }) => name === device && hasArp);
    const consequence = seen
      ? `ARP requests for ${shown} are answered there, whatever arp_ignore says: clients’ packets go past the directors`
      : `all of that network is local to this host: its answers to clients there never leave`;
    return { found: `${shown}/${length} on ${device}`, consequence };
  }
  if (isLocal(vip, facts)) return undefined;
  const consequence = `packets for ${shown} are not this host’s: it drops them, or sends them on, and clients time out`;
  return { found: 'nowhere', consequence };
}

/** By which packets with a VIP come in: a name, or what takes its place on a host. */
type Device = string | ((facts: HostFacts) => string);

/** `what` names the device. */
export function reversePathNeed(device: Device, what = `rp_filter 0 or 2 on ${device}`): Need {
  const nameOf = (facts: HostFacts) => (typeof device === 'string' ? device : device(facts));
  return {
    what,
    find: (facts) => {
      const name = nameOf(facts);
      const isThere = facts.links.some((link) => link.name === name);
      if (isThere && inForce(facts, name, 'rp_filter') !== 1) return undefined;
      // That a device of a tunnel is missing is another need's to say; what it begins with is seen when it is there.
      if (!isThere && typeof device !== 'string' && facts.links.length > 0) return undefined;
      const consequence =
        'packets of clients whose way back is by another interface are dropped, and counted by nstat as IPReversePathFilter: those clients time out';
      return { found: isThere ? `1 on ${name}` : `there is no ${name}`, consequence };
    },
    mend: (facts) => [{ kind: 'sysctl', path: confPath(nameOf(facts), 'rp_filter'), value: '2' }],
  };
}

/** `directors`: addresses by which the host could reach one, by the director's name. */
export function gatewayNeed(vips: readonly Ipv4[], directors: ReadonlyMap<Ipv4, string>): Need {
  return {
    what: 'no default route through a director',
    find: ({ routes }) => {
      const gateways = routes.flatMap(({ table, prefix, gateways }) =>
        table === 'main' && prefix.length === 0 ? gateways : [],
      );
      const through = gateways.find((gateway) => directors.has(gateway));
      if (through === undefined) return undefined;
      const found = `default via ${formatIpv4(through)}, which is director ${directors.get(through)}`;
      const consequence = `a director holds ${listOf(vips)} itself and drops what comes to it from there: no client gets an answer`;
      return { found, consequence };
    },
    mend: () => [],
    advice: 'give it the default route of the routers’ own network',
  };
}
