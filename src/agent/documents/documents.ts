/** The documents of the control API, drawn from the director as it is now. Nothing here changes anything. */
import { setImmediate } from 'node:timers/promises';
import type {
  CountersDocument,
  InterfaceDocument,
  LifecycleDocument,
  LsaDocument,
  NeighborDocument,
  RouteDocument,
  ServerDocument,
  ServiceDocument,
  StatusDocument,
  VipStatus,
} from '../../api/documents.ts';
import type { VipDecision } from '../../core/announce/policy.ts';
import { formatIpv4, type Ipv4 } from '../../core/base/ipv4.ts';
import { totalFill } from '../../core/dataplane/fill.ts';
import { targetKey } from '../../core/health/target.ts';
import type { RealServer, Service } from '../../core/model/cluster.ts';
import type { ServerCounters } from '../../core/model/dataplane.ts';
import { formatAnnouncedAs } from '../../core/model/routing.ts';
import type { LsaFilter } from '../../core/ospf/events.ts';
import type { LoopWatch } from '../../io/event-loop.ts';
import type { Priority } from '../../io/priority.ts';
import type { Director } from '../director.ts';
import { targetOf } from '../keepers/health-keeper.ts';
import { ownAddresses } from '../wishes/own-addresses.ts';
import { syncSummary } from './sync-documents.ts';
import {
  interfaceDocument,
  lsaDocument,
  neighborDocument,
  routeDocument,
  serverDocument,
  serviceDocument,
} from './views.ts';

/** What the process knows beside the director. */
export interface ProcessFacts {
  readonly version: string;
  readonly pid: number;
  readonly uptime: number;
  readonly startedAt: Date;
  readonly configPath: string;
  /** Why the file on disk was refused, when it was. */
  readonly stale: string | undefined;
  /** Why the data plane is this one. */
  readonly planeReason?: string | undefined;
  readonly priority: Priority;
  readonly loop: Pick<LoopWatch, 'delay'>;
}

export function statusDocument(director: Director, facts: ProcessFacts): StatusDocument {
  const { cluster, director: self, hash } = director.loaded;
  const { dataplane } = director;
  const neighbors = director.speakers.all().flatMap((speaker) => speaker.neighbors());
  const full = neighbors.filter(({ state }) => state === 'full').length;
  return {
    cluster: cluster.cluster,
    director: self.name,
    routerId: formatIpv4(self.routerId),
    version: facts.version,
    pid: facts.pid,
    state: director.state,
    waitingFor: director.lifecycle.waitingFor(director.now()),
    uptime: Math.round(facts.uptime),
    startedAt: facts.startedAt.toISOString(),
    config: { path: facts.configPath, hash, stale: facts.stale ?? null },
    dataplane: {
      name: dataplane.name,
      reason: facts.planeReason ?? null,
      foreign: dataplane.foreign,
      programmed: dataplane.programmed(),
      lastApply: dataplane.lastApply ?? null,
      fault: dataplane.fault ?? null,
      plainPorts: dataplane.plainPorts ?? null,
    },
    vips: vipStatuses(director, full),
    local: ownAddresses(cluster, self).map(({ address, class: of }) => {
      return { address: formatIpv4(address), class: of, announced: director.announcer.heardLocal().has(address) };
    }),
    portBlocks: portBlocks(director),
    restarts: restarts(director),
    sync: syncSummary(director),
    neighbors: { full, total: neighbors.length, missing: missingNeighbors(director) },
    heldLinks: director.heldLinks.views(),
    process: {
      priority: { nice: facts.priority.nice, refused: facts.priority.refused ?? null },
      eventLoopDelay: facts.loop.delay(),
    },
  };
}

function portBlocks({ fill }: Director): StatusDocument['portBlocks'] {
  const digest = fill.digest();
  if (digest === undefined) return null;
  const addresses = fill.fills()?.map((one) => ({ ...one, address: formatIpv4(one.address) }));
  return { digest, addresses: addresses ?? null };
}

function restarts(director: Director): StatusDocument['restarts'] {
  return director.speakers.all().flatMap((speaker) => {
    const view = speaker.takeOver();
    return view === undefined ? [] : [{ instance: speaker.instance, ...view, left: Math.round(view.left) }];
  });
}

/** A link that carries nothing is easily overlooked: it has no neighbors to count. */
function missingNeighbors(director: Director): string[] {
  return director.speakers.all().flatMap((speaker) => {
    const full = new Set(speaker.neighbors().flatMap((row) => (row.state === 'full' ? [row.interface] : [])));
    return speaker
      .interfaces()
      .filter(({ name, passive }) => !full.has(name) && !passive)
      .map(({ name, state, troubles }) => {
        if (state === 'down') return `${name} is down`;
        return [`${name} has no full neighbor`, ...troubles].join('; ');
      });
  });
}

/** The file's VIPs, and those that the policy still has from the file before. */
function vipStatuses(director: Director, fullNeighbors: number): VipStatus[] {
  const { services } = director.loaded.cluster;
  const decisions = director.policy.decisions(director.now());
  const addresses = new Set([...services.flatMap(({ vips }) => vips), ...decisions.keys()]);
  return [...addresses]
    .sort((a, b) => a - b)
    .map((vip) => {
      const heard = director.announcer.heard().get(vip);
      const metric = heard?.metric;
      const decision = decisions.get(vip);
      return {
        vip: formatIpv4(vip),
        announced: metric !== undefined,
        metric: metric ?? null,
        lsa: heard === undefined ? null : formatAnnouncedAs(heard.lsa),
        waitingFor: reasons(director, vip, decision, metric, fullNeighbors),
        services: servicesOf(services, vip),
      };
    });
}

function reasons(
  director: Director,
  vip: Ipv4,
  decision: VipDecision | undefined,
  metric: number | undefined,
  fullNeighbors: number,
): string[] {
  if (decision === undefined) return ['reload: its services are not in the data plane yet'];
  const waiting = [...decision.waitingFor];
  for (const name of servicesOf(director.loaded.cluster.services, vip)) {
    if (director.sync.waiting.has(name)) waiting.push(`sync: other directors define ${name} otherwise`);
  }
  if (director.state === 'draining') waiting.push(...director.lifecycle.waitingFor(director.now(), vip));
  for (const speaker of director.announcer.speakers(director.announcer.classOf(vip))) {
    const unknown = speaker.unknown();
    if (unknown !== undefined) waiting.push(`routing ${speaker.instance}: unknown: ${unknown}`);
  }
  if (decision.announce && metric === undefined) waiting.push('routing: our LSA with it has not gone out yet');
  if (decision.announce && fullNeighbors === 0) waiting.push('routing: no neighbor is full, so nobody hears of it');
  return waiting;
}

function servicesOf(services: readonly Service[], vip: Ipv4): string[] {
  return services.filter(({ vips }) => vips.includes(vip)).map(({ name }) => name);
}

export function lifecycleDocument(director: Director): LifecycleDocument {
  return { state: director.state, deadline: director.drainLeft ?? null };
}

export function neighborDocuments(director: Director): NeighborDocument[] {
  return director.speakers
    .all()
    .flatMap((speaker) => speaker.neighbors().map((row) => neighborDocument(speaker.instance, row)));
}

export function interfaceDocuments(director: Director): InterfaceDocument[] {
  return director.speakers
    .all()
    .flatMap((speaker) => speaker.interfaces().map((row) => interfaceDocument(speaker.instance, row)));
}

/** A database may have tens of thousands of LSAs: they are put into words a few at a time, and Hellos go out in between. */
export async function lsaDocuments(director: Director, filter: LsaFilter, detail: boolean): Promise<LsaDocument[]> {
  const documents: LsaDocument[] = [];
  for (const speaker of director.speakers.all()) {
    for (const row of speaker.lsdb(filter)) {
      documents.push(lsaDocument(speaker.instance, row, detail));
      if (documents.length % SLICE === 0) await setImmediate();
    }
  }
  return documents;
}

const SLICE = 500;

export function routeDocuments(director: Director): RouteDocument[] {
  return director.speakers
    .all()
    .flatMap((speaker) =>
      speaker
        .routes()
        .map((route) => routeDocument(speaker.instance, route, director.routes.standing(speaker.instance, route))),
    );
}

export async function counterDocuments(director: Director): Promise<CountersDocument[]> {
  const { guard, fullnat } = await director.dataplane.sample();
  const dropped = Object.entries(guard).map(([reason, packets]) => [`dropped.${reason}`, packets]);
  return [
    ...director.speakers.all().map((speaker) => ({ instance: speaker.instance, counters: speaker.counters() })),
    {
      instance: 'dataplane',
      counters: {
        ...Object.fromEntries(dropped),
        'dropped.noPortBlock': fullnat.noBlock,
        handedOver: fullnat.handedOver,
      },
    },
    {
      instance: 'connections',
      counters: {
        tracked: director.connections.tracked ?? 0,
        'events.lost': director.connections.lost,
        ...director.fill.statistics,
        ...fillCounters(director),
      },
    },
    ...syncCounters(director),
  ];
}

/** Only where connections are synced. */
function syncCounters({ sync }: Director): CountersDocument[] {
  return sync.status === undefined ? [] : [{ instance: 'sync', counters: sync.status.counters }];
}

/** How full local addresses are, in percent. */
function fillCounters({ fill }: Director): Readonly<Record<string, number>> {
  const fills = fill.fills() ?? [];
  if (fills.length === 0) return {};
  const each = fills.map((one) => [`fill.${formatIpv4(one.address)}`, Math.floor(one.fill * 100)]);
  return { ...Object.fromEntries(each), fill: Math.floor(totalFill(fills) * 100) };
}

export async function serviceDocuments(director: Director): Promise<ServiceDocument[]> {
  const counters = await director.dataplane.sample();
  const programmed = director.dataplane.programmed();
  return director.loaded.cluster.services.map((service) =>
    serviceDocument(service, {
      healthy: director.servers.healthy(service),
      programmed: programmed.includes(service.name),
      active: totalActive(director, service),
      counters: counters.services.find((row) => row.service === service.name),
    }),
  );
}

/** Of its servers, of those that have left the file and drain, and of the sorry server. */
function totalActive(director: Director, service: Service): number | null {
  const { name, servers, sorry } = service;
  const standings = director.servers.standings(name).map(({ address }) => address);
  const addresses = new Set([
    ...servers.map(({ address }) => address),
    ...standings,
    ...(sorry === undefined ? [] : [sorry]),
  ]);
  const counts = [...addresses].map((address) => director.servers.active(service, address));
  return counts.reduce<number | null>((sum, count) => (sum === null || count === undefined ? null : sum + count), 0);
}

/** The file's servers, then those that have left it and drain, then the sorry server. */
export async function serverDocuments(director: Director): Promise<ServerDocument[]> {
  const { servers: rows } = await director.dataplane.sample();
  const countersOf = (service: Service, name: string) =>
    rows.find((row) => row.service === service.name && row.server === name);
  const views = director.health.views();
  return director.loaded.cluster.services.flatMap((service) => {
    const standings = director.servers.standings(service.name);
    const own = new Set(service.servers.map(({ address }) => address));
    const gone = standings.filter(({ address }) => !own.has(address));
    const servers = [...service.servers, ...gone].map((server) =>
      serverDocument(service, server, {
        ...standingFacts(director, service, server, standings),
        ...probeFacts(service, server, views),
        counters: countersOf(service, server.name),
      }),
    );
    return service.sorry === undefined
      ? servers
      : [...servers, sorryDocument(director, service, service.sorry, countersOf)];
  });
}

function standingFacts(
  director: Director,
  service: Service,
  server: RealServer,
  standings: ReturnType<Director['servers']['standings']>,
) {
  const standing = standings.find(({ address }) => address === server.address);
  const { phase = 'serving', until, tenths = 10 } = standing ?? {};
  const isFile = service.servers.some(({ address }) => address === server.address);
  return {
    state: phase === 'serving' && isFile ? director.health.state(service, server) : ('drained' as const),
    phase,
    phaseEnds: until === undefined ? null : Math.max(0, Math.round(until - director.now())),
    tenths,
    active: director.servers.active(service, server.address) ?? null,
  };
}

function probeFacts(service: Service, server: RealServer, views: ReturnType<Director['health']['views']>) {
  const target = targetOf(service, server);
  const view = target === undefined ? undefined : views.get(targetKey(target));
  return {
    lastRunAge: view?.last === undefined ? null : Math.round(view.last.age),
    lastResult: view?.last?.detail ?? null,
    lag: view?.lag === undefined ? null : Math.round(view.lag * 10) / 10,
  };
}

/** Nobody checks it: it is what is left. */
function sorryDocument(
  director: Director,
  service: Service,
  address: Ipv4,
  countersOf: (service: Service, name: string) => ServerCounters | undefined,
): ServerDocument {
  const server = { name: 'sorry', address, weight: 0 };
  return serverDocument({ ...service, health: undefined }, server, {
    ...{ state: 'unknown', phase: 'sorry', phaseEnds: null, tenths: 10 },
    active: director.servers.active(service, address) ?? null,
    ...{ lastRunAge: null, lastResult: null, lag: null },
    counters: countersOf(service, server.name),
  });
}
