/**
 * What the parts of the speaker share: settings, state, and the effects collected during one call of `handle`.
 *
 * The parts (interface/, neighbor/, flooding/, lsdb/, origination/, routing/, restart/) are functions over this. They change
 * state, send, and leave marks (`neighborChange`, `origination.dirty`, queues); `settle.ts` turns the marks into their
 * consequences once per event. That keeps the parts from calling each other in circles and coalesces what belongs together.
 * What a part keeps is a record of its own (origination/state.ts, routing/state.ts, restart/state.ts) that knows no speaker.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import type { Instant, Millis } from '../base/machine.ts';
import { Prng } from '../base/prng.ts';
import type { KeysInForce } from '../model/keys.ts';
import { needsPlain, newAuthenticator } from './authentication/interface.ts';
import { type MutableCounters, newCounters } from './counters.ts';
import type { DropReason, HelperMode, InstanceConfig, InterfaceConfig, OspfEffect } from './events.ts';
import { newInterface, type OspfInterface } from './interface/interface.ts';
import { Lsdb } from './lsdb/lsdb.ts';
import type { Neighbor } from './neighbor/neighbor.ts';
import { newOrigination, type Origination } from './origination/state.ts';
import { encodePacket } from './packet/codec.ts';
import type { PacketBody } from './packet/packet.ts';
import type { TakeOver } from './restart/state.ts';
import { newRouting, type Routing } from './routing/state.ts';
import { Timers } from './timers.ts';

export interface Speaker {
  /** The interfaces' settings are with the interfaces: they change. */
  readonly config: Omit<InstanceConfig, 'interfaces'>;
  readonly prng: Prng;
  readonly timers: Timers;
  readonly counters: MutableCounters;
  readonly lsdb: Lsdb;
  readonly interfaces: Map<string, OspfInterface>;
  /** By interface, also for those that are not configured yet. */
  readonly keys: Map<string, KeysInForce>;
  /** Of the last packet sent with cryptographic authentication, on any interface. */
  sequence: number;
  readonly origination: Origination;
  readonly routing: Routing;
  readonly startedAt: Instant;
  /** The time of the event being handled. */
  now: Instant;
  effects: OspfEffect[];
  phase: 'running' | 'handingOver' | 'stopping' | 'stopped';
  /** While stopping or handing over: when to stop waiting for acknowledgements. */
  stopBy: Instant;
  /** While we continue what an earlier process has begun. */
  takeOver: TakeOver | undefined;
  /** Until then an earlier process that nobody remembers may be continued; see restart/inheritance.ts. */
  inheritUntil: Instant;
  /** Whether neighbors that restart are helped. */
  helper: HelperMode;
}

export function newSpeaker(config: InstanceConfig, now: Instant): Speaker {
  const speaker: Speaker = {
    config,
    prng: new Prng(config.seed),
    timers: new Timers(),
    counters: newCounters(),
    lsdb: new Lsdb(config.lsdbLimit),
    interfaces: new Map(),
    keys: new Map(),
    sequence: config.firstSequence ?? 0,
    origination: newOrigination(config.routerId, now + (config.firstAnnounceLimit ?? 0)),
    routing: newRouting(),
    startedAt: now,
    now,
    effects: [],
    phase: 'running',
    stopBy: 0,
    takeOver: undefined,
    inheritUntil: now + (config.inheritLimit ?? 0),
    helper: 'strict',
  };
  for (const settings of config.interfaces) addInterface(speaker, settings);
  return speaker;
}

/** A new interface, which is down. */
export function addInterface(speaker: Speaker, config: InterfaceConfig): void {
  const iface = newInterface(config);
  speaker.interfaces.set(config.name, iface);
  authenticate(speaker, iface);
}

/** To be called when the settings or the keys of an interface have changed: counts from the next packet on, out and in. */
export function authenticate(speaker: Speaker, iface: OspfInterface): void {
  iface.keys = speaker.keys.get(iface.name);
  iface.authenticator = newAuthenticator({
    settings: iface.config.authentication,
    keys: iface.keys,
    digester: speaker.config.digester,
    nextSequence: () => {
      // The last number is never left again: neighbors accept equal ones (D.5.3), and none that is lower.
      speaker.sequence = Math.min(speaker.sequence + 1, LAST_SEQUENCE);
      return speaker.sequence;
    },
  });
}

const LAST_SEQUENCE = 0xffffffff;

export function* allNeighbors(speaker: Speaker): Generator<Neighbor> {
  for (const iface of speaker.interfaces.values()) yield* iface.neighbors.values();
}

/** Encodes a packet and wishes it sent, as the interface's authentication has it. */
export function sendPacket(speaker: Speaker, iface: OspfInterface, destination: Ipv4, body: PacketBody): void {
  const { routerId, areaId } = speaker.config;
  const { name, authenticator, neighbors } = iface;
  const packet = { header: { routerId, areaId }, body };
  if (needsPlain(authenticator, neighbors)) {
    speaker.effects.push({ kind: 'send', interface: name, destination, bytes: encodePacket(packet) });
  }
  if (authenticator.seal === undefined) {
    drop(speaker, name, iface.address, 'noKey', 'no key to send with');
    return;
  }
  const bytes = encodePacket(packet, authenticator.seal);
  speaker.counters.sent[body.kind]++;
  speaker.effects.push({ kind: 'send', interface: name, destination, bytes });
}

/** Counts and reports something from outside that was not used. */
export function drop(speaker: Speaker, iface: string, source: Ipv4, reason: DropReason, detail: string): void {
  speaker.counters.dropped[reason] = (speaker.counters.dropped[reason] ?? 0) + 1;
  speaker.effects.push({ kind: 'dropped', interface: iface, source, reason, detail });
}

export function dropFrom(speaker: Speaker, neighbor: Neighbor, reason: DropReason, detail: string): void {
  drop(speaker, neighbor.interface.name, neighbor.address, reason, detail);
}

/**
 * How long to wait before the next try. The first two waits are short, but a little more than a second whatever the
 * interval: that is how long a peer refuses a copy for following too closely (MinLSArrival), and how long FRR collects
 * its acknowledgements.
 */
export function retryDelay(iface: OspfInterface, tries: number): Millis {
  return tries <= 2 ? FIRST_RETRY_DELAY : iface.config.rxmtInterval;
}

const FIRST_RETRY_DELAY: Millis = 1100;
