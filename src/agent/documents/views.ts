/** Rows of the control API's documents from the agent's own values: addresses become text, undefined becomes null. */
import type {
  InterfaceDocument,
  LsaDocument,
  NeighborDocument,
  RouteDocument,
  ServerDocument,
  ServiceDocument,
} from '../../api/documents.ts';
import { formatIpv4, formatPrefix } from '../../core/base/ipv4.ts';
import type { Health, RealServer, Service } from '../../core/model/cluster.ts';
import type { ServerCounters, ServiceCounters } from '../../core/model/dataplane.ts';
import { formatAnnouncedAs } from '../../core/model/routing.ts';
import { formatScheduler } from '../../core/model/scheduler.ts';
import type { InterfaceView, LsaView, NeighborView, OspfRoute } from '../../core/ospf/events.ts';
import type { RouteStanding } from '../keepers/route-keeper.ts';
import { lsaContent } from '../lsa-content.ts';

export function neighborDocument(instance: string, view: NeighborView): NeighborDocument {
  return {
    instance,
    interface: view.interface,
    network: view.network,
    routerId: formatIpv4(view.routerId),
    address: formatIpv4(view.address),
    priority: view.priority,
    state: view.state,
    designatedRouter: formatIpv4(view.designatedRouter),
    backupDesignatedRouter: formatIpv4(view.backupDesignatedRouter),
    deadIn: Math.round(view.deadIn),
    retransmissions: view.retransmissions,
    requests: view.requests,
    role: view.role ?? null,
    trouble: view.trouble ?? null,
    helpedFor: view.helpedFor === undefined ? null : Math.round(view.helpedFor),
  };
}

export function interfaceDocument(instance: string, view: InterfaceView): InterfaceDocument {
  return {
    instance,
    interface: view.name,
    network: view.network,
    passive: view.passive,
    unnumbered: view.unnumbered,
    state: view.state,
    address: view.address === undefined ? null : formatIpv4(view.address),
    prefixLength: view.prefixLength,
    mtu: view.mtu,
    cost: view.cost,
    designatedRouter: formatIpv4(view.designatedRouter),
    backupDesignatedRouter: formatIpv4(view.backupDesignatedRouter),
    neighbors: view.neighbors,
    troubles: view.troubles,
    authentication: { ...view.authentication, keyId: view.authentication.keyId ?? null },
  };
}

export function lsaDocument(instance: string, view: LsaView, detail: boolean): LsaDocument {
  return {
    instance,
    type: view.type,
    id: formatIpv4(view.id),
    advertisingRouter: formatIpv4(view.advertisingRouter),
    sequence: hex(view.sequence, 8),
    checksum: hex(view.checksum, 4),
    age: Math.floor(view.age),
    length: view.length,
    own: view.own,
    summary: view.summary,
    content: detail ? lsaContent(view.lsa) : null,
  };
}

export function routeDocument(instance: string, route: OspfRoute, standing: RouteStanding): RouteDocument {
  return {
    instance,
    prefix: formatPrefix(route.prefix),
    pathType: route.pathType,
    cost: route.cost,
    nextHops: route.nextHops.map((hop) => ({
      interface: hop.interface,
      gateway: hop.gateway === undefined ? null : formatIpv4(hop.gateway),
    })),
    installed: standing.installed,
    refusal: standing.refusal ?? null,
  };
}

export interface ServiceFacts {
  readonly healthy: number;
  readonly programmed: boolean;
  readonly active: number | null;
  readonly counters: ServiceCounters | undefined;
}

export function serviceDocument(service: Service, facts: ServiceFacts): ServiceDocument {
  return {
    service: service.name,
    vips: service.vips.map(formatIpv4),
    ports: service.ports,
    protocol: service.protocol,
    forward: service.forward,
    fwmark: service.fwmark ?? null,
    scheduler: formatScheduler(service.scheduler),
    persistence: service.persistence ?? null,
    lsa: formatAnnouncedAs(service.announce.lsa),
    healthy: facts.healthy,
    servers: service.servers.length,
    programmed: facts.programmed,
    active: facts.active,
    misses: facts.counters?.misses ?? 0,
    persistenceFull: facts.counters?.persistenceFull ?? 0,
    ...traffic(facts.counters),
  };
}

export interface ServerFacts
  extends Pick<
    ServerDocument,
    'state' | 'phase' | 'phaseEnds' | 'tenths' | 'active' | 'lastRunAge' | 'lastResult' | 'lag'
  > {
  readonly counters: ServerCounters | undefined;
}

export function serverDocument(service: Service, server: RealServer, facts: ServerFacts): ServerDocument {
  const { counters, ...rest } = facts;
  return {
    service: service.name,
    server: server.name,
    address: formatIpv4(server.address),
    weight: server.weight,
    limit: server.limit ?? null,
    check: checkText(service.health),
    ...rest,
    ...traffic(counters),
  };
}

function traffic(counters: ServiceCounters | ServerCounters | undefined) {
  return {
    newConnections: counters?.newConnections ?? 0,
    packetsIn: counters?.packetsIn ?? 0,
    bytesIn: counters?.bytesIn ?? 0,
    packetsOut: counters?.packetsOut ?? 0,
    bytesOut: counters?.bytesOut ?? 0,
  };
}

function checkText(health: Health | undefined): string {
  if (health === undefined) return 'none';
  const { check, port } = health;
  return check.kind === 'tcp' ? `tcp :${port}` : `http :${port}${check.path} = ${check.expect}`;
}

function hex(value: number, digits: number): string {
  return `0x${(value >>> 0).toString(16).padStart(digits, '0')}`;
}
