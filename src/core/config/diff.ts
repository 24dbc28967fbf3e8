/**
 * What changed between two cluster files, one printable line per change: for `sluice plan`, `sluice reload` and the log.
 *
 * Each cluster is written down as things (`service web: server r3`) with properties; things come and go, properties change.
 * Not a plan: what has to be done about a change is decided where the desired state is compared with the kernel's.
 */
import { formatIpv4, formatPrefix } from '../base/ipv4.ts';
import type {
  Cluster,
  Direct,
  HandOver,
  Health,
  ImportRule,
  Quorum,
  RoutingAuthentication,
  RoutingInstance,
  RoutingInterface,
  Service,
} from '../model/cluster.ts';
import { formatAnnouncedAs } from '../model/routing.ts';
import { formatScheduler } from '../model/scheduler.ts';
import { formatEndpoint } from '../model/sync.ts';
import type { Timeouts } from '../model/timeouts.ts';
import { formatTunnel } from '../model/tunnel.ts';
import { formatDuration } from './blocks.ts';

/** What is undefined is not said of a thing that comes, and reads "none" where it changes. */
type Properties = Readonly<Record<string, string | number | boolean | undefined>>;

interface Thing {
  /** The thing that it is a part of: whoever comes or goes takes its parts along, and they need no line of their own. */
  readonly within?: string;
  readonly properties: Properties;
  /** What neighbors notice when it comes or goes, for those who would ask. */
  readonly unrest?: string;
  /** The same for a change of a property, by its name. */
  readonly unrestOf?: Readonly<Record<string, string>>;
}

type Things = Map<string, Thing>;

/**
 * Lines such as `service web: server r3 added (address 10.2.0.23, weight 2)`; none when the clusters are the same. Changes of
 * the routing say what becomes of adjacencies: `routing outside: interface up0: cost 10 -> 20 (no adjacency changes)`.
 */
export function describeChanges(before: Cluster, after: Cluster): string[] {
  const [a, b] = [thingsOf(before), thingsOf(after)];
  const lines: string[] = [];
  for (const [name, thing] of a) {
    if (!b.has(name) && (thing.within === undefined || b.has(thing.within)))
      lines.push(`${name} removed${remark(thing.unrest)}`);
  }
  for (const [name, thing] of b) {
    const old = a.get(name);
    if (old !== undefined) lines.push(...changed(name, old, thing));
    else if (thing.within === undefined || a.has(thing.within)) {
      lines.push(`${name} added${listed(thing.properties)}${remark(thing.unrest)}`);
    }
  }
  return lines;
}

function listed(properties: Properties): string {
  const said = Object.entries(properties).filter(([, value]) => value !== undefined);
  const words = said.map(([key, value]) => `${key} ${value}`);
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

function changed(name: string, { properties: a }: Thing, { properties: b, unrestOf }: Thing): string[] {
  return Object.keys(b)
    .filter((key) => a[key] !== b[key])
    .map((key) => `${name}: ${key} ${a[key] ?? 'none'} -> ${b[key] ?? 'none'}${remark(unrestOf?.[key])}`);
}

function remark(text: string | undefined): string {
  return text === undefined ? '' : ` (${text})`;
}

function thingsOf(cluster: Cluster): Things {
  const things: Things = new Map();
  const { holdUp, drain, grace, syncTimeout } = cluster.lifecycle;
  const { cluster: name, dataplane, keys, mappingLog } = cluster;
  things.set('cluster', { properties: { name, dataplane, keys, mappingLog }, unrestOf: CLUSTER_UNREST });
  const times = { holdUp: formatDuration(holdUp), drain: formatDuration(drain), grace: formatDuration(grace) };
  const wait = { syncTimeout: syncTimeout === undefined ? undefined : formatDuration(syncTimeout) };
  things.set('lifecycle', { properties: { ...times, ...wait } });
  things.set('local', { properties: { handOver: handOverText(cluster.local.handOver) } });
  for (const { name, routerId, interfaces, local, handOver, sync, inside, macs } of cluster.directors) {
    const within = `director ${name}`;
    const unrestOf = {
      routerId: 'every adjacency of this director starts over',
      sync: 'its streams of connections begin anew',
    };
    things.set(within, {
      properties: {
        routerId: formatIpv4(routerId),
        handOver: handOver && formatIpv4(handOver),
        sync: sync && formatEndpoint(sync),
        inside: inside && formatIpv4(inside),
        mac: macs?.join('+'),
      },
      unrestOf,
    });
    for (const [alias, device] of Object.entries(interfaces)) {
      const unrestOf = { device: 'its adjacencies end, and begin anew on the other device' };
      things.set(`${within}: interface ${alias}`, { within, properties: { device }, unrestOf });
    }
    for (const address of local) things.set(`${within}: local ${formatIpv4(address)}`, { within, properties: {} });
  }
  const { speaker, frr } = cluster.routing;
  const means = frr && { ...frr, deadline: formatDuration(frr.deadline) };
  things.set('routing', { properties: { speaker, ...(means ?? NO_FRR) }, unrestOf: ROUTING_UNREST });
  for (const address of cluster.local.shared) things.set(`local: shared ${formatIpv4(address)}`, { properties: {} });
  for (const instance of cluster.routing.instances) addInstance(things, instance);
  for (const [vip, { require }] of Object.entries(cluster.vips)) things.set(`vip ${vip}`, { properties: { require } });
  for (const { name, from, pool } of cluster.snat) {
    const within = `snat ${name}`;
    const unrestOf = { from: 'connections that are open keep their address' };
    things.set(within, { properties: { from: formatPrefix(from) }, unrestOf });
    for (const address of pool) things.set(`${within}: pool ${formatIpv4(address)}`, { within, properties: {} });
  }
  for (const service of cluster.services) addService(things, service);
  return things;
}

/** What a file for another speaker says of FRR. */
const NO_FRR = {
  vtysh: undefined,
  vtyDir: undefined,
  deadline: undefined,
  announce: undefined,
  unverified: undefined,
  write: undefined,
};

const ROUTING_UNREST = {
  speaker: 'every adjacency starts over',
  announce: 'every VIP is announced anew in the other form',
  vtysh: 'no adjacency changes',
  vtyDir: 'no adjacency changes',
};

function addInstance(things: Things, instance: RoutingInstance): void {
  const within = `routing ${instance.name}`;
  const announce = instance.announce.join('+');
  const { helper } = instance.gracefulRestart;
  const area = { area: formatIpv4(instance.area), areaType: instance.areaType };
  const properties = { ...area, announce, import: importText(instance.import), helper };
  const startsOver = 'every adjacency of this instance starts over';
  const stays = 'no adjacency changes';
  const unrestOf = { area: startsOver, areaType: startsOver, announce: startsOver, import: stays, helper: stays };
  things.set(within, { properties, unrestOf });
  for (const settings of instance.interfaces) {
    const { alias, hello, dead, neighbors, poll, passive, holdLink, auth, ...rest } = settings;
    const timers = { hello: formatDuration(hello), dead: formatDuration(dead) };
    const sought = neighbors.length === 0 ? {} : { neighbors: neighborsText(neighbors), poll: formatDuration(poll) };
    const properties = {
      ...rest,
      ...timers,
      passive: passive || undefined,
      holdLink: holdLink || undefined,
      neighbors: undefined,
      poll: undefined,
    };
    const unrest = 'adjacencies on other interfaces stay';
    const unrestOf = interfaceUnrest(settings);
    const thing = { within, properties: { ...properties, ...sought, auth: authText(auth) }, unrest, unrestOf };
    things.set(`${within}: interface ${alias}`, thing);
  }
}

function handOverText(handOver: HandOver | undefined): string | undefined {
  if (handOver === undefined) return undefined;
  if (handOver.kind === 'segment') return `over ${handOver.alias}`;
  const { id, port, mtu } = handOver;
  return `by VXLAN ${id} port ${port}${mtu === undefined ? '' : ` MTU ${mtu}`}`;
}

/** The rules as they stand in the file. */
export function importText(rules: readonly ImportRule[]): string {
  if (rules.length === 0) return 'none';
  return rules
    .map(({ prefix, orLonger }) => {
      if (prefix.length === 0) return orLonger ? 'all' : 'default';
      return `${formatPrefix(prefix)}${orLonger ? ' orlonger' : ''}`;
    })
    .join(', ');
}

/** `10.0.0.1+10.0.0.2 (priority 0)`; the usual priority is not said. */
function neighborsText(neighbors: RoutingInterface['neighbors']): string {
  const one = ({ address, priority }: RoutingInterface['neighbors'][number]) =>
    `${formatIpv4(address)}${priority === 1 ? '' : ` (priority ${priority})`}`;
  return neighbors.map(one).join('+');
}

function authText(auth: RoutingAuthentication | undefined): string | undefined {
  return auth && `${auth.algorithm} by ${auth.keys}${auth.migrate ? ', migrating' : ''}`;
}

/** What the speaker makes of new settings of an interface. */
function interfaceUnrest({ network, passive, auth }: RoutingInterface): Readonly<Record<string, string>> {
  const followed = 'its adjacencies last if the far end follows within the dead interval';
  return {
    cost: 'no adjacency changes',
    hello: followed,
    dead: followed,
    priority: network === 'broadcast' || network === 'nbma' ? 'the next election counts it' : 'no adjacency changes',
    mtuIgnore: 'counts from the next database exchange on',
    holdLink: 'no adjacency changes; counts from the next start on',
    network: 'its adjacencies start over',
    passive: passive ? 'its adjacencies end' : 'OSPF is spoken there from now on',
    neighbors: 'new ones are greeted, those who speak already stay',
    poll: 'no adjacency changes',
    auth: auth?.migrate ? 'no adjacency changes' : followed,
  };
}

function addService(things: Things, service: Service): void {
  const within = `service ${service.name}`;
  const { forward, fwmark, persistence, health, announce } = service;
  const { metric, whenDown } = announce;
  const lsa = formatAnnouncedAs(announce.lsa);
  const properties = {
    protocol: fwmark === undefined ? service.protocol : undefined,
    fwmark,
    forward,
    tunnel: service.tunnel && formatTunnel(service.tunnel),
    onePacket: service.onePacket,
    inside: service.inside || undefined,
    ...directText(service.direct),
    scheduler: formatScheduler(service.scheduler),
    persistence: persistence && formatDuration(persistence),
    persistenceMask: service.persistenceMask,
    timeouts: timeoutsText(service.timeouts),
    sorry: service.sorry === undefined ? undefined : formatIpv4(service.sorry),
    drain: formatDuration(service.changes.drain),
    slowStart: service.changes.slowStart === 0 ? undefined : formatDuration(service.changes.slowStart),
    whenServerDown: service.changes.whenDown,
    min: quorumText(announce.min),
    metric,
    lsa,
    whenDown,
    health: healthText(health),
    sync: service.sync,
  };
  things.set(within, { properties, unrestOf: service.direct === undefined ? SERVICE_UNREST : DIRECT_UNREST });
  for (const vip of service.vips) things.set(`${within}: vip ${formatIpv4(vip)}`, { within, properties: {} });
  for (const port of service.ports) things.set(`${within}: port ${port}`, { within, properties: {} });
  for (const { name, address, weight, limit, resume, director } of service.servers) {
    const properties = { address: formatIpv4(address), weight, limit, resume, director };
    things.set(`${within}: server ${name}`, { within, properties, unrestOf: SERVER_UNREST });
  }
}

const SERVER_UNREST = { limit: 'open connections stay, and are not counted' };

/** `keys` names a file; what changes in it has lines of its own. */
const CLUSTER_UNREST = { keys: 'connections stay' };

/** What connections notice when a service changes. */
const SERVICE_UNREST = {
  scheduler: 'open connections stay, new ones may meet another server',
  timeouts: 'open connections go on with the kernel’s own timeouts',
  tunnel: 'servers that have no such tunnel get nothing any more',
};

/** The same where the slots decide for every packet. */
const DIRECT_UNREST = {
  forward: 'open connections end',
  scheduler: 'open connections end, unless they meet their own server again',
  sticky: 'open connections are found by their slots once more',
};

function timeoutsText(timeouts: Timeouts | undefined): string | undefined {
  if (timeouts === undefined) return undefined;
  return Object.entries(timeouts)
    .map(([state, seconds]) => `${state} ${formatDuration(seconds * 1000)}`)
    .join('+');
}

/** The way to the servers is said of direct routing only. */
function directText(direct: Direct | undefined): Properties {
  if (direct === undefined) return { via: undefined, sticky: undefined };
  const { via, sticky } = direct;
  return { via, sticky: sticky === undefined ? undefined : formatDuration(sticky) };
}

function quorumText(min: Quorum): string {
  return min.kind === 'percent' ? `${min.value}%` : `${min.value}`;
}

function healthText(health: Health | undefined): string {
  if (health === undefined) return 'none';
  const { check, port, interval, timeout, rise, fall } = health;
  const http =
    check.kind === 'http' ? ` ${check.path} ${check.expect}${check.host === undefined ? '' : ` ${check.host}`}` : '';
  const timing = `every ${formatDuration(interval)} timeout ${formatDuration(timeout)} rise ${rise} fall ${fall}`;
  return `${check.kind}${http} port ${port} ${timing}`;
}
