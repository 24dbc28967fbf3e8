import type { Ipv4 } from '../base/ipv4.ts';
import type { ClusterFile } from './schema.ts';
import { entries, Firsts, items, type Sound } from './sound.ts';

/** VIPs and real servers, in words, for checks of addresses that may be neither. */
export function addressesOfServices({ services }: Pick<Sound<ClusterFile>, 'services'>): Firsts<Ipv4> {
  const owners = new Firsts<Ipv4>();
  for (const [name, service] of entries(services)) {
    for (const [, vip] of items(service.vip)) owners.claim(vip, `the VIP of service ${name}`);
    for (const [server, { address }] of entries(service.servers)) {
      if (address !== undefined) owners.claim(address, `server ${server} of service ${name}`);
    }
  }
  return owners;
}

/** The same with the addresses of ours that packets are sent on with, for checks of addresses that are for something else. */
export function addressesInUse(file: Sound<ClusterFile>): Firsts<Ipv4> {
  const owners = addressesOfServices(file);
  for (const [, address] of items(file.local?.shared)) owners.claim(address, 'a shared local address');
  for (const [name, { pool }] of entries(file.snat)) {
    for (const [, address] of items(pool)) owners.claim(address, `in the pool of ${name}`);
  }
  for (const [name, { local }] of entries(file.directors)) {
    for (const [, address] of items(local)) owners.claim(address, `a local address of director ${name}`);
  }
  return owners;
}
