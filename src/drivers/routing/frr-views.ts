/**
 * FRR's answers in the form in which the agent knows our own speaker: rows of neighbors, interfaces and the database.
 */
import { formatIpv4, formatPrefix, type Ipv4, lengthOfMask, prefixOf } from '../../core/base/ipv4.ts';
import type { Instant } from '../../core/base/machine.ts';
import { clauseOfTag } from '../../core/frr/config.ts';
import type { FrrInterface, FrrNeighbor, FrrSummary } from '../../core/frr/show.ts';
import { LsType, MAX_AGE, RouterLinkType } from '../../core/ospf/codes.ts';
import type {
  AnnouncedPrefix,
  InstanceConfig,
  InterfaceConfig,
  InterfaceView,
  LsaFilter,
  LsaView,
  NeighborView,
} from '../../core/ospf/events.ts';
import type { Lsa } from '../../core/ospf/lsa/lsa.ts';
import { describeLsa } from '../../core/ospf/lsa/summary.ts';
import { buildGraph } from '../../core/ospf/spf/graph.ts';
import { linksOf } from '../../core/ospf/spf/root-links.ts';
import { computeRoutes } from '../../core/ospf/spf/spf.ts';

/** One OSPF process of FRR, as last read. */
export interface ProcessView {
  readonly summary: FrrSummary;
  readonly neighbors: readonly FrrNeighbor[];
  readonly interfaces: readonly FrrInterface[];
  /** As of `databaseAt`; the same array as long as the database has not changed. */
  readonly lsas: readonly Lsa[];
  readonly databaseAt: Instant;
}

/** Seconds. */
export function ageOf({ header }: Lsa, { databaseAt }: Pick<ProcessView, 'databaseAt'>, now: Instant): number {
  return Math.min(MAX_AGE, header.age + Math.floor((now - databaseAt) / 1000));
}

/** What a prefix is announced with. */
type Shown = Pick<AnnouncedPrefix, 'metric' | 'lsa'>;

/** Prefixes in LSAs that FRR has originated by redistribution, by their text. */
export function redistributed({ summary, lsas }: ProcessView): ReadonlyMap<string, Shown> {
  const shown = new Map<string, Shown>();
  // FRR makes LSAs of type 5 in an NSSA too, and keeps them to itself.
  const isNssa = summary.areas.length > 0 && summary.areas.every(({ type }) => type === 'nssa');
  for (const { header, body } of lsas) {
    if (isNssa && header.type !== LsType.nssa) continue;
    if (body.kind !== 'external' || header.advertisingRouter !== summary.routerId || header.age >= MAX_AGE) continue;
    const kind = header.type === LsType.nssa ? 'nssa' : 'external';
    const text = formatPrefix(prefixOf(header.id, lengthOfMask(body.mask) ?? 0));
    // Both, in an area border router's database: type 5 is what most routers see.
    if (kind === 'nssa' && shown.has(text)) continue;
    // FRR puts the route's own tag into the LSA where the file asks for none.
    const tag = clauseOfTag(body.tag) === undefined ? body.tag : 0;
    shown.set(text, { metric: body.metric, lsa: { kind, metricType: body.e2 ? 2 : 1, tag } });
  }
  return shown;
}

/** Hosts in FRR's own router-LSA, by their text. */
export function stubLinks({ summary, lsas }: ProcessView): ReadonlyMap<string, Shown> {
  const shown = new Map<string, Shown>();
  for (const { header, body } of lsas) {
    if (body.kind !== 'router' || header.advertisingRouter !== summary.routerId || header.age >= MAX_AGE) continue;
    for (const { type, id, data, metric } of body.links) {
      if (type !== RouterLinkType.stub) continue;
      shown.set(formatPrefix(prefixOf(id, lengthOfMask(data) ?? 0)), { metric, lsa: { kind: 'stub' } });
    }
  }
  return shown;
}

export interface Announcers {
  /** By host: who else announces it, and at which metric. */
  readonly byHost: ReadonlyMap<Ipv4, readonly { readonly router: Ipv4; readonly metric: number }[]>;
}

const HOST = 0xffffffff;

/** Host routes that other routers announce which can be reached. */
export function otherAnnouncers({ summary, lsas }: ProcessView): Announcers {
  const { routerId } = summary;
  const { reachable } = computeRoutes({ routerId, lsas, links: linksOf(buildGraph(lsas), routerId) });
  const byHost = new Map<Ipv4, { router: Ipv4; metric: number }[]>();
  const note = (host: Ipv4, router: Ipv4, metric: number) => {
    if (router === routerId || !reachable.has(router)) return;
    byHost.set(host, [...(byHost.get(host) ?? []), { router, metric }]);
  };
  for (const { header, body } of lsas) {
    if (header.age >= MAX_AGE) continue;
    if (body.kind === 'external' && body.mask === HOST) note(header.id, header.advertisingRouter, body.metric);
    if (body.kind !== 'router') continue;
    for (const { type, id, data, metric } of body.links) {
      if (type === RouterLinkType.stub && data === HOST) note(id, header.advertisingRouter, metric);
    }
  }
  return { byHost };
}

export function neighborViews({ neighbors, interfaces }: ProcessView, trouble: string | undefined): NeighborView[] {
  return neighbors.map((row) => {
    const link = interfaces.find(({ name }) => name === row.interface);
    return {
      ...{ interface: row.interface, network: link?.network ?? 'point-to-point', routerId: row.routerId },
      ...{ address: row.address, priority: row.priority, state: row.state, role: row.role },
      designatedRouter: link?.designatedRouter ?? 0,
      backupDesignatedRouter: link?.backupDesignatedRouter ?? 0,
      ...{ deadIn: row.deadIn, retransmissions: row.retransmissions, requests: row.requests },
      ...{ trouble, helpedFor: undefined },
    };
  });
}

/** The interfaces of the file, with what FRR makes of them. */
export function interfaceViews(
  config: InstanceConfig,
  settings: readonly InterfaceConfig[],
  process: ProcessView | undefined,
  trouble: string | undefined,
): InterfaceView[] {
  return settings.map((wanted): InterfaceView => {
    const found = process?.interfaces.find(({ name }) => name === wanted.name);
    // Before anything was read, nothing is known to differ.
    const differing = process === undefined ? [] : mismatches(config, wanted, found);
    const troubles = [...(trouble === undefined ? [] : [trouble]), ...differing];
    const common = { name: wanted.name, troubles, authentication: authenticationOf(wanted) };
    if (found === undefined)
      return { ...common, ...UNKNOWN, network: wanted.network, passive: wanted.passive, cost: wanted.cost };
    const { state, network, passive, unnumbered, address, prefixLength, mtu, cost, neighbors } = found;
    const { designatedRouter, backupDesignatedRouter } = found;
    const designated = { designatedRouter, backupDesignatedRouter };
    return {
      ...common,
      state,
      network,
      passive,
      unnumbered,
      address,
      prefixLength,
      mtu,
      cost,
      neighbors,
      ...designated,
    };
  });
}

const UNKNOWN = {
  state: 'down',
  unnumbered: false,
  address: undefined,
  prefixLength: 0,
  mtu: 0,
  designatedRouter: 0,
  backupDesignatedRouter: 0,
  neighbors: 0,
} as const;

/** FRR has the keys; how they are doing is not shown. */
function authenticationOf({ authentication }: InterfaceConfig): InterfaceView['authentication'] {
  const { algorithm = 'none', migrate = false } = authentication ?? {};
  return { algorithm, keyId: undefined, accepts: [], standing: 'valid', migrate };
}

/** Where the operator's FRR does otherwise than the cluster file says. */
function mismatches({ areaId }: InstanceConfig, wanted: InterfaceConfig, found: FrrInterface | undefined): string[] {
  if (found === undefined) return ['FRR does not speak OSPF there'];
  const differing = (what: string, has: string | number | boolean, says: string | number | boolean) =>
    has === says ? [] : [`FRR has ${what} ${has}, the cluster file says ${says}`];
  return [
    ...differing('area', formatIpv4(found.area), formatIpv4(areaId)),
    ...differing('passive', found.passive, wanted.passive),
    ...(wanted.passive ? [] : differing('network', found.network, wanted.network)),
    ...(wanted.passive || wanted.helloInterval < 1000 ? [] : differing('hello', found.hello, wanted.helloInterval)),
    ...(wanted.passive ? [] : differing('dead', found.dead, wanted.deadInterval)),
  ];
}

export function lsaViews(process: ProcessView, filter: LsaFilter, now: Instant): LsaView[] {
  const { routerId } = process.summary;
  const { types, advertisingRouter, own } = filter;
  return process.lsas
    .filter(({ header }) => {
      if (types !== undefined && !types.has(header.type)) return false;
      if (advertisingRouter !== undefined && header.advertisingRouter !== advertisingRouter) return false;
      return own === undefined || own === (header.advertisingRouter === routerId);
    })
    .map((lsa) => {
      const { type, id, advertisingRouter: router, sequence, checksum, length } = lsa.header;
      const common = { type, id, advertisingRouter: router, sequence, checksum, length, own: router === routerId };
      return { ...common, age: ageOf(lsa, process, now), summary: describeLsa(lsa), lsa };
    });
}
