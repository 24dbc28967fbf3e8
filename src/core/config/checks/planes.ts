/**
 * Which data plane a service needs: what only one of them has, and why the other has it not. In and out as in `checks/cross.ts`.
 *
 * A file that names its plane is faulted for what that one has not. With `dataplane: auto` what stands in the file decides; where
 * nothing does, the kernel will. What neither plane can do is not here.
 */
import type { Plane, PlaneNeeded } from '../../model/plane.ts';
import { IPVS_SCHEDULERS, MAX_TURNS, SCHEDULERS, turnsOf } from '../../model/scheduler.ts';
import type { ClusterFile } from '../schema.ts';
import { type Complaint, entries, type Sound } from '../sound.ts';

type File = Sound<ClusterFile>;
type Service = NonNullable<NonNullable<File['services']>[string]>;

/** Something that only `plane` has; the complaint is for a file that is to have the other one. */
interface Need extends Complaint {
  readonly plane: Plane;
}

/** What must be said of a file that needs another plane than it gets. */
export function* planeChecks(file: File): Iterable<Complaint> {
  if (file.dataplane === undefined) return;
  const needs = [...needsOf(file)];
  const plane = planeOf(file);
  if (plane !== undefined) yield* needs.filter((need) => need.plane !== plane).map(complaintOf);
  else yield* contradictions(needs);
}

function complaintOf({ path, part, message, hint }: Need): Complaint {
  return { path, part, message, hint };
}

/** The only plane that this file can have; undefined = either will do, or neither. */
export function planeOf(file: File): Plane | undefined {
  if (file.dataplane !== undefined && file.dataplane !== 'auto') return file.dataplane;
  const needed = new Set([...needsOf(file)].map(({ plane }) => plane));
  return needed.size === 1 ? [...needed][0] : undefined;
}

/** What decides for a plane where the file leaves it open; its first reason stands for all. */
export function neededPlane(file: File): PlaneNeeded | undefined {
  if (file.dataplane !== 'auto') return undefined;
  const [first] = needsOf(file);
  return first && { plane: first.plane, by: first.path.join('.') };
}

/** One plane holds all services of a director. */
function* contradictions(needs: readonly Need[]): Iterable<Complaint> {
  const other = needs.find(({ plane }) => plane === 'ipvs');
  if (other === undefined) return;
  for (const need of needs) {
    if (need.plane === 'ipvs') continue;
    const hint = `${other.path.join('.')} needs the ipvs one; change one of both`;
    yield { path: need.path, part: need.part, message: 'needs the nftables data plane', hint };
  }
}

function* needsOf(file: File): Iterable<Need> {
  for (const [name, service] of entries(file.services)) {
    const path = ['services', name];
    for (const complaint of onlyIpvs(path, service)) yield { plane: 'ipvs', ...complaint };
    if (service.forward === 'dr') {
      for (const complaint of directNeeds(path, service)) yield { plane: 'ipvs', ...complaint };
    }
    for (const complaint of onlyNftables(path, service)) yield { plane: 'nftables', ...complaint };
  }
  for (const complaint of timeoutNeeds(file)) yield { plane: 'nftables', ...complaint };
}

const NO_TUN = '"tun" needs the ipvs data plane: the nftables one cannot put packets into IPIP, GUE or GRE';
const SINGLE = 'needs the ipvs data plane: the nftables one keeps';

function* onlyIpvs(path: readonly string[], service: Service): Iterable<Complaint> {
  const { protocol, forward, onePacket, scheduler, persistence, servers } = service;
  if (protocol === 'sctp') {
    const message = '"sctp" needs the ipvs data plane: the nftables one has tcp and udp';
    yield { path: [...path, 'protocol'], part: 'value', message };
  }
  if (forward === 'tun') {
    const hint = 'use dr where director and server share a network, else nat';
    yield { path: [...path, 'forward'], part: 'value', message: NO_TUN, hint };
  }
  if (onePacket === true) {
    yield { path: [...path, 'onePacket'], part: 'key', message: `${SINGLE} a flow at its server`, hint: 'remove it' };
  }
  if (typeof persistence === 'object' && (persistence.netmask ?? 32) !== 32) {
    const at = [...path, 'persistence', 'netmask'];
    yield { path: at, part: 'key', message: `${SINGLE} single clients in mind`, hint: 'remove it' };
  }
  yield* schedulerNeeds(path, scheduler?.name, servers);
  for (const [server, { director }] of entries(servers)) {
    if (director === undefined) continue;
    const message = 'needs the ipvs data plane: the nftables one takes packets before any program of this host could';
    yield { path: [...path, 'servers', server, 'director'], part: 'key', message, hint: 'remove it' };
  }
  for (const [server, { resume }] of entries(servers)) {
    if (resume === undefined) continue;
    const message = `${SINGLE} a server out for no longer than it has as many connections as its limit says`;
    yield { path: [...path, 'servers', server, 'resume'], part: 'key', message, hint: 'remove it' };
  }
}

function* schedulerNeeds(
  path: readonly string[],
  name: string | undefined,
  servers: Service['servers'],
): Iterable<Complaint> {
  if (IPVS_SCHEDULERS.some((one) => one === name)) {
    const hint = `the nftables plane has ${SCHEDULERS.join(', ')}`;
    yield { path: [...path, 'scheduler'], part: 'value', message: `"${name}" is a scheduler of the ipvs plane`, hint };
  }
  if (name !== 'wrr') return;
  const turns = turnsOf(entries(servers).flatMap(([, { weight }]) => (weight === undefined ? [] : [weight])));
  if (turns <= MAX_TURNS) return;
  const message = `these weights make a round of ${turns} turns; wrr has at most ${MAX_TURNS}`;
  yield { path: [...path, 'servers'], part: 'key', message, hint: 'smaller weights, or such with a common factor' };
}

/** On the nftables plane direct routing has no connection table, and takes packets before they have come far. */
const DIRECT = {
  persistence: ['no connections are kept', 'scheduler: { name: mh, sourcePort: false } keeps a client at its server'],
  timeouts: ['no connections are kept', 'sticky: DURATION is the only time there is'],
  fwmark: ['packets are taken before any rule can mark them', 'write ports, or use forward: nat'],
} as const;

function* directNeeds(path: readonly string[], service: Service): Iterable<Complaint> {
  for (const key of ['persistence', 'timeouts', 'fwmark'] as const) {
    if (service[key] === undefined || service[key] === false) continue;
    const [reason, hint] = DIRECT[key];
    yield { path: [...path, key], part: 'key', message: `not with forward: dr, where ${reason}`, hint };
  }
  for (const [server, { limit }] of entries(service.servers)) {
    if (limit === undefined) continue;
    const message = 'not with forward: dr, where no connections are kept';
    const hint = 'connections that are not kept cannot be counted';
    yield { path: [...path, 'servers', server, 'limit'], part: 'key', message, hint };
  }
  const scheduler = service.scheduler?.name;
  if (scheduler === undefined || scheduler === 'mh' || IPVS_SCHEDULERS.some((one) => one === scheduler)) return;
  const message = `${scheduler} cannot find a flow’s server again with forward: dr, where no connections are kept`;
  yield { path: [...path, 'scheduler'], part: 'value', message, hint: 'use mh' };
}

function* onlyNftables(path: readonly string[], service: Service): Iterable<Complaint> {
  const { sticky, scheduler, slowStart, forward, sync, protocol } = service;
  if (forward === 'dr' && sticky !== undefined) {
    const message = 'needs the nftables data plane: the ipvs one keeps every flow at its server';
    yield { path: [...path, 'sticky'], part: 'key', message, hint: 'remove it' };
  }
  if (scheduler?.name === 'mh' && scheduler.slots !== undefined) {
    const message = 'needs the nftables data plane: the kernel’s mh has 4093 slots';
    yield { path: [...path, 'scheduler', 'slots'], part: 'key', message, hint: 'remove it' };
  }
  // Without a word the service is left out, and that is told (`agent/wishes/unsynced.ts`). SCTP is synced nowhere.
  if ((forward ?? 'nat') === 'nat' && protocol !== 'sctp' && sync !== undefined && sync !== 'off') {
    const message = 'needs the nftables data plane: on the ipvs one only connections of fullnat are synced';
    const hint = 'IPVS keeps others for itself: use forward: fullnat, or remove it';
    yield { path: [...path, 'sync'], part: 'value', message, hint };
  }
  if (slowStart !== undefined && slowStart !== 0) {
    const message = 'needs the nftables data plane: the kernel’s mh gives a server all of its slots or none';
    yield { path: [...path, 'slowStart'], part: 'key', message, hint: 'remove it' };
  }
}

/** The states whose times IPVS has: one each, for all services of the protocol. */
const IPVS_TIMES = { established: 'tcp', fin_wait: 'tcp', replied: 'udp' } as const;
type IpvsTime = keyof typeof IPVS_TIMES;

function* timeoutNeeds(file: File): Iterable<Complaint> {
  const services = entries(file.services);
  for (const [name, { timeouts }] of services) {
    for (const [state] of entries(timeouts)) {
      if (Object.hasOwn(IPVS_TIMES, state)) continue;
      const message = `needs the nftables data plane: ipvs has times for ${Object.keys(IPVS_TIMES).join(', ')}`;
      yield { path: ['services', name, 'timeouts', state], part: 'key', message, hint: 'remove it' };
    }
  }
  for (const state of Object.keys(IPVS_TIMES) as IpvsTime[]) yield* oneTime(services, state);
}

/** A service without a word would get the other's time, and nobody would expect it to. */
function* oneTime(services: readonly [string, Service][], state: IpvsTime): Iterable<Complaint> {
  const protocol = IPVS_TIMES[state];
  const those = services.filter(([, service]) => 'fwmark' in service || (service.protocol ?? 'tcp') === protocol);
  const writer = those.find(([, { timeouts }]) => timeouts?.[state] !== undefined);
  if (writer === undefined) return;
  const other = those.find(([, { timeouts }]) => timeouts?.[state] !== writer[1].timeouts?.[state]);
  if (other === undefined) return;
  const message = `needs the nftables data plane: ipvs has one such time for all services of ${protocol}, and ${other[0]} says another or none`;
  const hint = 'write the same in each of them';
  yield { path: ['services', writer[0], 'timeouts', state], part: 'key', message, hint };
}
