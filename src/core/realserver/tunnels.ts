/**
 * What a real server needs to take packets out of a tunnel (`forward: tun`):
 *
 *   ipip   a device of kind ipip that is up: tunl0 takes what no other one does
 *   gue    the same, and a UDP port at which the kernel takes GUE and finds IPIP in it
 *   gre    a device of kind gre: gre0 takes packets without a checksum alone, one with `icsum` those with a checksum alone
 *
 * and that clients send no packets which the tunnel would make too large: the server answers SYNs with an MSS that leaves room.
 * The director cannot do that: it never sees the answers. It does tell clients by ICMP what is too large, but ICMP gets lost.
 *
 * The kernel has these devices as modules, and a network namespace of its own may lack the ones that come by themselves
 * (net.core.fb_tunnels_only_for_init_net).
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import type { Tunnel } from '../model/tunnel.ts';
import type { HostFacts, HostTunnel } from './facts.ts';
import { type Need, run, tryTo } from './need.ts';
import { reversePathNeed } from './vips.ts';

/** The device that we make where the kernel's own does not do. */
const CHECKSUM_DEVICE = 'sluice-gre';

/** The device that takes packets of a tunnel out, where none is there yet. */
function tunnelDevice({ type, checksum }: Tunnel): string {
  if (type !== 'gre') return 'tunl0';
  return checksum === 'none' ? 'gre0' : CHECKSUM_DEVICE;
}

/** `address`: of the server, to which the tunnel leads. */
export function tunnelNeeds(tunnel: Tunnel, address: Ipv4): readonly Need[] {
  const taking = ({ links }: HostFacts) => links.find((link) => takes(link.tunnel, tunnel, address) && link.isUp);
  const reversePath = reversePathNeed(
    (facts) => taking(facts)?.name ?? tunnelDevice(tunnel),
    `rp_filter 0 or 2 on the device that takes ${kindText(tunnel)}`,
  );
  const device = [deviceNeed(tunnel, address), reversePath];
  return tunnel.type === 'gue' ? [...device, gueNeed(tunnel.port ?? 0)] : device;
}

function takes(link: HostTunnel | undefined, tunnel: Tunnel, address: Ipv4): boolean {
  const kind = tunnel.type === 'gre' ? 'gre' : 'ipip';
  if (link?.kind !== kind || link.remote !== undefined) return false;
  if (link.local !== undefined && link.local !== formatIpv4(address)) return false;
  return kind === 'ipip' || link.takesChecksums === (tunnel.checksum === 'checksum');
}

function kindText({ type, checksum }: Tunnel): string {
  if (type !== 'gre') return 'ipip';
  return checksum === 'checksum' ? 'gre with checksums' : 'gre without checksums';
}

function deviceNeed(tunnel: Tunnel, address: Ipv4): Need {
  const device = tunnelDevice(tunnel);
  const kind = tunnel.type === 'gre' ? 'gre' : 'ipip';
  const module = kind === 'gre' ? 'ip_gre' : 'ipip';
  const those = ({ links }: HostFacts) => links.filter((link) => takes(link.tunnel, tunnel, address));
  return {
    what: `a device that takes ${kindText(tunnel)}`,
    find: (facts) => {
      const fit = those(facts);
      if (fit.some(({ isUp }) => isUp)) return undefined;
      const others = facts.links.filter((link) => link.tunnel?.kind === kind);
      const names = (list: typeof others) => list.map(({ name }) => name).join(', ');
      const found = fit.length > 0 ? `${names(fit)} is down` : others.length > 0 ? `only ${names(others)}` : 'none';
      const refused =
        others.length > 0 && fit.length === 0
          ? 'a GRE device takes packets with a checksum or those without, never both: what directors send is dropped, and counted as rx errors'
          : 'what directors send is refused with ICMP "protocol unreachable": clients time out';
      return { found, consequence: refused };
    },
    mend: (facts) => {
      const [there] = those(facts);
      if (there !== undefined) return [run('ip', 'link', 'set', there.name, 'up')];
      const made = device === CHECKSUM_DEVICE ? [checksumDevice(address)] : [];
      return [tryTo('modprobe', module), ...made, run('ip', 'link', 'set', device, 'up')];
    },
  };
}

function checksumDevice(address: Ipv4) {
  const from = ['local', formatIpv4(address), 'remote', 'any'];
  return tryTo('ip', 'link', 'add', CHECKSUM_DEVICE, 'type', 'gre', ...from, 'icsum', 'ocsum');
}

function gueNeed(port: number): Need {
  return {
    what: `GUE at UDP port ${port}`,
    find: ({ guePorts }) => {
      if (guePorts.includes(port)) return undefined;
      const others = guePorts.length === 0 ? 'none' : `only at ${guePorts.join(', ')}`;
      const consequence = 'what directors send is refused with ICMP "port unreachable": clients time out';
      return { found: others, consequence };
    },
    mend: () => [tryTo('modprobe', 'fou'), run('ip', 'fou', 'add', 'port', String(port), 'gue')],
  };
}

/** Bytes around the inner packet: IPv4 20, UDP 8, GUE 4 and 8 of its remote checksum, GRE 4 and 4 of its checksum. */
export function tunnelOverhead({ type, checksum }: Tunnel): number {
  if (type === 'ipip') return 20;
  if (type === 'gue') return checksum === 'remote' ? 40 : 32;
  return checksum === 'checksum' ? 28 : 24;
}
