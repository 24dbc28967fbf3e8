/**
 * The slots of a service: which server a new connection gets by its slot.
 *
 * mh: the hash of the client finds the slot. The table is computed alike on every director: the file's servers and weights
 * make it, health only chooses who stands in for a server that takes no new connections.
 *
 * rr, wrr: each connection takes the next slot. The servers that take new connections take turns, and the rule counts to as
 * many as they have together. Beyond these the same order goes on, up to the turns of all servers of the file: a packet that
 * is between the rule and the map while both are exchanged (they are, in one transaction, when a server goes down or comes
 * back) then finds a server, too.
 *
 * When no server is `up`, those that are merely `down` keep their slots: every verdict being wrong (a broken path of the
 * probes) is likelier than every server being dead, and a dead server's slots are no worse used so than left empty. Servers
 * that the operator drained are not brought back like that; when all are drained the slots are empty and new connections
 * are dropped. A service with a sorry server has said what is to be done when none is up: then all slots are the sorry
 * server's, which is no part of the table that the directors have to agree on.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import { type Steps, toEnd } from '../base/steps.ts';
import type { DesiredServer, DesiredService } from '../model/dataplane.ts';
import {
  DEFAULT_SCHEDULER,
  formatScheduler,
  MAX_TURNS,
  type MaglevScheduler,
  type Scheduler,
  turnsOf,
} from '../model/scheduler.ts';
import { ALL_TENTHS, tableDigest, withFallback } from './fallback.ts';
import { jhashText, slotOf } from './jhash.ts';
import { maglevSteps, NO_SERVER } from './maglev.ts';
import { smoothTurns } from './turns.ts';

/** Seed of the hash over client address and port. All directors must agree on it, or flows that move break. */
export const FLOW_SEED = 0x51c1ce00;

/** Two directors that hash by other parts of a packet disagree about flows, whatever their slots hold. */
const SCHEDULER_SEED = 0x51c1ce21;

export interface ServiceTable {
  readonly scheduler: Scheduler;
  readonly servers: readonly DesiredServer[];
  /** By the file alone: slot to index into `servers`, or `NO_SERVER`. */
  readonly primary: Uint16Array;
  /** With the stand-ins of servers that take no new connections. */
  readonly slots: Uint16Array;
  /** How many of the slots a connection may get: all of mh, the turns of one round of the others. At least 1. */
  readonly used: number;
  /** Fingerprint of `primary` and of how slots are found; equal on directors that agree. */
  readonly digest: string;
}

/** The servers of a service that have slots: each address once. A server's port is the one that the client asked for. */
function slotHolders(service: DesiredService): readonly DesiredServer[] {
  const byAddress = new Map(service.servers.map((server) => [server.address, server]));
  return [...byAddress.values()].filter((server) => server.weight >= 1);
}

function liveServers(servers: readonly DesiredServer[]): readonly boolean[] {
  if (servers.some((server) => server.state === 'up')) return servers.map((server) => server.state === 'up');
  return servers.map((server) => server.state === 'down');
}

/** The name by which the sorry server goes among the servers of its service. */
const SORRY = 'sorry';

function withSorry(servers: readonly DesiredServer[], { sorry }: DesiredService): readonly DesiredServer[] {
  return sorry === undefined ? servers : [...servers, { name: SORRY, address: sorry, weight: 0, state: 'up' }];
}

/** Everyone who may have an id: the service's servers, and its sorry server. */
export function allServers(service: DesiredService): readonly DesiredServer[] {
  return withSorry(service.servers, service);
}

/** Is it the sorry server's turn? */
function isSorry({ sorry }: DesiredService, servers: readonly DesiredServer[]): boolean {
  return sorry !== undefined && !servers.some((server) => server.state === 'up');
}

/** The servers that new connections go to. */
export function takers(service: DesiredService): readonly DesiredServer[] {
  const servers = slotHolders(service);
  if (isSorry(service, servers)) return withSorry([], service);
  const live = liveServers(servers);
  return servers.filter((_, index) => live[index]);
}

/** The slots of a service. */
export function serviceTable(service: DesiredService): ServiceTable {
  const slots = toEnd(slotSteps(service));
  const salt = jhashText(formatScheduler(slots.scheduler), SCHEDULER_SEED);
  return { ...slots, digest: tableDigest(slots.primary, keysOf(slots.servers), salt) };
}

/** The same in steps, and without the fingerprint. */
export function* slotSteps(service: DesiredService): Steps<Omit<ServiceTable, 'digest'>> {
  const { scheduler = DEFAULT_SCHEDULER } = service;
  const servers = slotHolders(service);
  const live = liveServers(servers);
  const slots =
    scheduler.name === 'mh' ? yield* hashedSlots(scheduler, servers, live) : turnSlots(scheduler, servers, live);
  if (!isSorry(service, servers)) return { scheduler, servers, ...slots };
  // Behind all the others.
  const all = { ...slots, slots: slots.slots.map(() => servers.length) };
  return { scheduler, servers: withSorry(servers, service), ...all };
}

type Slots = Pick<ServiceTable, 'primary' | 'slots' | 'used'>;

function keysOf(servers: readonly DesiredServer[]): readonly string[] {
  return servers.map((server) => formatIpv4(server.address));
}

function* hashedSlots(
  scheduler: MaglevScheduler,
  servers: readonly DesiredServer[],
  live: readonly boolean[],
): Steps<Slots> {
  const keys = keysOf(servers);
  const hashed = servers.map(({ weight }, i) => ({ key: keys[i]!, weight }));
  const primary = yield* maglevSteps(hashed, scheduler.slots);
  yield;
  const tenths = servers.map((server) => server.tenths);
  return { primary, slots: withFallback(primary, live, tenths), used: scheduler.slots };
}

/** What the kernel schedules by itself has no slots that anyone could foretell; these only name the servers. */
function turnSlots(
  scheduler: Exclude<Scheduler, MaglevScheduler>,
  servers: readonly DesiredServer[],
  live: readonly boolean[],
): Slots {
  const weights = servers.map(({ weight }) => (scheduler.name === 'wrr' ? weight : 1));
  const primary = smoothTurns(weights);
  const indexes = [...servers.keys()].filter((index) => live[index]);
  const round = liveRound(
    indexes.map((index) => weights[index]!),
    indexes.map((index) => servers[index]!.tenths),
  );
  const length = Math.max(primary.length, round.length);
  const slots = Uint16Array.from({ length }, (_, slot) => indexes[round[slot % round.length]!] ?? NO_SERVER);
  return { primary, slots, used: Math.max(round.length, 1) };
}

/** A server that comes back slowly has tenths of its turns, as long as that makes no round too long. */
function liveRound(weights: readonly number[], tenths: readonly (number | undefined)[]): Uint16Array {
  const shares = weights.map((weight, i) => weight * Math.max(tenths[i] ?? ALL_TENTHS, 1));
  return smoothTurns(turnsOf(shares) <= MAX_TURNS ? shares : weights);
}

/** The slot of a new flow; `undefined` where connections take turns, and no one can say. */
export function slotOfFlow(
  { scheduler }: Pick<ServiceTable, 'scheduler'>,
  source: Ipv4,
  sport: number,
): number | undefined {
  if (scheduler.name !== 'mh') return undefined;
  return slotOf(source, scheduler.sourcePort ? sport : undefined, FLOW_SEED, scheduler.slots);
}

/**
 * The server that a new flow gets on every director that holds this table; `undefined` when it would be dropped, and where
 * connections take turns.
 */
export function predictServer(table: ServiceTable, source: Ipv4, sport: number): DesiredServer | undefined {
  const slot = slotOfFlow(table, source, sport);
  const index = slot === undefined ? NO_SERVER : table.slots[slot]!;
  return index === NO_SERVER ? undefined : table.servers[index];
}
