/** Why a router needs each of the settings: one line each, for the comments of the rendered text and for `--json`. */
import type { UpstreamLink, UpstreamSettings } from './settings.ts';

/** One setting with its reason, in words that are no vendor's. */
export interface Setting {
  /** The name of the setting; of a link, with its interface: `eth2 hello`. */
  readonly setting: string;
  readonly value: string;
  readonly reason: string;
}

export const WHY = {
  area: 'directors are in this area, and the area type has to be the same on both sides',
  network: 'both sides have to call the network the same',
  timers: 'hello and dead interval have to be the same on both sides, or no adjacency forms',
  priority: 'above that of the directors: the routes of all directors go for a moment when the designated router dies',
  authentication: 'as in the cluster file; packets that are authenticated otherwise are dropped',
  neighbors: 'multicast does not reach them: every director is greeted at its address on this link',
  maximumPaths: 'a VIP has one next hop per director and link; what is beyond the limit gets no traffic',
  mergeExternal: 'VIPs have LSAs of their own, over which BIRD does not spread unless told to',
  graceHelper: 'the agent of a director may be restarted without a route moving (RFC 3623)',
  lsaArrival:
    'an FRR director changes its router-LSA twice within a second; with the usual wait the second change comes 5 s late',
  bfd: 'a director that dies without its link going down is noticed in so many packets instead of after the dead interval',
  resilience: 'a director that leaves takes its own connections along, not a half of everybody’s',
  hashing: 'connections of one client are spread, too, and a connection stays with its director',
  defaultRoute: 'directors learn their way back to the clients from here',
  passive: 'directors get a route to this network; OSPF is not spoken on it',
  backbone: 'the area of the directors is reached by way of area 0.0.0.0',
} as const;

/** The settings of a router one by one, each with its reason. Never shows a secret. */
export function reasonedSettings(settings: UpstreamSettings): readonly Setting[] {
  const { area, areaType, maximumPaths, directors, backbone, passive, graceHelper } = settings;
  const all: (Setting | undefined)[] = [
    say(
      'router id',
      settings.routerId,
      'it names the router in every view of the directors, and is unique in the area',
    ),
    say('area', areaType === 'normal' ? area : `${area} ${areaType}`, WHY.area),
    say('maximum paths', `${maximumPaths} (${directors} directors)`, WHY.maximumPaths),
    settings.externalVips ? say('spread over external LSAs', 'yes', WHY.mergeExternal) : undefined,
    graceHelper ? say('graceful restart helper', 'yes', WHY.graceHelper) : undefined,
    settings.speaker === 'frr' ? say('LSA arrival wait', '0 ms', WHY.lsaArrival) : undefined,
    ...settings.links.flatMap(ofLink),
    ...backbone.map((name) => say(name, 'area 0.0.0.0', WHY.backbone)),
    ...passive.map((name) => say(name, 'passive', WHY.passive)),
    say('hash', 'addresses, protocol and ports', WHY.hashing),
    say('resilient hashing', 'where the platform has it', WHY.resilience),
    settings.defaultRoute
      ? say('default route', areaType === 'stub' ? 'comes with the stub area' : 'originate', WHY.defaultRoute)
      : undefined,
  ];
  return all.filter((one) => one !== undefined);
}

function ofLink(link: UpstreamLink): readonly Setting[] {
  const of = (name: string, value: string, reason: string) => say(`${link.interface} ${name}`, value, reason);
  const { network, hello, dead, auth, bfd } = link;
  const elects = network === 'broadcast' || network === 'nbma';
  return [
    of('network', network, WHY.network),
    of('hello, dead', `${inUnits(hello)}, ${inUnits(dead)}`, WHY.timers),
    ...(elects ? [of('priority', String(link.priority), WHY.priority)] : []),
    ...(auth === undefined
      ? []
      : [of('authentication', `${auth.algorithm}, ${keyIds(auth.keys)}`, WHY.authentication)]),
    ...(bfd === undefined ? [] : [of('bfd', `${bfd.interval} ms x ${bfd.multiplier}`, WHY.bfd)]),
  ];
}

function keyIds(keys: readonly { readonly id: number }[]): string {
  return `key ${keys.map(({ id }) => id).join(', ')}`;
}

function inUnits(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
}

function say(setting: string, value: string, reason: string): Setting {
  return { setting, value, reason };
}
