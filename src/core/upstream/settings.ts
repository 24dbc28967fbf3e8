/**
 * What a router in front of the directors needs, worked out from the cluster file: area and its type, and for every link the
 * network type, timers, priority and authentication; room for all next hops; help while a director restarts.
 *
 * In:  the checked cluster, a description of the router (its name, its router id, its interfaces), the key rings.
 * Out: settings without any vendor's words, or a sentence that says what is missing.
 * Not: how a vendor spells them (words.ts, render.ts), why each is needed (reasons.ts), what a router has today (check.ts).
 */
import { formatIpv4, type Ipv4, parseIpv4 } from '../base/ipv4.ts';
import type { Millis } from '../base/machine.ts';
import type { Cluster, RoutingAuthentication, RoutingInstance, RoutingInterface } from '../model/cluster.ts';
import type { Algorithm, KeyRing } from '../model/keys.ts';
import type { AreaType } from '../model/routing.ts';

/** What an interface of the router is for. */
export type LinkUse =
  /** Towards directors, with the settings of this alias of the cluster file; without one, of the only kind there is. */
  | { readonly to: 'directors'; readonly alias: string | undefined }
  /** A network that directors get a route to, without OSPF being spoken on it. */
  | { readonly to: 'passive' }
  /** In area 0.0.0.0, where the directors' area is another one. */
  | { readonly to: 'backbone' };

/** A router as the operator describes it. */
export interface RouterRequest {
  readonly name: string;
  /** 0 = not known: the text says where it goes. */
  readonly routerId: Ipv4;
  readonly links: readonly { readonly interface: string; readonly use: LinkUse }[];
}

/** One key of a link; `text` is what stands in place of the secret where secrets are not to be shown. */
export interface LinkKey {
  readonly id: number;
  readonly text: string;
}

export interface LinkAuthentication {
  readonly algorithm: Algorithm;
  /** One at least. */
  readonly keys: readonly LinkKey[];
}

/** BFD towards the directors of a link: packets every `interval`, a neighbor is lost after `multiplier` of them. */
export interface LinkBfd {
  readonly interval: Millis;
  readonly multiplier: number;
}

export interface UpstreamLink {
  readonly interface: string;
  readonly network: RoutingInterface['network'];
  readonly hello: Millis;
  readonly dead: Millis;
  /** The router's own, in the election of the designated router. */
  readonly priority: number;
  /** Directors to be greeted by unicast. */
  readonly neighbors: readonly { readonly address: string; readonly priority: number }[];
  readonly poll: Millis;
  readonly auth?: LinkAuthentication | undefined;
  readonly bfd?: LinkBfd | undefined;
}

export interface UpstreamSettings {
  readonly hostname: string;
  readonly routerId: string;
  readonly area: string;
  readonly areaType: AreaType;
  /** Interfaces in area 0.0.0.0; what makes the router a border router. */
  readonly backbone: readonly string[];
  readonly passive: readonly string[];
  readonly links: readonly UpstreamLink[];
  readonly directors: number;
  /** Most next hops of one VIP. */
  readonly maximumPaths: number;
  readonly vips: readonly string[];
  /** VIPs have LSAs of their own (type 5 or 7): a router that does not spread over those has to be told to. */
  readonly externalVips: boolean;
  /** Whose ospfd announces: FRR's needs a router that takes two instances of an LSA within a second. */
  readonly speaker: 'frr' | 'ospf';
  readonly graceHelper: boolean;
  /** Directors get their default route from it. */
  readonly defaultRoute: boolean;
}

/** What the cluster file cannot say. */
export interface UpstreamOptions {
  /** The routing instance whose router it is; needed where the links do not tell. */
  readonly instance?: string | undefined;
  readonly bfd?: LinkBfd | undefined;
  /** By algorithm and file; a link whose ring is not there has a key with a placeholder. */
  ring?(auth: RoutingAuthentication): KeyRing | undefined;
  /** Whether the text of secrets may be shown. */
  readonly showKeys?: boolean | undefined;
}

type OrFault<T> = T | { readonly fault: string };

/** More than any cluster of today has directors, so that one more needs no change of the router. */
const LEAST_PATHS = 16;

const SPEC = /^([A-Za-z0-9][A-Za-z0-9._-]{0,62})\/([0-9.]+)(?:\/(.+))?$/;

/**
 * Reads `NAME/ROUTER-ID[/LINK,…]`, where a LINK is the name of one of the router's interfaces, and behind `=` the alias of the
 * cluster file whose settings it gets, or `passive`, or `backbone`.
 */
export function parseRouter(text: string): OrFault<RouterRequest> {
  const [, name, id, list] = SPEC.exec(text) ?? [];
  const routerId = parseIpv4(id ?? '');
  if (name === undefined || routerId === undefined) {
    return { fault: `"${text}" is no router: write NAME/ROUTER-ID/INTERFACE,…, such as r1/10.255.1.1/eth2=up0` };
  }
  const links = (list ?? '').split(',').filter((link) => link !== '');
  const bad = links.find((link) => !/^[^\s=]{1,64}(=[A-Za-z][A-Za-z0-9_-]*)?$/.test(link));
  if (bad !== undefined) return { fault: `"${bad}" is no link: write INTERFACE or INTERFACE=ALIAS` };
  return { name, routerId, links: links.map(readLink) };
}

function readLink(text: string): RouterRequest['links'][number] {
  const [name = '', use] = text.split('=');
  if (use === 'passive' || use === 'backbone') return { interface: name, use: { to: use } };
  return { interface: name, use: { to: 'directors', alias: use } };
}

/** The settings of one router, or a sentence that says what does not fit. */
export function settingsFor(
  cluster: Cluster,
  request: RouterRequest,
  options: UpstreamOptions = {},
): OrFault<UpstreamSettings> {
  const instance = instanceOf(cluster, request, options);
  if ('fault' in instance) return instance;
  const twin = cluster.directors.find(({ routerId }) => routerId === request.routerId);
  if (twin !== undefined) return { fault: `${formatIpv4(request.routerId)} is the router id of director ${twin.name}` };
  const links: UpstreamLink[] = [];
  for (const { name, alias } of directorLinks(instance, request)) {
    const settings = aliasOf(instance, alias);
    if ('fault' in settings) return settings;
    links.push(linkOf(name, settings, options));
  }
  const announced = cluster.services.filter((service) => instance.announce.includes('vip') || service.inside);
  const area = formatIpv4(instance.area);
  const of = (to: LinkUse['to']) => request.links.filter(({ use }) => use.to === to).map((link) => link.interface);
  return {
    hostname: request.name,
    routerId: request.routerId === 0 ? 'ROUTER-ID' : formatIpv4(request.routerId),
    area,
    areaType: instance.areaType,
    backbone: area === '0.0.0.0' ? [] : of('backbone'),
    passive: [...of('passive'), ...(area === '0.0.0.0' ? of('backbone') : [])],
    links,
    directors: cluster.directors.length,
    maximumPaths: Math.max(LEAST_PATHS, cluster.directors.length * linksPerDirector(links)),
    vips: [...new Set(announced.flatMap(({ vips }) => vips))].map(formatIpv4),
    externalVips:
      cluster.routing.frr?.announce === 'external' || announced.some(({ announce }) => announce.lsa.kind !== 'stub'),
    speaker: cluster.routing.speaker,
    graceHelper: true,
    // On the servers' side, the way out would lead back in.
    defaultRoute: instance.announce.some((what) => what !== 'local'),
  };
}

/** How many links one director can have to this router: all of a LAN's directors share one. */
function linksPerDirector(links: readonly UpstreamLink[]): number {
  return Math.max(1, links.filter(({ network }) => network === 'broadcast').length);
}

function instanceOf(cluster: Cluster, { links }: RouterRequest, options: UpstreamOptions): OrFault<RoutingInstance> {
  const { instances } = cluster.routing;
  const names = instances.map(({ name }) => name).join(', ');
  if (options.instance !== undefined) {
    const named = instances.find(({ name }) => name === options.instance);
    return named ?? { fault: `no routing instance "${options.instance}"; there are: ${names}` };
  }
  const aliases = links.flatMap(({ use }) => (use.to === 'directors' && use.alias !== undefined ? [use.alias] : []));
  const first = instances.find((instance) => aliases.some((alias) => !('fault' in aliasOf(instance, alias))));
  const usual = instances.find(({ announce }) => announce.includes('vip')) ?? instances[0];
  return first ?? usual ?? { fault: 'the cluster file has no routing instance' };
}

/** Interfaces towards directors; where the operator names none, one per alias, by a name that says what to put there. */
function directorLinks(instance: RoutingInstance, { links }: RouterRequest) {
  const named = links.flatMap(({ interface: name, use }) =>
    use.to === 'directors' ? [{ name, alias: use.alias }] : [],
  );
  if (named.length > 0) return named;
  return spoken(instance).map(({ alias }) => ({ name: `INTERFACE-TO-${alias.toUpperCase()}`, alias }));
}

/** The interfaces of an instance on which OSPF is spoken. */
export function spoken({ interfaces }: RoutingInstance): readonly RoutingInterface[] {
  return interfaces.filter(({ passive }) => !passive);
}

function aliasOf(instance: RoutingInstance, alias: string | undefined): OrFault<RoutingInterface> {
  const all = spoken(instance);
  const names = all.map((one) => one.alias).join(', ');
  if (alias !== undefined) {
    const found = all.find((one) => one.alias === alias);
    return found ?? { fault: `instance ${instance.name} has no interface "${alias}"; there are: ${names}` };
  }
  const [first, ...others] = all;
  if (first === undefined) return { fault: `instance ${instance.name} speaks OSPF on no interface` };
  if (others.every((one) => alike(one, first))) return first;
  return {
    fault: `instance ${instance.name} has interfaces of several kinds; name one behind each of the router's: ${names}`,
  };
}

function alike(a: RoutingInterface, b: RoutingInterface): boolean {
  const { alias: _a, cost: _c, holdLink: _h, ...rest } = a;
  const { alias: _b, cost: _d, holdLink: _i, ...other } = b;
  return JSON.stringify(rest) === JSON.stringify(other);
}

function linkOf(name: string, settings: RoutingInterface, options: UpstreamOptions): UpstreamLink {
  const { network, hello, dead, poll, auth } = settings;
  const elects = network === 'broadcast' || network === 'nbma';
  return {
    interface: name,
    network,
    hello,
    dead,
    // Above every director's, so that no director becomes the designated router.
    priority: elects ? Math.min(255, settings.priority + 1) : 1,
    neighbors: [],
    poll,
    auth: auth && authOf(auth, options),
    bfd: options.bfd,
  };
}

function authOf(auth: RoutingAuthentication, options: UpstreamOptions): LinkAuthentication {
  const ring = options.ring?.(auth) ?? [];
  const keys = ring.map(({ id, secret }) => ({
    id,
    text: (options.showKeys === true ? asText(secret.reveal()) : undefined) ?? placeholder(auth, id),
  }));
  return { algorithm: auth.algorithm, keys: keys.length > 0 ? keys : [{ id: 1, text: placeholder(auth, 1) }] };
}

/** No longer than a password of simple authentication may be. */
function placeholder({ algorithm }: RoutingAuthentication, id: number): string {
  return algorithm === 'simple' ? `KEY-${id}` : `SECRET-OF-KEY-${id}`.slice(0, 16);
}

/** Undefined when no router could be told these bytes as text. */
function asText(bytes: Uint8Array): string | undefined {
  const text = [...bytes].map((byte) => String.fromCharCode(byte)).join('');
  return /^[!-~]+$/.test(text) ? text : undefined;
}
