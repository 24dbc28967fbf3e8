/**
 * Settings of a router as the text that its vendor's configuration takes.
 *
 * In:  settings, a vendor, the text of the vendor's template (`frr-templates/upstream`).
 * Out: the text, or a sentence for each thing that the vendor has no words for.
 * Not: nothing is left out silently; what no document of the vendor was found for is marked in the template itself.
 */
import { renderTemplate, type TemplateVariables } from '../base/template.ts';
import { WHY } from './reasons.ts';
import type { LinkAuthentication, UpstreamLink, UpstreamSettings } from './settings.ts';
import { knowsAlgorithm, knowsSubSecondHello, NAMES, networkWord, type Vendor } from './words.ts';

/** A vendor, and the major release where that makes a difference; undefined = a current one. */
export interface Target {
  readonly vendor: Vendor;
  readonly release?: number | undefined;
}

/** The template of a vendor, below `frr-templates/upstream`. */
export const TEMPLATES: Readonly<Record<Vendor, string>> = {
  frr: 'frr/frr.conf.template',
  bird: 'bird/bird.conf.template',
  ios: 'ios/ios.template',
  nxos: 'nxos/nxos.template',
  eos: 'eos/eos.template',
  junos: 'junos/junos.template',
  sonic: 'sonic/sonic.template',
  linux: 'linux/resilient.sh.template',
};

/** Fills the vendor's template. Throws an Error when the template names a variable that there is none of. */
export function renderUpstream(
  target: Target,
  settings: UpstreamSettings,
  template: string,
): { readonly text: string } | { readonly faults: readonly string[] } {
  const faults = target.vendor === 'linux' ? [] : settings.links.flatMap((link) => lacking(target, link));
  if (faults.length > 0) return { faults: [...new Set(faults)] };
  return { text: renderTemplate(template, variablesOf(target, settings)) };
}

function lacking({ vendor, release }: Target, link: UpstreamLink): string[] {
  const { network, hello, auth } = link;
  const name = `${NAMES[vendor]}${release === undefined ? '' : ` ${release}`}`;
  const faults: string[] = [];
  if (networkWord(vendor, network) === undefined) faults.push(`${name} has no network type ${network}`);
  if (hello < 1000 && !knowsSubSecondHello(vendor)) {
    faults.push(`${name} sends no more than one hello a second, and the cluster file asks for one in ${hello} ms`);
  }
  if (auth !== undefined && !knowsAlgorithm(vendor, release, auth.algorithm)) {
    faults.push(`${name} does not know ${auth.algorithm} in OSPF`);
  }
  return faults;
}

const HAVE: readonly TemplateVariables[] = [{}];

function when(condition: boolean): readonly TemplateVariables[] {
  return condition ? HAVE : [];
}

function variablesOf(target: Target, settings: UpstreamSettings): TemplateVariables {
  const { area, areaType, backbone, passive, links, vips, maximumPaths } = settings;
  const named = (name: string) => ({ interface: name });
  const bfd = links.find((link) => link.bfd !== undefined)?.bfd;
  return {
    hostname: settings.hostname,
    routerId: settings.routerId,
    area,
    areaType: areaType === 'normal' ? [] : [{ type: areaTypeWords(target, areaType, settings.defaultRoute) }],
    stub: when(areaType === 'stub'),
    nssa: when(areaType === 'nssa'),
    backbone: backbone.map(named),
    passive: passive.map(named),
    maximumPaths,
    maximumEcmp: [16, 32, 64].find((most) => most >= maximumPaths) ?? 64,
    buckets: commonMultiple(Math.min(settings.directors, 10)),
    graceHelper: when(settings.graceHelper),
    lsaArrival: when(settings.speaker === 'frr'),
    ownFloor: when(settings.speaker !== 'frr'),
    mergeExternal: when(settings.externalVips),
    // The border router of a stub area says it unasked, that of an NSSA with the area type.
    originate: when(settings.defaultRoute && areaType === 'normal'),
    nssaDefault: when(settings.defaultRoute && areaType === 'nssa'),
    anyElection: when(links.some(({ network }) => network === 'broadcast' || network === 'nbma')),
    anyAuth: when(links.some(({ auth }) => auth !== undefined)),
    anyBfd: bfd === undefined ? [] : [{ interval: bfd.interval, multiplier: bfd.multiplier }],
    links: links.map((link, index) => ({ index: index + 1, ...linkVariables(target.vendor, link) })),
    vips: vips.map((vip, index) => ({ vip, comma: index < vips.length - 1 ? ',' : '' })),
    vipWords: vips.join(' '),
    ...reasonVariables(),
  };
}

/** The least number that every one up to `most` divides. */
function commonMultiple(most: number): number {
  let multiple = 1;
  for (let of = 2; of <= most; of++) {
    const step = multiple;
    while (multiple % of !== 0) multiple += step;
  }
  return multiple;
}

/** `whyTimers`, `whyMaximumPaths`, … */
function reasonVariables(): TemplateVariables {
  return Object.fromEntries(
    Object.entries(WHY).map(([name, text]) => [`why${name[0]!.toUpperCase()}${name.slice(1)}`, text]),
  );
}

/**
 * The words behind `area X`. An NSSA has a default route only if its border router is told to make one: as a type-7 LSA, or, with
 * FRR 8.4, which has no word for that, as the summary of a totally stubby one.
 */
function areaTypeWords({ vendor, release }: Target, areaType: 'stub' | 'nssa', defaultRoute: boolean): string {
  if (areaType === 'stub' || !defaultRoute) return areaType;
  if (vendor === 'bird') return 'nssa; summary; default nssa';
  if ((vendor === 'frr' || vendor === 'sonic') && (release ?? 10) < 10) return 'nssa no-summary';
  return 'nssa default-information-originate';
}

function linkVariables(vendor: Vendor, link: UpstreamLink): TemplateVariables {
  const { network, hello, dead, priority, neighbors, poll, auth, bfd } = link;
  const word = networkWord(vendor, network) ?? network;
  const lists = vendor === 'bird' ? network === 'nbma' || network === 'point-to-multipoint' : network === 'nbma';
  return {
    interface: link.interface,
    network: word,
    birdType: word,
    elects: when(network === 'broadcast' || network === 'nbma'),
    networkType: word === '' ? [] : [{ type: word }],
    // A second at least: `minimal` says the rest.
    hello: Math.max(1, Math.round(hello / 1000)),
    dead: Math.max(1, Math.round(dead / 1000)),
    wholeSeconds: when(hello >= 1000),
    minimal: hello < 1000 ? [{ multiplier: Math.round(1000 / hello) }] : [],
    priority,
    unlisted: when(lists && neighbors.length === 0),
    // FRR's point-to-multipoint greets by multicast.
    sought:
      network === 'nbma' ? neighbors.map(({ address, priority }) => ({ address, priority, poll: poll / 1000 })) : [],
    greeted: neighbors.length === 0 ? [] : [{ poll: poll / 1000, neighbors: neighbors.map(eligible) }],
    ...authVariables(auth),
    bfd: bfd === undefined ? [] : [{ interval: bfd.interval, multiplier: bfd.multiplier }],
  };
}

function eligible({ address, priority }: UpstreamLink['neighbors'][number]): TemplateVariables {
  return { address, eligible: priority > 0 ? ' eligible' : '' };
}

function authVariables(auth: LinkAuthentication | undefined): TemplateVariables {
  const none = { password: [], md5: [], hmac: [] };
  if (auth === undefined) return none;
  const { algorithm } = auth;
  const keys = auth.keys.map(({ id, text }) => ({ keyId: id, key: text }));
  if (algorithm === 'simple') return { ...none, password: keys.slice(-1) };
  if (algorithm === 'md5') return { ...none, md5: [{ keys }] };
  const bits = algorithm.slice('hmac-sha-'.length);
  const words = { algorithm, birdAlgorithm: `hmac sha${bits}`, eosAlgorithm: `sha${bits}` };
  return { ...none, hmac: [{ keys: keys.map((key) => ({ ...key, ...words })) }] };
}
