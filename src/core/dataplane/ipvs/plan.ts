/**
 * Duty: wished and observed services of IPVS to the operations that turn the one into the other. Pure and idempotent: when nothing
 * differs the plan is empty. Each operation is one request, and takes effect at once: there are no transactions.
 *
 * What is ours is told by its key (`own.ts`); all else is foreign, and never touched. Of a service that is ours, all destinations are.
 *
 * A destination that is not wished goes when it has no connections left; until then its weight is 0. Only those whose connections
 * are to end go at once.
 *
 * Slots of `mh` depend on more than what a listing shows, and directors that disagree about them lose the connections that move:
 *
 *   - A destination has slots by the last weight it had that was not 0. One that is added with 0 has none. So one that takes no
 *     connections is added with the file's weight and set to 0 after that; what it was then is remembered (`shares`).
 *   - The order of the list counts, also with `sh` and `dh`. A new destination comes to its head. So what stands before a
 *     new one has to come after it: it is deleted and added again, with the connections it has, as the kernel keeps what was deleted for
 *     two minutes and takes it out again for the same address and port.
 *
 * And `mh` deals all of them out anew with every destination that is added. So a new service has no scheduler until its destinations
 * are there: a packet finds no server then, as with a service that has no destinations, and never one that other directors would not
 * choose. What a crash leaves without is seen in the listing.
 */
import { NO_SCHEDULER } from '../../netlink/ipvs/codes.ts';
import {
  type CountedDestination,
  destinationKeyText,
  type IpvsDestination,
  type IpvsDestinationKey,
} from '../../netlink/ipvs/destination.ts';
import { type IpvsService, type IpvsServiceKey, serviceKeyText } from '../../netlink/ipvs/service.ts';
import type { IpvsTimeouts } from '../../netlink/ipvs/settings.ts';
import type { WishedDestination, WishedService } from './desired.ts';

export interface ObservedService extends IpvsService {
  /** As the kernel lists them, the newest first. */
  readonly destinations: readonly CountedDestination[];
}

/** By text of its key: a service in the kernel. */
export type Observed = ReadonlyMap<string, ObservedService>;

/** By service and by destination, as their keys read: the last weight of a destination with weight 0 that was not 0. */
export type Shares = ReadonlyMap<string, ReadonlyMap<string, number>>;

export type IpvsOperation =
  | { readonly kind: 'add-service' | 'edit-service'; readonly service: IpvsService }
  | { readonly kind: 'delete-service'; readonly key: IpvsServiceKey }
  | {
      readonly kind: 'add-destination' | 'edit-destination';
      readonly key: IpvsServiceKey;
      readonly destination: IpvsDestination;
    }
  | {
      readonly kind: 'delete-destination';
      readonly key: IpvsServiceKey;
      readonly destination: IpvsDestinationKey;
      /** It is added again at once: its connections must outlive the moment. */
      readonly returns: boolean;
    }
  | { readonly kind: 'set-timeouts'; readonly timeouts: IpvsTimeouts };

/** Their slots depend on the order of the list; those of `mh` on weights of the past, besides. */
const ORDERED: ReadonlySet<string> = new Set(['mh', 'sh', 'dh']);
const REMEMBERING = 'mh';

export function sameService(a: IpvsService, b: IpvsService): boolean {
  return (
    a.scheduler === b.scheduler &&
    a.flags === b.flags &&
    a.timeout === b.timeout &&
    a.maskBits === b.maskBits &&
    a.engine === b.engine
  );
}

/** But for the weight. */
function sameWay(a: IpvsDestination, b: IpvsDestination): boolean {
  return (
    a.method === b.method &&
    a.upper === b.upper &&
    a.lower === b.lower &&
    a.tunnel.type === b.tunnel.type &&
    a.tunnel.port === b.tunnel.port &&
    a.tunnel.flags === b.tunnel.flags
  );
}

/** But for what it has counted. */
export function sameDestination(a: IpvsDestination, b: IpvsDestination): boolean {
  return a.address === b.address && a.port === b.port && a.weight === b.weight && sameWay(a, b);
}

function isIdle({ active, inactive, persistent }: CountedDestination): boolean {
  return active === 0 && inactive === 0 && persistent === 0;
}

/** What a service's list is to be: those that are wished, and those that have to stay for their connections. */
function wishedList(wished: WishedService, found: ObservedService | undefined): readonly WishedDestination[] {
  const keys = new Set(wished.destinations.map(destinationKeyText));
  const staying = (found?.destinations ?? [])
    .filter((one) => !keys.has(destinationKeyText(one)) && !isIdle(one))
    .filter(({ address }) => typeof address === 'string' || !wished.ended.includes(address))
    .map((one) => ({ ...one, weight: 0, share: 0 }));
  if (staying.length === 0) return wished.destinations;
  return [...wished.destinations, ...staying].sort(byAddress);
}

function byAddress(a: IpvsDestinationKey, b: IpvsDestinationKey): number {
  const [x, y] = [a, b].map(({ address }) => (typeof address === 'number' ? address : Number.POSITIVE_INFINITY));
  return x === y ? a.port - b.port : x! - y!;
}

/** Requests that add a destination, so that it has its slots whatever its weight. */
function additions(service: WishedService, { share, ...destination }: WishedDestination): readonly IpvsOperation[] {
  const { key } = service;
  if (service.scheduler !== REMEMBERING || destination.weight !== 0 || share === 0) {
    return [{ kind: 'add-destination', key, destination }];
  }
  return [
    { kind: 'add-destination', key, destination: { ...destination, weight: share } },
    { kind: 'edit-destination', key, destination },
  ];
}

/** The same that change one; `held`: the share by which it has slots now, undefined = nobody knows. */
function changes(
  service: WishedService,
  { share, ...destination }: WishedDestination,
  found: CountedDestination,
  held: number | undefined,
): readonly IpvsOperation[] {
  const { key } = service;
  const edit: IpvsOperation = { kind: 'edit-destination', key, destination };
  const remembers = service.scheduler === REMEMBERING && destination.weight === 0;
  if (remembers && held !== share) {
    return [{ kind: 'edit-destination', key, destination: { ...destination, weight: share } }, edit];
  }
  return sameWay(destination, found) && destination.weight === found.weight ? [] : [edit];
}

/** By what share a destination has slots now. */
function heldShare(found: CountedDestination, shares: ReadonlyMap<string, number> | undefined): number | undefined {
  return found.weight === 0 ? shares?.get(destinationKeyText(found)) : found.weight;
}

/** How many at the end of `list` can stay as they are: the rest has to be added in front of them. */
function firstKept(
  service: WishedService,
  list: readonly WishedDestination[],
  found: readonly CountedDestination[],
  mustReturn: (wished: WishedDestination, found: CountedDestination) => boolean,
): number {
  const at = new Map(found.map((one, index) => [destinationKeyText(one), index]));
  const isOrdered = ORDERED.has(service.scheduler);
  let before = found.length;
  for (let index = list.length - 1; index >= 0; index--) {
    const one = list[index]!;
    const place = at.get(destinationKeyText(one));
    if (!isOrdered) continue;
    if (place === undefined || place > before || mustReturn(one, found[place]!)) return index + 1;
    before = place;
  }
  return 0;
}

/** As it is nearly always: seen without a look at any key's text. */
function isAsWished(
  { scheduler, destinations }: WishedService,
  found: ObservedService,
  shares: ReadonlyMap<string, number> | undefined,
): boolean {
  if (destinations.length !== found.destinations.length) return false;
  return destinations.every((one, at) => {
    const there = found.destinations[at]!;
    if (!sameDestination(one, there)) return false;
    return scheduler !== REMEMBERING || one.weight !== 0 || heldShare(there, shares) === one.share;
  });
}

function planDestinations(
  wished: WishedService,
  found: ObservedService,
  shares: ReadonlyMap<string, number> | undefined,
): readonly IpvsOperation[] {
  if (isAsWished(wished, found, shares)) return [];
  const { key } = wished;
  const list = wishedList(wished, found);
  const there = new Map(found.destinations.map((one) => [destinationKeyText(one), one]));
  const listed = new Set(list.map(destinationKeyText));
  // Slots can be taken from a destination that has some in no other way.
  const mustReturn = (one: WishedDestination, present: CountedDestination) =>
    wished.scheduler === REMEMBERING && one.share === 0 && heldShare(present, shares) !== 0;
  const kept = firstKept(wished, list, found.destinations, mustReturn);
  const gone = found.destinations.filter((one) => !listed.has(destinationKeyText(one)));
  const deletions: IpvsOperation[] = gone.map((destination) => deletion(key, destination, false));
  const edits: IpvsOperation[] = [];
  const adds: IpvsOperation[] = [];
  for (let index = list.length - 1; index >= 0; index--) {
    const one = list[index]!;
    const present = there.get(destinationKeyText(one));
    if (present !== undefined && index >= kept)
      edits.push(...changes(wished, one, present, heldShare(present, shares)));
    else {
      if (present !== undefined) deletions.push(deletion(key, present, true));
      adds.push(...additions(wished, one));
    }
  }
  return [...deletions, ...edits, ...adds];
}

function deletion(key: IpvsServiceKey, { address, port }: IpvsDestinationKey, returns: boolean): IpvsOperation {
  return { kind: 'delete-destination', key, destination: { address, port }, returns };
}

function creation(service: IpvsService, wished: WishedService): readonly IpvsOperation[] {
  const newest = [...wished.destinations].reverse().flatMap((one) => additions(wished, one));
  if (service.scheduler !== REMEMBERING || newest.length < 2) return [{ kind: 'add-service', service }, ...newest];
  const begun = { ...service, scheduler: NO_SCHEDULER };
  return [{ kind: 'add-service', service: begun }, ...newest, { kind: 'edit-service', service }];
}

function planService(
  wished: WishedService,
  found: ObservedService | undefined,
  shares: ReadonlyMap<string, number> | undefined,
): readonly IpvsOperation[] {
  const { key, scheduler, flags, timeout, maskBits, engine } = wished;
  const service = { key, scheduler, flags, timeout, maskBits, engine };
  if (found === undefined) return creation(service, wished);
  const edit: readonly IpvsOperation[] = sameService(service, found) ? [] : [{ kind: 'edit-service', service }];
  return [...edit, ...planDestinations(wished, found, shares)];
}

export interface Plan {
  /** Of services that are no longer wished. */
  readonly removal: readonly IpvsOperation[];
  readonly rest: readonly IpvsOperation[];
}

/**
 * The operations from `observed` to `wished`.
 *
 * @param own keys of services that are ours, whether wished or not
 * @param shares of destinations with weight 0; nobody knows of others
 */
export function planIpvs(
  wished: readonly WishedService[],
  observed: Observed,
  own: ReadonlySet<string>,
  shares: Shares,
): Plan {
  const keys = new Set<string>();
  const rest: IpvsOperation[] = [];
  for (const service of wished) {
    const text = serviceKeyText(service.key);
    keys.add(text);
    rest.push(...planService(service, observed.get(text), shares.get(text)));
  }
  const removal: IpvsOperation[] = [];
  for (const [text, { key }] of observed) {
    if (own.has(text) && !keys.has(text)) removal.push({ kind: 'delete-service', key });
  }
  return { removal, rest };
}

/** At most one operation: times that the file says nothing of stay as they are. */
export function planTimeouts(wished: Partial<IpvsTimeouts>, found: IpvsTimeouts): readonly IpvsOperation[] {
  const timeouts = { ...found, ...wished };
  const same = timeouts.tcp === found.tcp && timeouts.tcpFin === found.tcpFin && timeouts.udp === found.udp;
  return same ? [] : [{ kind: 'set-timeouts', timeouts }];
}

/**
 * The shares that hold once everything is as wished: of destinations with weight 0 of the scheduler that remembers.
 *
 * @param observed before, so that those which stay for their connections are known
 */
export function sharesOf(wished: readonly WishedService[], observed: Observed): Shares {
  const shares = new Map<string, ReadonlyMap<string, number>>();
  for (const service of wished) {
    if (service.scheduler !== REMEMBERING) continue;
    const text = serviceKeyText(service.key);
    const there = observed.get(text)?.destinations.length ?? 0;
    // Nobody waits for connections to end, and nobody is out.
    if (there <= service.destinations.length && service.destinations.every(({ weight }) => weight !== 0)) continue;
    const idle = wishedList(service, observed.get(text)).filter(({ weight }) => weight === 0);
    if (idle.length > 0) shares.set(text, new Map(idle.map((one) => [destinationKeyText(one), one.share])));
  }
  return shares;
}

const METHODS = ['masquerading', 'local', 'tunnel', 'direct routing', 'bypass'] as const;

function describeDestination({ method, weight, upper, lower }: IpvsDestination): string {
  const bound = upper === 0 ? '' : `, at most ${upper} connections${lower === 0 ? '' : `, again below ${lower}`}`;
  return `${METHODS[method] ?? method}, weight ${weight}${bound}`;
}

/** One line, e.g. `ipvs tcp 203.0.113.10:80: add 10.2.0.21:80 (masquerading, weight 1)`. */
export function describeIpvs(operation: IpvsOperation): string {
  switch (operation.kind) {
    case 'set-timeouts': {
      const { tcp, tcpFin, udp } = operation.timeouts;
      return `ipvs: timeouts tcp ${tcp} s, after FIN ${tcpFin} s, udp ${udp} s`;
    }
    case 'add-service':
    case 'edit-service': {
      const { key, scheduler, timeout, maskBits, flags } = operation.service;
      const persistent =
        (flags & 1) === 0 ? '' : `, persistent ${timeout} s${maskBits === 32 ? '' : ` by /${maskBits}`}`;
      const name = scheduler === NO_SCHEDULER ? 'no scheduler yet' : scheduler;
      return `ipvs ${serviceKeyText(key)}: ${operation.kind.replace('-', ' ')} (${name}${persistent})`;
    }
    case 'delete-service':
      return `ipvs ${serviceKeyText(operation.key)}: delete service`;
    case 'delete-destination': {
      const why = operation.returns ? ' (to be added again in its place)' : '';
      return `ipvs ${serviceKeyText(operation.key)}: delete ${destinationKeyText(operation.destination)}${why}`;
    }
    default: {
      const { kind, key, destination } = operation;
      const verb = kind === 'add-destination' ? 'add' : 'set';
      const text = `${destinationKeyText(destination)} (${describeDestination(destination)})`;
      return `ipvs ${serviceKeyText(key)}: ${verb} ${text}`;
    }
  }
}
