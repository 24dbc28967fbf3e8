/**
 * The OSPFv2 speaker: an ordinary router of its area that happens to be a leaf (RFC 2328, 5250, 6987, 8770).
 *
 * In (`OspfInput`): interfaces that come and go, their settings, packets, the set of prefixes to announce, time. Out
 * (`OspfEffect`): packets to send, multicast groups, routes, and what an operator wants to hear of. Pure: no clock, no
 * sockets, no randomness beyond the seed, so that a day of protocol time runs in a test in milliseconds.
 *
 * This file only composes. What happens where: interface/ (Hellos, DR election), neighbor/ (adjacencies, database
 * exchange), flooding/ (updates, acknowledgements, retransmission), lsdb/ (database, ageing), origination/ (our own LSAs),
 * routing/ and spf/ (routes), restart/ (RFC 3623); speaker.ts holds what they share, settle.ts ends every event.
 *
 * Not here: being a router between areas, installing routes.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import type { Instant, Machine, Millis } from '../base/machine.ts';
import { type OspfCounters, snapshotCounters } from './counters.ts';
import type {
  AnnouncedPrefix,
  InstanceConfig,
  InterfaceView,
  LsaFilter,
  LsaView,
  NeighborView,
  OspfEffect,
  OspfInput,
  OspfRoute,
  TakeOverView,
} from './events.ts';
import { configureInterfaces } from './interface/configure.ts';
import { sendHello } from './interface/hello.ts';
import type { OspfInterface } from './interface/interface.ts';
import { interfaceEvent } from './interface/machine.ts';
import { earliestFlush } from './origination/origination.ts';
import { announcedPrefixes, setAnnounced } from './origination/prefixes.ts';
import { receivePacket } from './receive.ts';
import { beginHandOver } from './restart/hand-over.ts';
import { setHelper } from './restart/helper.ts';
import { beginTakeOver, rejoin, takeOverView } from './restart/take-over.ts';
import { otherAnnouncers } from './routing/announcers.ts';
import { liveLsas } from './routing/routing.ts';
import { settle } from './settle.ts';
import { authenticate, newSpeaker, type Speaker } from './speaker.ts';
import { type RouterView, type UpstreamInput, upstreamView } from './spf/upstream-view.ts';
import { interfaceViews, lsdbViews, neighborViews } from './views.ts';

export type UpstreamQuery = Omit<UpstreamInput, 'lsas'>;

/** How long a stop waits for our flushed LSAs to be acknowledged. */
const STOP_LIMIT: Millis = 200;

export class OspfInstance implements Machine<OspfInput, OspfEffect> {
  readonly #speaker: Speaker;

  /** All interfaces are down until `interfaceUp` says otherwise. Nothing is sent before the first input. */
  constructor(config: InstanceConfig, now: Instant) {
    this.#speaker = newSpeaker(config, now);
  }

  get deadline(): Instant | undefined {
    return this.#speaker.timers.deadline;
  }

  /**
   * Never throws because of what came in: bytes that do not decode, packets from strangers and names of interfaces that are
   * not configured are dropped and counted. After `stopped` every input is ignored.
   */
  handle(input: OspfInput, now: Instant): readonly OspfEffect[] {
    const speaker = this.#speaker;
    if (speaker.phase === 'stopped') return [];
    speaker.now = now;
    speaker.effects = [];
    apply(speaker, input);
    settle(speaker);
    const leaving = speaker.phase === 'stopping' || speaker.phase === 'handingOver';
    if (leaving && (now >= speaker.stopBy || !isOwed(speaker))) finishStop(speaker);
    return speaker.effects;
  }

  neighbors(now: Instant): NeighborView[] {
    return neighborViews(this.#speaker, now);
  }

  interfaces(): InterfaceView[] {
    return interfaceViews(this.#speaker);
  }

  lsdb(now: Instant, filter: LsaFilter = {}): LsaView[] {
    return lsdbViews(this.#speaker, now, filter);
  }

  /** Undefined when no earlier process is being continued. */
  takeOver(now: Instant): TakeOverView | undefined {
    return takeOverView(this.#speaker, now);
  }

  /** As in the last `routes` effect. */
  routes(): readonly OspfRoute[] {
    return this.#speaker.routing.routes;
  }

  /** The prefixes in our LSAs as they are out now; a change that waits for the floor is not in them yet. */
  announced(): readonly AnnouncedPrefix[] {
    return announcedPrefixes(this.#speaker);
  }

  /** Router ids other than ours, reachable, that announce the host route at a metric below `below`. Ascending. */
  otherAnnouncers(vip: Ipv4, below: number): Ipv4[] {
    return otherAnnouncers(this.#speaker, vip, below);
  }

  /** The number of the last packet that was sent with cryptographic authentication; see `firstSequence`. */
  get sequence(): number {
    return this.#speaker.sequence;
  }

  /** What other routers make of the database as it is now; `reachable` as of the last computation of routes. */
  upstreamView(query: UpstreamQuery, now: Instant): (RouterView & { readonly reachable: boolean })[] {
    const views = upstreamView({ ...query, lsas: liveLsas(this.#speaker, now) });
    return views.map((view) => ({ ...view, reachable: this.#speaker.routing.reachable.has(view.router) }));
  }

  counters(): OspfCounters {
    return snapshotCounters(this.#speaker.counters);
  }
}

function apply(speaker: Speaker, input: OspfInput): void {
  switch (input.kind) {
    case 'interfaceUp':
      interfaceUp(speaker, input);
      break;
    case 'interfaceDown':
      withInterface(speaker, input.name, (iface) => interfaceEvent(speaker, iface, 'interfaceDown'));
      break;
    case 'packet':
      receivePacket(speaker, input);
      break;
    case 'configure':
      if (speaker.phase === 'running') configureInterfaces(speaker, input.interfaces);
      break;
    case 'keys':
      speaker.keys.set(input.interface, input.keys);
      withInterface(speaker, input.interface, (iface) => authenticate(speaker, iface));
      break;
    case 'announce':
      setAnnounced(speaker, input.prefixes);
      break;
    case 'timer':
      speaker.timers.runDue(speaker.now);
      break;
    case 'helper':
      setHelper(speaker, input.mode);
      break;
    case 'takeOver':
      beginTakeOver(speaker, input);
      break;
    case 'handOver':
      beginHandOver(speaker, input);
      break;
    case 'stop':
      beginStop(speaker);
      break;
  }
}

function withInterface(speaker: Speaker, name: string, act: (iface: OspfInterface) => void): void {
  const iface = speaker.interfaces.get(name);
  if (iface !== undefined) act(iface);
}

/** Another address or device is another interface to the neighbors, so it starts over; another MTU only changes what we send. */
function interfaceUp(speaker: Speaker, input: Extract<OspfInput, { kind: 'interfaceUp' }>): void {
  withInterface(speaker, input.name, (iface) => {
    const moved =
      iface.address !== input.address || iface.prefixLength !== input.prefixLength || iface.ifindex !== input.ifindex;
    if (moved) interfaceEvent(speaker, iface, 'interfaceDown');
    iface.address = input.address;
    iface.prefixLength = input.prefixLength;
    iface.mtu = input.mtu;
    iface.ifindex = input.ifindex;
    if (iface.state === 'down') rejoin(speaker, iface);
    interfaceEvent(speaker, iface, 'interfaceUp');
  });
}

/**
 * Our LSAs are flushed (the wanted set is empty from now on), so that nobody keeps them until they age out. If a neighbor was
 * given one of them a moment ago, for instance a router-LSA that withdrew the last prefix, it would refuse the flush as too
 * young (MinLSArrival): then the flush waits for the floor like any other change.
 */
function beginStop(speaker: Speaker): void {
  if (speaker.phase !== 'running' || speaker.timers.has('stop')) return;
  const flushAt = earliestFlush(speaker);
  if (flushAt <= speaker.now) flushAll(speaker);
  else speaker.timers.set('stop', flushAt, () => flushAll(speaker));
}

function flushAll(speaker: Speaker): void {
  speaker.phase = 'stopping';
  speaker.origination.dirty = true;
  speaker.stopBy = speaker.now + STOP_LIMIT;
  speaker.timers.set('stop', speaker.stopBy, () => undefined);
}

/** Whether an LSA of ours, or its flush, waits for an acknowledgement. */
function isOwed(speaker: Speaker): boolean {
  return [...speaker.lsdb.entries()].some(
    ({ lsa, retransmissions }) => retransmissions > 0 && lsa.header.advertisingRouter === speaker.config.routerId,
  );
}

/** Who hands over says no goodbye: the next process is to find everything as it was. */
function finishStop(speaker: Speaker): void {
  const goodbye = speaker.phase === 'stopping';
  speaker.phase = 'stopped';
  for (const iface of speaker.interfaces.values()) {
    if (goodbye && iface.state !== 'down') sendHello(speaker, iface, true);
  }
  speaker.timers.clearAll();
  speaker.effects.push({ kind: 'stopped' });
}
