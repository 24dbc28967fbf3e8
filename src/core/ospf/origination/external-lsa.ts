/**
 * The LSAs that announce prefixes one by one: AS-external (type 5, RFC 2328 12.4.4) and NSSA (type 7, RFC 3101 2.3).
 * Computed afresh from the present state, like the others; only link state ids and the forwarding address are kept as
 * long as they are good, because another one is another LSA, or a new instance, for a prefix that has not changed.
 */
import { type Ipv4, lengthOfMask, maskOf, type Prefix, prefixOf } from '../../base/ipv4.ts';
import { LsType, Option } from '../codes.ts';
import type { AnnouncedPrefix } from '../events.ts';
import { isAreaType } from '../flooding/scope.ts';
import type { OspfInterface } from '../interface/interface.ts';
import type { ExternalLsaBody, Lsa, LsaKey } from '../lsa/lsa.ts';
import { atLeast } from '../neighbor/neighbor.ts';
import type { Speaker } from '../speaker.ts';

export interface ExternalLsa {
  readonly key: LsaKey;
  readonly options: number;
  readonly body: ExternalLsaBody;
}

const TYPE_OF = { external: LsType.asExternal, nssa: LsType.nssa } as const;

/** One LSA for each wanted prefix that asks for one, as far as the area carries its type. */
export function externalLsas(speaker: Speaker): ExternalLsa[] {
  const { external, wanted } = speaker.origination;
  const prefixes = wanted.filter(
    ({ lsa }) => lsa.kind !== 'stub' && isAreaType(TYPE_OF[lsa.kind], speaker.config.areaType),
  );
  if (prefixes.length > 0) external.isBoundary = true;
  external.linkStateIds = assignLinkStateIds(
    prefixes.map(({ prefix }) => prefix),
    external.linkStateIds,
  );
  external.forwardingAddress = chooseForwardingAddress(speaker);
  return prefixes.flatMap((announced) => externalLsa(speaker, announced) ?? []);
}

function externalLsa(speaker: Speaker, { prefix, metric, lsa }: AnnouncedPrefix): ExternalLsa | undefined {
  const { linkStateIds, forwardingAddress } = speaker.origination.external;
  const id = linkStateIds.get(prefixNumber(prefix));
  if (lsa.kind === 'stub' || id === undefined) return undefined;
  const key = { type: TYPE_OF[lsa.kind], id, advertisingRouter: speaker.config.routerId };
  const body = {
    kind: 'external',
    mask: maskOf(prefix.length),
    e2: lsa.metricType === 2,
    metric,
    tag: lsa.tag,
  } as const;
  if (lsa.kind === 'external') return { key, options: Option.e, body: { ...body, forwardingAddress: 0 } };
  // RFC 3101 2.3: the P-bit asks the border router to translate, which it does only with a forwarding address in the LSA.
  if (forwardingAddress === undefined) return undefined;
  return { key, options: Option.np, body: { ...body, forwardingAddress } };
}

export function sameExternal(a: ExternalLsaBody, b: ExternalLsaBody): boolean {
  if (a.mask !== b.mask || a.e2 !== b.e2 || a.metric !== b.metric) return false;
  return a.forwardingAddress === b.forwardingAddress && a.tag === b.tag;
}

/** The prefix that an LSA of ours announces. */
export function announcedBy({ header, body }: Lsa): AnnouncedPrefix | undefined {
  if (body.kind !== 'external') return undefined;
  const { mask, metric, e2, tag } = body;
  const prefix = prefixOf(header.id, lengthOfMask(mask)!);
  const kind = header.type === LsType.nssa ? 'nssa' : 'external';
  return { prefix, metric, lsa: { kind, metricType: e2 ? 2 : 1, tag } };
}

/**
 * RFC 2328 appendix E: prefixes that begin with the same address need different link state ids; all but one set host bits
 * in theirs. A host route has no host bits, so its address is its id, whoever had that before. Others keep what they have.
 *
 * @returns by `prefixNumber`; a prefix for which no id is left is not in it
 */
export function assignLinkStateIds(
  prefixes: readonly Prefix[],
  before: ReadonlyMap<number, Ipv4>,
): ReadonlyMap<number, Ipv4> {
  const ids = new Map<number, Ipv4>();
  const taken = new Set<Ipv4>();
  const claim = (prefix: Prefix, id: Ipv4 | undefined): void => {
    if (id === undefined || taken.has(id)) return;
    taken.add(id);
    ids.set(prefixNumber(prefix), id);
  };
  for (const prefix of prefixes) if (prefix.length === 32) claim(prefix, prefix.address);
  for (const prefix of prefixes) claim(prefix, before.get(prefixNumber(prefix)));
  const rest = prefixes.filter((prefix) => !ids.has(prefixNumber(prefix)));
  // The least specific first: it is the one that can do without host bits.
  rest.sort((a, b) => a.length - b.length);
  for (const prefix of rest) claim(prefix, firstFree(prefix, taken));
  return ids;
}

/** A prefix as one number (38 bits): 500 VIPs are looked up at every change of one. */
export function prefixNumber({ address, length }: Prefix): number {
  return address * 64 + length;
}

function firstFree({ address, length }: Prefix, taken: ReadonlySet<Ipv4>): Ipv4 | undefined {
  const hostBits = ~maskOf(length) >>> 0;
  if (!taken.has(address)) return address;
  for (let bits = hostBits; bits > 0; bits--) if (!taken.has(address + bits)) return address + bits;
  return undefined;
}

/**
 * RFC 3101 2.3: first an address of ours that is on no link (a host stub that we announce here), else that of an interface,
 * best one with a Full neighbor: over the others the prefix would be reached by detours. The present one stays while its
 * interface has an adjacency, or none has.
 */
function chooseForwardingAddress(speaker: Speaker): Ipv4 | undefined {
  const internal = speaker.origination.wanted.find(({ local, lsa }) => local === true && lsa.kind === 'stub');
  if (internal !== undefined) return internal.prefix.address;
  const { forwardingAddress: present } = speaker.origination.external;
  const up = [...speaker.interfaces.values()].filter(({ state }) => state !== 'down');
  const most = Math.max(...up.map(standing));
  const kept = up.find((iface) => iface.address === present && (standing(iface) > 0 || most === 0));
  return (kept ?? up.find((iface) => standing(iface) === most))?.address;
}

/** 2: there is a Full neighbor, 1: one is on its way there. */
function standing(iface: OspfInterface): number {
  const states = [...iface.neighbors.values()].map(({ state }) => state);
  if (states.includes('full')) return 2;
  return states.some((state) => atLeast(state, 'exStart')) ? 1 : 0;
}
