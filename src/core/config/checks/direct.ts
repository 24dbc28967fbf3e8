/**
 * Checks of direct routing (`forward: dr`): the way to the servers, and what cannot be had without a connection table.
 * In and out as in `checks/cross.ts`.
 */
import type { ClusterFile } from '../schema.ts';
import { type Complaint, entries, type Sound } from '../sound.ts';
import { anyOf, didYouMean } from '../suggest.ts';

type File = Sound<ClusterFile>;
type SoundService = NonNullable<NonNullable<File['services']>[string]>;

export function* directChecks(file: File): Iterable<Complaint> {
  for (const [name, service] of entries(file.services)) {
    if (service.forward === undefined) continue;
    if (service.forward !== 'dr') {
      yield* strangeKeys(name, service);
      continue;
    }
    yield* impossible(name, service);
    if (service.via !== undefined) yield* aliasOfServers(file, name, service.via);
    else yield* onlyWay(file, name);
  }
}

function* strangeKeys(name: string, service: SoundService): Iterable<Complaint> {
  const path = ['services', name];
  const message = `${service.forward} has no use for it`;
  if (service.via !== undefined) {
    yield { path: [...path, 'via'], part: 'key', message, hint: 'routes lead to its servers; via is for forward: dr' };
  }
  if (service.sticky !== undefined) {
    const hint = 'its connections stay with their servers anyway; sticky is for forward: dr';
    yield { path: [...path, 'sticky'], part: 'key', message, hint };
  }
}

/** What takes a connection table, or a packet that has come further than direct routing lets it. */
const IMPOSSIBLE = {
  persistence: ['no connections are kept', 'scheduler: { name: mh, sourcePort: false } keeps a client at its server'],
  timeouts: ['no connections are kept', 'sticky: DURATION is the only time there is'],
  fwmark: ['packets are taken before any rule can mark them', 'write ports, or use forward: nat'],
} as const;

function* impossible(name: string, service: SoundService): Iterable<Complaint> {
  const path = ['services', name];
  for (const key of ['persistence', 'timeouts', 'fwmark'] as const) {
    if (service[key] === undefined || service[key] === false) continue;
    const [reason, hint] = IMPOSSIBLE[key];
    yield { path: [...path, key], part: 'key', message: `not with forward: dr, where ${reason}`, hint };
  }
  const uncounted = 'not with forward: dr, where no connections are kept';
  if (service.whenServerDown === 'reset') {
    const hint = 'connections of a server that is down are left to themselves';
    yield { path: [...path, 'whenServerDown'], part: 'value', message: uncounted, hint };
  }
  for (const [server, settings] of entries(service.servers)) {
    if (!('limit' in settings) || settings.limit === undefined) continue;
    const hint = 'connections that are not kept cannot be counted';
    yield { path: [...path, 'servers', server, 'limit'], part: 'key', message: uncounted, hint };
  }
  const scheduler = service.scheduler?.name;
  if (scheduler === undefined || scheduler === 'mh') return;
  const message = `${scheduler} cannot find a flow’s server again with forward: dr, where no connections are kept`;
  yield { path: [...path, 'scheduler'], part: 'value', message, hint: 'use mh' };
}

function* aliasOfServers(file: File, name: string, via: string): Iterable<Complaint> {
  const lacking: string[] = [];
  const known = new Set<string>();
  for (const [director, { interfaces }] of entries(file.directors)) {
    // Refused as a whole, it may hold anything.
    if (interfaces === undefined) return;
    for (const alias of Object.keys(interfaces)) known.add(alias);
    if (!Object.hasOwn(interfaces, via)) lacking.push(director);
  }
  const at = { path: ['services', name, 'via'], part: 'value' } as const;
  if (!known.has(via)) {
    if (known.size === 0) return;
    yield { ...at, message: 'no director has an interface with this alias', hint: didYouMean(via, known) };
  } else if (lacking.length > 0) {
    yield { ...at, message: `director ${lacking[0]} has no interface with this alias`, hint: `add ${via}: DEVICE` };
  }
}

/** Without a word there is no doubt only where one interface is left when those towards the routers are taken away. */
function* onlyWay(file: File, name: string): Iterable<Complaint> {
  const upstream = upstreamAliases(file);
  for (const [director, { interfaces }] of entries(file.directors)) {
    if (interfaces === undefined) continue;
    const aliases = Object.keys(interfaces);
    const left = aliases.filter((alias) => !upstream.has(alias));
    if (left.length === 1) continue;
    const path = ['services', name, 'forward'];
    const none = `director ${director} has no interface beside those that VIPs are announced on`;
    const several = `director ${director} may reach the servers by ${anyOf(left)}`;
    const message = left.length === 0 ? none : several;
    const hint = left.length === 0 ? `add one, or write via: ${anyOf(aliases)}` : 'write via: ALIAS';
    // One director is example enough: they are alike.
    yield { path, part: 'value', message, hint };
    return;
  }
}

function upstreamAliases(file: File): ReadonlySet<string> {
  const aliases = new Set<string>();
  for (const [, { announce, interfaces }] of entries(file.routing?.instances)) {
    if (announce !== undefined && !announce.includes('vip')) continue;
    for (const [alias, { passive }] of entries(interfaces)) if (passive !== true) aliases.add(alias);
  }
  return aliases;
}
