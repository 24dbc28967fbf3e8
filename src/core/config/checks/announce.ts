/**
 * Checks of what is announced, and where: areas, the form of the announcements, the directors' own addresses.
 * In and out as in `checks/cross.ts`.
 */
import { formatIpv4, type Ipv4 } from '../../base/ipv4.ts';
import type { ClusterFile } from '../schema.ts';
import { addressesOfServices } from '../service-addresses.ts';
import { type Complaint, entries, items, type Sound } from '../sound.ts';

type File = Sound<ClusterFile>;
type Instance = NonNullable<NonNullable<NonNullable<File['routing']>['instances']>[string]>;
type Announce = NonNullable<NonNullable<NonNullable<File['services']>[string]>['announce']>;

/** Metric + 60000, what a draining director announces, must still fit the 16 bits of a stub link's metric. */
const MAX_STUB_METRIC = 5535;

export function* announceChecks(file: File): Iterable<Complaint> {
  yield* areas(file);
  yield* announcers(file);
  yield* announceForms(file);
  yield* announceAreas(file);
  yield* vipAnnouncements(file);
  yield* localAddresses(file);
  yield* localAnnouncers(file);
}

/** RFC 2328 3.6. */
function* areas(file: File): Iterable<Complaint> {
  for (const [name, { area }] of entries(file.routing?.instances)) {
    if (area?.id !== 0 || area.type === undefined || area.type === 'normal') continue;
    const path = ['routing', 'instances', name, 'area', 'type'];
    const message = `area 0.0.0.0 is the backbone, which is never ${AREA_WORDS[area.type]}`;
    yield { path, part: 'value', message };
  }
}

const AREA_WORDS = { normal: 'a normal area', stub: 'a stub area', nssa: 'an NSSA' } as const;

/** Nothing would be announced, and no one would notice until traffic is awaited. */
function* announcers(file: File): Iterable<Complaint> {
  const instances = entries(file.routing?.instances);
  if (instances.length === 0 || entries(file.services).length === 0) return;
  const isOutside = entries(file.services).some(([, { inside }]) => inside === false);
  if (isOutside && !instances.some(([, instance]) => mayAnnounce(instance, 'vip')))
    yield { path: ['routing', 'instances'], part: 'key', message: 'no instance announces vip' };
}

function mayAnnounce({ announce }: Instance, what: 'vip' | 'local'): boolean {
  return announce === undefined || announce.includes(undefined) || announce.includes(what);
}

/** Stub links have 16 bits of metric, and neither metric type nor tag. */
function* announceForms(file: File): Iterable<Complaint> {
  for (const [name, { announce }] of entries(file.services)) {
    if (announce?.lsa !== 'stub') continue;
    const path = ['services', name, 'announce'];
    if (announce.metric !== undefined && announce.metric > MAX_STUB_METRIC) {
      const message = `${announce.metric} is too much for lsa: stub, at most ${MAX_STUB_METRIC}`;
      const hint = 'a draining director adds 60000, and a stub link has 16 bits';
      yield { path: [...path, 'metric'], part: 'value', message, hint };
    }
    for (const key of ['metricType', 'tag'] as const) {
      if (announce[key] === undefined) continue;
      yield { path: [...path, key], part: 'key', message: 'a stub link has none', hint: 'lsa: external or nssa has' };
    }
  }
}

/** Each instance that announces VIPs must be in an area that carries their LSAs. */
function* announceAreas(file: File): Iterable<Complaint> {
  for (const [name, { announce, inside }] of entries(file.services)) {
    const lsa = announce?.lsa;
    if (lsa === undefined || lsa === 'stub' || inside === undefined) continue;
    const announcedBy = inside ? 'local' : 'vip';
    for (const [instance, settings] of entries(file.routing?.instances)) {
      const { area } = settings;
      if (area?.type === undefined || area.id === undefined || !settings.announce?.includes(announcedBy)) continue;
      if (area.type === (lsa === 'nssa' ? 'nssa' : 'normal')) continue;
      const kind = `instance ${instance} announces VIPs in ${AREA_WORDS[area.type]}`;
      const message = `${kind} (${formatIpv4(area.id)}), which carries no ${lsa === 'nssa' ? 'type 7' : 'type 5'} LSAs`;
      yield { path: ['services', name, 'announce', 'lsa'], part: 'value', message, hint: HINT_FOR[area.type] };
    }
  }
}

const HINT_FOR = { normal: 'use external or stub', stub: 'use stub', nssa: 'use nssa or stub' } as const;

/** One VIP is one prefix with one metric in one form, whichever service wants it announced. */
function* vipAnnouncements(file: File): Iterable<Complaint> {
  for (const key of ['metric', 'lsa', 'metricType', 'tag'] as const) {
    const first = new Map<Ipv4, { readonly name: string; readonly value: string }>();
    for (const [name, { announce, vip: vips }] of entries(file.services)) {
      const value = announce === undefined ? undefined : announceText(announce, key);
      if (value === undefined) continue;
      for (const vip of new Set(items(vips).map(([, address]) => address))) {
        const other = first.get(vip);
        if (other === undefined) first.set(vip, { name, value });
        else if (other.value !== value) {
          const message = `${formatIpv4(vip)} has ${key} ${other.value} in service ${other.name}, and ${value} here`;
          yield { path: ['services', name, 'announce', key], part: 'value', message, hint: `a VIP has one ${key}` };
        }
      }
    }
  }
}

/** What counts where nothing is written; nothing where it does not apply. */
function announceText(announce: Announce, key: 'metric' | 'lsa' | 'metricType' | 'tag'): string | undefined {
  if (key === 'metric' || key === 'lsa') return announce[key] === undefined ? undefined : String(announce[key]);
  if (announce.lsa === 'stub') return undefined;
  return String(announce[key] ?? (key === 'tag' ? 0 : 'E1'));
}

/** An address of one director alone is nobody else's, and a shared one no director's alone. */
function* localAddresses(file: File): Iterable<Complaint> {
  const owners = addressesOfServices(file);
  for (const [name, director] of entries(file.directors)) {
    for (const [index, address] of items(director.local)) {
      const other = owners.claim(address, `an address of director ${name} already`);
      if (other === undefined) continue;
      const path = ['directors', name, 'local', index];
      yield { path, part: 'value', message: `${formatIpv4(address)} is ${other}` };
    }
  }
  for (const [index, address] of items(file.local?.shared)) {
    const other = owners.claim(address, 'shared already');
    if (other === undefined) continue;
    yield { path: ['local', 'shared', index], part: 'value', message: `${formatIpv4(address)} is ${other}` };
  }
}

/** The class and the addresses are of no use without each other. */
function* localAnnouncers(file: File): Iterable<Complaint> {
  const instances = entries(file.routing?.instances);
  const directors = entries(file.directors);
  const isAnnounced = instances.some(([, instance]) => mayAnnounce(instance, 'local'));
  for (const [name, { local }] of directors) {
    if (local === undefined || isAnnounced || instances.length === 0) continue;
    const hint = 'add local to the announce of the instance that is to';
    yield { path: ['directors', name, 'local'], part: 'key', message: 'no instance announces local', hint };
  }
  const { shared } = file.local ?? {};
  if (shared !== undefined && !isAnnounced && instances.length > 0) {
    const hint = 'add local to the announce of the instance that is to';
    yield { path: ['local', 'shared'], part: 'key', message: 'no instance announces local', hint };
  }
  if (directors.length === 0 || shared !== undefined || directors.some(([, { local }]) => local !== undefined)) return;
  for (const [name, { announce }] of instances) {
    const index = announce?.indexOf('local') ?? -1;
    if (index < 0) continue;
    const path = ['routing', 'instances', name, 'announce', index];
    yield { path, part: 'value', message: 'no director has local addresses', hint: 'add local: [ADDRESS] to them' };
  }
}
