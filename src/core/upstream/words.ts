/** Each vendor's words for what the settings say, and what it has no words for. */
import type { RoutingInterface } from '../model/cluster.ts';
import type { Algorithm } from '../model/keys.ts';

export const VENDORS = ['frr', 'bird', 'ios', 'nxos', 'eos', 'junos', 'sonic', 'linux'] as const;

export type Vendor = (typeof VENDORS)[number];

type Network = RoutingInterface['network'];

/** The vendor's words for a network type; one that is not there the vendor does not have. */
const NETWORKS: Readonly<Record<Vendor, Readonly<Partial<Record<Network, string>>>>> = {
  frr: cisco(),
  sonic: cisco(),
  ios: cisco(),
  nxos: { 'point-to-point': 'point-to-point', broadcast: 'broadcast' },
  eos: { 'point-to-point': 'point-to-point', broadcast: 'broadcast' },
  // An Ethernet interface is a broadcast one unless told otherwise, and there is no word for that.
  junos: { 'point-to-point': 'p2p', 'point-to-multipoint': 'p2mp', nbma: 'nbma', broadcast: '' },
  bird: { 'point-to-point': 'ptp', broadcast: 'broadcast', 'point-to-multipoint': 'ptmp', nbma: 'nbma' },
  linux: cisco(),
};

function cisco(): Readonly<Record<Network, string>> {
  return {
    'point-to-point': 'point-to-point',
    broadcast: 'broadcast',
    'point-to-multipoint': 'point-to-multipoint',
    nbma: 'non-broadcast',
  };
}

export function networkWord(vendor: Vendor, network: Network): string | undefined {
  return NETWORKS[vendor][network];
}

/** Several hellos per second: FRR and IOS only. */
export function knowsSubSecondHello(vendor: Vendor): boolean {
  return vendor === 'frr' || vendor === 'sonic' || vendor === 'ios';
}

/** FRR 10.3 takes only SHA-256 of the HMACs, 8.4 none (docs/authentication.md). */
export function knowsAlgorithm(vendor: Vendor, release: number | undefined, algorithm: Algorithm): boolean {
  if (!algorithm.startsWith('hmac-')) return true;
  if (vendor === 'frr' || vendor === 'sonic') return algorithm === 'hmac-sha-256' && (release ?? 10) >= 10;
  return vendor !== 'linux';
}

export const NAMES: Readonly<Record<Vendor, string>> = {
  frr: 'FRR',
  bird: 'BIRD',
  ios: 'Cisco IOS and IOS XE',
  nxos: 'Cisco NX-OS',
  eos: 'Arista EOS',
  junos: 'Junos',
  sonic: 'SONiC',
  linux: 'Linux',
};
