/**
 * Checks of direct routing (`forward: dr`): the way to the servers, and what cannot be had where answers go past the director.
 * In and out as in `checks/cross.ts`. What takes a connection table is in `checks/planes.ts`.
 */
import type { Plane } from '../../model/plane.ts';
import type { ClusterFile } from '../schema.ts';
import { type Complaint, entries, type Sound } from '../sound.ts';
import { anyOf, didYouMean } from '../suggest.ts';

type File = Sound<ClusterFile>;
type SoundService = NonNullable<NonNullable<File['services']>[string]>;

export function* directChecks(file: File, plane: Plane | undefined): Iterable<Complaint> {
  for (const [name, service] of entries(file.services)) {
    if (service.forward === undefined) continue;
    if (service.forward !== 'dr') {
      yield* strangeKeys(name, service);
      continue;
    }
    yield* impossible(name, service);
    if (service.via !== undefined) yield* aliasOfServers(file, name, service.via);
    // The kernel's routes say where IPVS sends packets.
    else if (plane !== 'ipvs') yield* onlyWay(file, name);
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

/** A server’s answers go past the director, which cannot end its connections for it. */
function* impossible(name: string, service: SoundService): Iterable<Complaint> {
  if (service.whenServerDown !== 'reset') return;
  const message = 'not with forward: dr, where no connections are kept';
  const hint = 'connections of a server that is down are left to themselves';
  yield { path: ['services', name, 'whenServerDown'], part: 'value', message, hint };
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
