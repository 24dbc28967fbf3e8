/** Of which services of the cluster file a host is a real server, and where it meets the directors. */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import type { Cluster, Service } from '../model/cluster.ts';
import type { HostFacts } from './facts.ts';
import { RETURN_TABLE } from './source-mac-return.ts';

export interface Served {
  readonly service: Service;
  /** Its name in the file; the sorry server's is `sorry`. */
  readonly server: string;
  readonly address: Ipv4;
}

export interface Asked {
  /** Its name in the file; undefined = whoever has an address of this host. */
  readonly server?: string | undefined;
  readonly service?: string | undefined;
}

/** @returns what the host serves, or a sentence that says why that is nothing */
export function servedBy(
  { services }: Cluster,
  { server, service }: Asked,
  { addresses }: Pick<HostFacts, 'addresses'>,
): readonly Served[] | { readonly fault: string } {
  if (service !== undefined && !services.some(({ name }) => name === service)) {
    return { fault: `no service ${service}; there are ${services.map(({ name }) => name).join(', ')}` };
  }
  const own = new Set(addresses.map(({ address }) => address));
  const all = services.filter(({ name }) => service === undefined || name === service).flatMap(serversOf);
  const served = all.filter((one) => (server === undefined ? own.has(one.address) : one.server === server));
  if (served.length > 0) return served;
  const those = [...new Set(all.map((one) => `${one.server} ${formatIpv4(one.address)}`))].join(', ');
  const what = server === undefined ? 'this host has the address of no server' : `no server ${server}`;
  const hint = server === undefined ? '; say which one it is with --name' : '';
  return { fault: `${what}; there are ${those}${hint}` };
}

function serversOf(service: Service): readonly Served[] {
  const sorry = service.sorry === undefined ? [] : [{ service, server: 'sorry', address: service.sorry }];
  return [...service.servers.map(({ name, address }) => ({ service, server: name, address })), ...sorry];
}

/** The interface by which the directors reach the host. */
export function servedDevice(
  served: readonly Served[],
  { addresses }: Pick<HostFacts, 'addresses'>,
): string | undefined {
  const own = new Set(served.map(({ address }) => address));
  return addresses.find(({ address, device }) => own.has(address) && device !== 'lo')?.device;
}

/** What the operator has said of a director that the file or ARP does not say. */
export interface Told {
  readonly address?: Ipv4 | undefined;
  readonly mac?: string | undefined;
}

export interface MetDirector {
  readonly name: string;
  readonly address: Ipv4 | undefined;
  readonly mac: string | undefined;
  /** Why the MAC address is not known; undefined where it is. */
  readonly why: string | undefined;
}

/** All directors of the file, in its order, as this host meets them. */
export function metDirectors(
  { directors }: Cluster,
  told: ReadonlyMap<string, Told>,
  facts: HostFacts,
): readonly MetDirector[] {
  const found = directors.map(({ name, inside, macs = [] }) => {
    const address = told.get(name)?.address ?? inside;
    return { name, address, macs, heard: address === undefined ? undefined : facts.neighbors.get(address) };
  });
  return found.map(({ name, address, macs, heard }, i): MetDirector => {
    // Of several only ARP can say which one is on this segment.
    const given = told.get(name)?.mac ?? (macs.length === 1 ? macs[0] : undefined);
    if (given !== undefined) return { name, address, mac: given.toLowerCase(), why: undefined };
    // A director that stands in for a dead one answers for its address: what was known before is right then.
    const twin = heard === undefined ? undefined : found.find((one, at) => at !== i && one.heard === heard);
    if (heard !== undefined && twin === undefined) return { name, address, mac: heard, why: undefined };
    const loaded = loadedMac(facts, i + 1);
    if (loaded !== undefined) return { name, address, mac: loaded, why: undefined };
    const shown = address === undefined ? '' : formatIpv4(address);
    const why = twin === undefined ? `nobody answers ARP for ${shown}` : `${twin.name} answers ARP for ${shown}, too`;
    return { name, address, mac: undefined, why };
  });
}

function loadedMac({ tables }: HostFacts, number: number): string | undefined {
  const elements = tables.get(RETURN_TABLE)?.elements.get('directors') ?? [];
  return elements.find((one) => one.endsWith(` : ${number}`))?.split(' : ')[0];
}
