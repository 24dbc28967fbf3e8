/**
 * Fingerprints of what directors must agree on before a connection of one means the same to another.
 *
 * Of a service: all of its definition that decides which connections are its own, which server they go to, how they are
 * translated and how long they last. Not in it: health, announcement, limits, drains and names of servers, in which two
 * directors may differ for a while without breaking a connection.
 * Of the hash tables: how slots, servers and source ports are found at all, by what a fixed reference comes to. It is the same
 * on all directors unless their data planes or their releases compute differently, whatever their cluster files say.
 *
 * 16 hexadecimal digits each; no defence against texts that are made to collide, for they are all from trusted directors.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import { tableDigest, withFallback } from '../hash/fallback.ts';
import { sourcePredictor } from '../hash/flow-prediction.ts';
import { ipvsMhServer, ipvsMhSlot, ipvsMhTable } from '../hash/ipvs-mh.ts';
import { jhashText, slotOf } from '../hash/jhash.ts';
import { DEFAULT_SLOTS, maglevTable } from '../hash/maglev.ts';
import { blockOwners, ownershipDigest } from '../hash/port-blocks.ts';
import { FLOW_SEED } from '../hash/service-table.ts';
import { smoothTurns } from '../hash/turns.ts';
import type { Cluster, Director, Service } from '../model/cluster.ts';
import type { Plane } from '../model/plane.ts';
import { formatScheduler } from '../model/scheduler.ts';

/** Arbitrary, and fixed: digests are compared between directors. */
const DIGEST_SEED = 0x51c1ce31;

function fingerprint(lines: readonly string[]): string {
  const text = lines.join('\n');
  return [DIGEST_SEED, DIGEST_SEED + 1].map((seed) => jhashText(text, seed).toString(16).padStart(8, '0')).join('');
}

/** Addresses mean a set, in whatever order the file has them. */
function addresses(list: readonly Ipv4[]): string {
  return list
    .toSorted((a, b) => a - b)
    .map(formatIpv4)
    .join(' ');
}

/** What of a cluster file decides about port blocks. */
export type LocalAddressesOf = { readonly directors: readonly Pick<Director, 'name' | 'local'>[] } & Pick<
  Cluster,
  'local'
>;

/** @param cluster whose directors and local addresses a FullNAT service's source ports come from */
export function serviceDigest(service: Service, cluster: LocalAddressesOf): string {
  const { ports, protocol, fwmark, forward, scheduler, persistence, timeouts = {}, sorry, sync, servers } = service;
  return fingerprint([
    `service ${service.name}`,
    `vips ${addresses(service.vips)}`,
    fwmark === undefined ? `${protocol} ${ports.toSorted((a, b) => a - b).join(' ')}` : `mark ${fwmark}`,
    `forward ${forward}`,
    `scheduler ${formatScheduler(scheduler)}`,
    `persistence ${persistence ?? 'none'}`,
    `timeouts ${Object.entries(timeouts)
      .map(([state, seconds]) => `${state} ${seconds}`)
      .toSorted()
      .join(', ')}`,
    `sync ${sync ?? 'off'}`,
    `sorry ${sorry === undefined ? 'none' : formatIpv4(sorry)}`,
    ...servers.map(({ address, weight }) => `server ${formatIpv4(address)} ${weight}`).toSorted(),
    ...(forward === 'fullnat' ? localLines(cluster) : []),
  ]);
}

function localLines({ directors, local }: LocalAddressesOf): readonly string[] {
  const own = directors.map((director) => `director ${director.name} ${addresses(director.local)}`);
  return [...own.toSorted(), `shared ${addresses(local.shared)}`];
}

/** A cluster and its flows that no file has: what is computed for them is compared. */
const REFERENCE = {
  servers: [1, 2, 3, 5, 8, 13, 21].map((weight, index) => ({ key: `192.0.2.${index + 1}`, weight })),
  live: [true, false, true, true, false, true, true],
  directors: ['a', 'b', 'c'].map((name, index) => ({ name, local: [0xc6336401 + index] })),
  shared: [0xc6336411, 0xc6336412],
  clients: Array.from({ length: 16 }, (_, n) => ({ address: 0xcb007101 + n, port: 1024 + 4001 * n })),
} as const;

/**
 * @param dataplane whose hash decides
 * @returns the same on every director whose release and data plane find slots, servers and ports alike. Some milliseconds of
 * work: to be asked for once.
 */
export function hashTableDigest(dataplane: Plane): string {
  const { directors, shared, clients } = REFERENCE;
  const owners = blockOwners({ directors, shared, live: ['a', 'c'] });
  const source = sourcePredictor(owners, 'a');
  return fingerprint([
    `dataplane ${dataplane}`,
    ...(dataplane === 'ipvs' ? ipvsLines() : nftablesLines()),
    `blocks ${ownershipDigest(owners)}`,
    ...clients.map(({ address, port }) => {
      const slots =
        dataplane === 'ipvs'
          ? [ipvsMhSlot(address, port), ipvsMhSlot(address, 0)]
          : [slotOf(address, port, FLOW_SEED, DEFAULT_SLOTS), slotOf(address, undefined, FLOW_SEED, DEFAULT_SLOTS)];
      const from = source(address, port);
      return `flow ${slots.join(' ')} ${from === undefined ? 'none' : `${formatIpv4(from.address)} ${from.port}`}`;
    }),
  ]);
}

function nftablesLines(): readonly string[] {
  const { servers, live } = REFERENCE;
  const keys = servers.map(({ key }) => key);
  const table = maglevTable(servers, DEFAULT_SLOTS);
  return [
    `table ${tableDigest(table, keys)}`,
    `fallback ${tableDigest(withFallback(table, live), keys)}`,
    `turns ${smoothTurns([5, 3, 1]).join(' ')}`,
  ];
}

function ipvsLines(): readonly string[] {
  const { servers, live, clients } = REFERENCE;
  const keys = servers.map(({ key }) => key);
  const table = ipvsMhTable(servers.map(({ weight }, index) => ({ address: 0xc0000201 + index, port: 80, weight })));
  const met = clients.map(({ address, port }) => ipvsMhServer(table, live, address, port));
  return [`table ${tableDigest(table, keys)}`, `fallback ${met.join(' ')}`];
}
