/**
 * What must hold between values of the cluster file: references that exist, things that must differ, numbers that must fit.
 *
 * In: the file as read, without the values that were refused already, so that one run finds all faults of both kinds.
 * Out: complaints by path; `parse.ts` finds their lines.
 */
import { formatIpv4, formatPrefix, type Ipv4, type Prefix } from '../../base/ipv4.ts';
import type { Path } from '../document.ts';
import type { ClusterFile } from '../schema.ts';
import { type Complaint, entries, Firsts, items, type Sound } from '../sound.ts';
import { didYouMean, nearest } from '../suggest.ts';
import { announceChecks } from './announce.ts';
import { directChecks } from './direct.ts';
import { frrChecks } from './frr.ts';
import { fullnatChecks } from './fullnat.ts';
import { handOverChecks } from './hand-over.ts';
import { insideChecks } from './inside.ts';
import { ipvsChecks } from './ipvs.ts';
import { loopChecks } from './loop.ts';
import { networkChecks } from './network.ts';
import { planeChecks, planeOf } from './planes.ts';
import { schedulingChecks } from './scheduling.ts';
import { serverChecks } from './server.ts';
import { snatChecks } from './snat.ts';
import { syncChecks } from './sync.ts';

type File = Sound<ClusterFile>;
type Services = NonNullable<File['services']>;
type SoundService = NonNullable<Services[string]>;

/** More than that in one service would leave a server of weight 1 too few of the 4,099 hash slots. */
const MAX_SERVERS = 1000;

export function crossChecks(file: File): readonly Complaint[] {
  return [
    ...routerIds(file),
    ...directorInterfaces(file),
    ...aliases(file),
    ...networks(file),
    ...frrChecks(file),
    ...authentication(file),
    ...heldLinks(file),
    ...importFilters(file),
    ...vipSettings(file),
    ...servicePorts(file),
    ...schedulingChecks(file),
    ...announceChecks(file),
    ...fullnatChecks(file),
    ...handOverChecks(file),
    ...snatChecks(file),
    ...servers(file),
    ...serverChecks(file),
    ...directChecks(file, planeOf(file)),
    ...ipvsChecks(file),
    ...loopChecks(file),
    ...planeChecks(file),
    ...syncChecks(file),
    ...insideChecks(file),
    ...quorums(file),
    ...checks(file),
  ];
}

function* routerIds(file: File): Iterable<Complaint> {
  const firsts = new Firsts<Ipv4>();
  for (const [name, director] of entries(file.directors)) {
    if (director.routerId === undefined) continue;
    const other = firsts.claim(director.routerId, name);
    if (other === undefined) continue;
    const message = `director ${other} has the same router id`;
    yield { path: ['directors', name, 'routerId'], part: 'value', message, hint: 'router ids must differ' };
  }
}

function* directorInterfaces(file: File): Iterable<Complaint> {
  for (const [name, director] of entries(file.directors)) {
    const firsts = new Firsts<string>();
    for (const [alias, device] of entries(director.interfaces)) {
      const other = firsts.claim(device, alias);
      if (other === undefined) continue;
      yield {
        path: ['directors', name, 'interfaces', alias],
        part: 'value',
        message: `alias ${other} is ${device} too`,
      };
    }
  }
}

type Interfaces = Readonly<Record<string, string | undefined>>;

/** Every alias under `routing` exists on every director, and in one instance only. */
function* aliases(file: File): Iterable<Complaint> {
  const directors = entries(file.directors).flatMap(([name, { interfaces }]): [string, Interfaces][] =>
    interfaces === undefined ? [] : [[name, interfaces]],
  );
  const known = new Set(directors.flatMap(([, interfaces]) => Object.keys(interfaces)));
  const uses = new Map<string, string>();
  for (const [instance, settings] of entries(file.routing?.instances)) {
    for (const alias of Object.keys(settings.interfaces ?? {})) {
      const at = { path: ['routing', 'instances', instance, 'interfaces', alias], part: 'key' } as const;
      const other = uses.get(alias);
      if (other !== undefined) yield { ...at, message: `instance ${other} uses this interface too` };
      else if (directors.length > 0 && !known.has(alias)) {
        yield { ...at, message: 'no director has an interface with this alias', hint: didYouMean(alias, known) };
      } else uses.set(alias, instance);
    }
  }
  for (const [name, interfaces] of directors) yield* missingAliases(name, interfaces, uses);
}

function* missingAliases(name: string, own: Interfaces, uses: ReadonlyMap<string, string>): Iterable<Complaint> {
  const unused = Object.keys(own).filter((alias) => !uses.has(alias));
  for (const [alias, instance] of uses) {
    if (Object.hasOwn(own, alias)) continue;
    const near = nearest(alias, unused);
    const hint = `${near === undefined ? '' : `rename ${near} or `}add ${alias}: DEVICE`;
    const message = `no interface with the alias ${alias}, which routing.instances.${instance} uses`;
    yield { path: ['directors', name, 'interfaces'], part: 'key', message, hint };
  }
}

function* networks(file: File): Iterable<Complaint> {
  for (const [instance, settings] of entries(file.routing?.instances)) {
    for (const [alias, one] of entries(settings.interfaces)) {
      yield* networkChecks(['routing', 'instances', instance, 'interfaces', alias], one);
    }
  }
}

function* authentication(file: File): Iterable<Complaint> {
  for (const [instance, settings] of entries(file.routing?.instances)) {
    for (const [alias, { auth }] of entries(settings.interfaces)) {
      if (auth?.algorithm === undefined) continue;
      const path = ['routing', 'instances', instance, 'interfaces', alias, 'auth'];
      const { algorithm } = auth;
      if (algorithm !== 'none' && 'keys' in auth) continue;
      if (algorithm !== 'none') {
        yield { path, part: 'key', message: `${algorithm} needs keys`, hint: 'add keys: { file: PATH }' };
      } else if (auth.keys !== undefined) {
        yield { path: [...path, 'keys'], part: 'key', message: 'no algorithm uses these keys' };
      } else if (auth.migrate) {
        const hint = 'name the algorithm that packets are to have in the end';
        yield { path: [...path, 'migrate'], part: 'key', message: 'there is nothing to migrate to', hint };
      }
    }
  }
}

/** `lo` carries the VIPs themselves. */
function* heldLinks(file: File): Iterable<Complaint> {
  for (const [instance, settings] of entries(file.routing?.instances)) {
    for (const [alias, { holdLink }] of entries(settings.interfaces)) {
      if (holdLink !== true) continue;
      const path = ['routing', 'instances', instance, 'interfaces', alias, 'holdLink'];
      for (const [name, { interfaces }] of entries(file.directors)) {
        if (interfaces?.[alias] !== 'lo') continue;
        yield { path, part: 'value', message: `${alias} is lo on director ${name}, which cannot be taken down` };
      }
    }
  }
}

/** `all` and `none` leave nothing to add; a rule that stands twice is a slip. */
function* importFilters(file: File): Iterable<Complaint> {
  for (const [name, instance] of entries(file.routing?.instances)) {
    const path = ['routing', 'instances', name, 'import'];
    const rules = items(instance.import).map(([index, rule]): [number, string] => [index, ruleText(rule)]);
    yield* repeated(path, rules, (text) => text);
    for (const [index, text] of rules) {
      if (rules.length === 1 || (text !== 'all' && text !== 'none')) continue;
      yield { path: [...path, index], part: 'value', message: `${text} beside others`, hint: `write import: ${text}` };
    }
  }
}

function ruleText(
  rule: 'none' | { readonly prefix?: Sound<Prefix> | undefined; readonly orLonger?: boolean | undefined },
): string {
  if (rule === 'none') return rule;
  const { address = 0, length = 0 } = rule.prefix ?? {};
  if (length === 0) return rule.orLonger ? 'all' : 'default';
  return `${formatPrefix({ address, length })}${rule.orLonger ? ' orlonger' : ''}`;
}

function* vipSettings(file: File): Iterable<Complaint> {
  const services = entries(file.services);
  const used = new Set(services.flatMap(([, service]) => items(service.vip).map(([, vip]) => formatIpv4(vip))));
  // A VIP that was refused may be the one that is meant here.
  if (services.some(([, service]) => service.vip === undefined || service.vip.includes(undefined))) return;
  for (const [vip] of entries(file.vips)) {
    if (used.has(vip)) continue;
    yield { path: ['vips', vip], part: 'key', message: 'no service has this VIP', hint: didYouMean(vip, used) };
  }
}

/** A VIP, a port and a protocol belong to one service, once. */
function* servicePorts(file: File): Iterable<Complaint> {
  const firsts = new Firsts<string>();
  for (const [name, service] of entries(file.services)) {
    yield* repeated(['services', name, 'vip'], items(service.vip), formatIpv4);
    yield* repeated(['services', name, 'ports'], items(service.ports), String);
    const vips = new Set(items(service.vip).map(([, vip]) => vip));
    const ports = new Set(items(service.ports).map(([, port]) => port));
    for (const [vip, port] of pairs(vips, ports)) {
      const endpoint = `${formatIpv4(vip)} ${service.protocol ?? 'tcp'} port ${port}`;
      const other = firsts.claim(endpoint, name);
      if (other === undefined) continue;
      yield { path: ['services', name, 'vip'], part: 'value', message: `service ${other} has ${endpoint} already` };
    }
  }
}

function* pairs<A, B>(as: Iterable<A>, bs: Iterable<B>): Iterable<[A, B]> {
  for (const a of as) for (const b of bs) yield [a, b];
}

function* repeated<T>(path: Path, list: readonly [number, T][], print: (value: T) => string): Iterable<Complaint> {
  const firsts = new Firsts<T>();
  for (const [index, value] of list) {
    if (firsts.claim(value, '') === undefined) continue;
    yield { path: [...path, index], part: 'value', message: `${print(value)} stands here twice` };
  }
}

function* servers(file: File): Iterable<Complaint> {
  const vips = vipOwners(file);
  for (const [name, service] of entries(file.services)) {
    const firsts = new Firsts<Ipv4>();
    const path = ['services', name, 'servers'];
    const count = Object.keys(service.servers ?? {}).length;
    if (count > MAX_SERVERS)
      yield { path, part: 'key', message: `${count} servers; a service has at most ${MAX_SERVERS}` };
    for (const [server, { address }] of entries(service.servers)) {
      if (address === undefined) continue;
      const other = firsts.claim(address, server);
      const at = { path: [...path, server], part: 'value' } as const;
      if (other !== undefined)
        yield { ...at, message: `server ${other} has the address ${formatIpv4(address)} already` };
      const owner = vips.get(address);
      if (owner !== undefined) yield { ...at, message: `${formatIpv4(address)} is the VIP of service ${owner}` };
    }
  }
}

function vipOwners(file: File): ReadonlyMap<Ipv4, string> {
  const owners = new Map<Ipv4, string>();
  for (const [name, service] of entries(file.services)) for (const [, vip] of items(service.vip)) owners.set(vip, name);
  return owners;
}

function* quorums(file: File): Iterable<Complaint> {
  for (const [name, service] of entries(file.services)) {
    const min = service.announce?.min;
    const count = Object.keys(service.servers ?? {}).length;
    if (min?.kind !== 'count' || min.value === undefined || count === 0 || min.value <= count) continue;
    const message = `needs ${min.value} healthy servers, but the service has only ${count}`;
    yield { path: ['services', name, 'announce', 'min'], part: 'value', message };
  }
}

function* checks(file: File): Iterable<Complaint> {
  for (const [name, service] of entries<SoundService>(file.services)) {
    if (service.health?.http === undefined || service.health.tcp === undefined) continue;
    const message = 'tcp and http together';
    yield {
      path: ['services', name, 'health'],
      part: 'key',
      message,
      hint: 'one check per service; http includes tcp',
    };
  }
}
