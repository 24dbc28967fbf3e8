/**
 * What a real server of a cluster needs, by mode of forwarding. In: the cluster, which of its servers the host is, and where it
 * meets the directors. Out: sections of needs, in the order in which they are to be brought about. Looking and mending is
 * somebody else's task.
 *
 *   dr, tun   `vips.ts`: VIPs that ARP does not see, answers past the directors
 *   tun       `tunnels.ts`: a device that takes the packets out; `mss.ts`: clients that leave room for the tunnel
 *   nat       `source-mac-return.ts`: answers back to the director that the question came from
 *   fullnat   `local-routes.ts`: a way to the directors' own addresses
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import type { Cluster, Forward } from '../model/cluster.ts';
import { formatTunnel, type Tunnel } from '../model/tunnel.ts';
import { localRouteNeeds } from './local-routes.ts';
import { mssNeed } from './mss.ts';
import type { Need } from './need.ts';
import type { MetDirector, Served } from './served.ts';
import { onlyDirectorNeed, type ReturnDirector, returnNeeds } from './source-mac-return.ts';
import { tunnelNeeds, tunnelOverhead } from './tunnels.ts';
import { gatewayNeed, reversePathNeed, vipNeeds } from './vips.ts';

export interface Section {
  readonly title: string;
  readonly services: readonly string[];
  readonly needs: readonly Need[];
  /** What cannot be looked for. */
  readonly notes: readonly string[];
}

export interface ServerInput {
  readonly cluster: Cluster;
  readonly served: readonly Served[];
  /** The interface by which the directors reach the host, and what fits into a packet there. */
  readonly device: string;
  readonly mtu: number;
  /** All of the file, in its order. */
  readonly directors: readonly MetDirector[];
}

/** @returns sections, or a sentence that says what has to be told first */
export function serverSections(input: ServerInput): readonly Section[] | { readonly fault: string } {
  const nat = natSection(input);
  if (nat !== undefined && 'fault' in nat) return nat;
  const sections = [vipSection(input), tunnelSection(input), nat, fullnatSection(input)];
  return sections.filter((section) => section !== undefined);
}

function those({ served }: ServerInput, ...forwards: readonly Forward[]): readonly Served[] {
  return served.filter(({ service }) => forwards.includes(service.forward));
}

function namesOf(served: readonly Served[]): readonly string[] {
  return [...new Set(served.map(({ service }) => service.name))];
}

function vipsOf(served: readonly Served[]): readonly Ipv4[] {
  return [...new Set(served.flatMap(({ service }) => service.vips))];
}

function vipSection(input: ServerInput): Section | undefined {
  const served = those(input, 'dr', 'tun');
  if (served.length === 0) return undefined;
  const vips = vipsOf(served);
  const directors = new Map(
    input.directors.flatMap(({ name, address }): [Ipv4, string][] => (address === undefined ? [] : [[address, name]])),
  );
  const isDirect = served.some(({ service }) => service.forward === 'dr');
  const udp = served.filter(({ service }) => service.protocol === 'udp');
  const bound = `${namesOf(udp).join(', ')}: a program that listens on 0.0.0.0 answers from this host’s own address, which clients take for a stranger; bind it to the VIP`;
  return {
    title: 'Packets come with a VIP as their destination, and are answered past the directors',
    services: namesOf(served),
    needs: [...vipNeeds(vips), ...(isDirect ? [reversePathNeed(input.device)] : []), gatewayNeed(vips, directors)],
    notes: udp.length === 0 ? [] : [bound],
  };
}

function tunnelSection(input: ServerInput): Section | undefined {
  const served = those(input, 'tun');
  if (served.length === 0) return undefined;
  const tunnels = new Map<string, { readonly tunnel: Tunnel; readonly address: Ipv4 }>();
  for (const { service, address } of served) {
    if (service.tunnel !== undefined) tunnels.set(formatTunnel(service.tunnel), { tunnel: service.tunnel, address });
  }
  const all = [...tunnels.values()];
  const overhead = Math.max(...all.map(({ tunnel }) => tunnelOverhead(tunnel)));
  const needs = [
    ...all.flatMap(({ tunnel, address }) => tunnelNeeds(tunnel, address)),
    mssNeed({ vips: vipsOf(served), mtu: input.mtu, overhead }),
  ];
  return {
    title: `Packets come in a tunnel: ${[...tunnels.keys()].join(', ')}`,
    services: namesOf(served),
    needs: [...new Map(needs.map((need) => [need.what, need])).values()],
    notes: [`a packet that is not TCP has to fit as well: ${input.mtu - overhead} bytes with its IPv4 header`],
  };
}

function natSection(input: ServerInput): Section | { readonly fault: string } | undefined {
  const served = those(input, 'nat');
  if (served.length === 0) return undefined;
  const unknown = input.directors.filter(({ address }) => address === undefined);
  if (unknown.length > 0) {
    const names = unknown.map(({ name }) => name);
    const options = names.map((name) => `--director ${name}=ADDRESS`).join(' ');
    const fault = `${namesOf(served).join(', ')}: where answers go back to ${names.join(', ')} is not known; add inside: ADDRESS to the director in the cluster file, or say ${options}`;
    return { fault };
  }
  return {
    title: 'Answers go back to the director that the question came from, which translates them',
    services: namesOf(served),
    needs: returnPath(input, served),
    notes: [],
  };
}

function returnPath(input: ServerInput, served: readonly Served[]): readonly Need[] {
  const { directors, device } = input;
  const [only] = directors;
  if (directors.length === 1 && only?.address !== undefined) return [onlyDirectorNeed(device, only.name, only.address)];
  const known = directors.map(({ name, address, mac }): ReturnDirector | undefined =>
    address === undefined || mac === undefined ? undefined : { name, mac, insideAddress: address },
  );
  const strangers = directors.filter(({ mac }) => mac === undefined).map(strangerNeed);
  if (known.every((one) => one === undefined)) return strangers;
  const servers = [...new Set(served.map(({ address }) => address))];
  const isGatewayless = input.served.some(({ service: { forward } }) => forward === 'dr' || forward === 'tun');
  return [...strangers, ...returnNeeds({ interface: device, directors: known, servers, isGatewayless })];
}

function strangerNeed({ name, why = '' }: MetDirector): Need {
  return {
    what: `the MAC address of director ${name}`,
    find: () => ({
      found: `not known: ${why}`,
      consequence: `answers to connections that come by ${name} go to another director, or past them all: clients time out`,
    }),
    mend: () => [],
    advice: `say --director ${name}=ADDRESS,MAC, or look again while ${name} is up`,
  };
}

function fullnatSection(input: ServerInput): Section | undefined {
  const served = those(input, 'fullnat');
  if (served.length === 0) return undefined;
  const { directors, local } = input.cluster;
  const addresses = new Map<Ipv4, string>([
    ...directors.flatMap((director) => director.local.map((address): [Ipv4, string] => [address, director.name])),
    ...local.shared.map((address): [Ipv4, string] => [address, 'all directors']),
  ]);
  return {
    title: 'Questions come from the directors’ local addresses, and are answered there',
    services: namesOf(served),
    needs: localRouteNeeds(addresses),
    notes: [
      'this host sees no client’s address; `sluice connections --local ADDRESS:PORT` on a director tells who it was',
    ],
  };
}

/** `s1 10.3.10.21`, for headings. */
export function servedText(served: readonly Served[]): string {
  return [...new Set(served.map(({ server, address }) => `${server} ${formatIpv4(address)}`))].join(', ');
}
