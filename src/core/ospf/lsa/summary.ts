/** LSAs in words, for an operator who reads the database. */
import { DecodeError } from '../../base/decode-error.ts';
import { formatIpv4, formatPrefix, type Ipv4, lengthOfMask, prefixOf } from '../../base/ipv4.ts';
import { LS_INFINITY, LSA_HEADER_LENGTH, LsType, RouterFlag, RouterLinkType } from '../codes.ts';
import { decodeGraceLsa, isGraceLsa } from './grace-lsa.ts';
import type { Lsa, RouterLink, RouterLsaBody } from './lsa.ts';
import { opaqueTypeOf } from './opaque-lsa.ts';

/** What an LSA says, one fact per line; lines are in the order of the wire. */
export function describeLsa(lsa: Lsa): string[] {
  const { body, header } = lsa;
  switch (body.kind) {
    case 'router':
      return describeRouter(body);
    case 'network':
      return [
        `network ${formatMasked(header.id, body.mask)}`,
        ...body.attachedRouters.map((router) => `attached ${formatIpv4(router)}`),
      ];
    case 'summary': {
      const what =
        header.type === LsType.summaryNetwork ? formatMasked(header.id, body.mask) : `asbr ${formatIpv4(header.id)}`;
      return [`${what} metric ${formatMetric(body.metric)}`];
    }
    case 'external': {
      const via = body.forwardingAddress === 0 ? '' : ` via ${formatIpv4(body.forwardingAddress)}`;
      const tag = body.tag === 0 ? '' : ` tag ${body.tag}`;
      return [
        `${formatMasked(header.id, body.mask)} ${body.e2 ? 'E2' : 'E1'} metric ${formatMetric(body.metric)}${via}${tag}`,
      ];
    }
    case 'opaque':
      if (isGraceLsa(header)) return [describeGrace(lsa)];
      return [
        `opaque type ${opaqueTypeOf(header.id)} id ${header.id & 0xffffff}, ${header.length - LSA_HEADER_LENGTH} bytes`,
      ];
  }
}

function describeGrace(lsa: Lsa): string {
  try {
    const { period, reason } = decodeGraceLsa(lsa);
    return `grace ${period} s, ${reason}`;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return `grace, but ${error.message}`;
  }
}

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [RouterFlag.b, 'B'],
  [RouterFlag.e, 'E'],
  [RouterFlag.v, 'V'],
  [RouterFlag.nt, 'Nt'],
  [RouterFlag.h, 'H'],
];

/** The names of the flags that are set (`RouterFlag`). */
export function routerFlagNames(body: RouterLsaBody): string[] {
  return FLAG_NAMES.filter(([bit]) => (body.flags & bit) !== 0).map(([, name]) => name);
}

function describeRouter(body: RouterLsaBody): string[] {
  const flags = routerFlagNames(body);
  const links = body.links.map(describeLink);
  return flags.length === 0 ? links : [`flags ${flags.join(' ')}`, ...links];
}

function describeLink(link: RouterLink): string {
  const metric = `metric ${link.metric}`;
  switch (link.type) {
    case RouterLinkType.pointToPoint:
      return `p2p ${formatIpv4(link.id)} from ${end(link.data)} ${metric}`;
    case RouterLinkType.transit:
      return `transit ${formatIpv4(link.id)} from ${formatIpv4(link.data)} ${metric}`;
    case RouterLinkType.stub:
      return `stub ${formatMasked(link.id, link.data)} ${metric}`;
    case RouterLinkType.virtual:
      return `virtual ${formatIpv4(link.id)} from ${formatIpv4(link.data)} ${metric}`;
    default:
      return `type ${link.type} id ${formatIpv4(link.id)} data ${formatIpv4(link.data)} ${metric}`;
  }
}

/** Our end's address, or, of an unnumbered link, its interface index (RFC 2328 12.4.1.1): no address begins with 0. */
function end(linkData: number): string {
  return linkData >>> 24 === 0 ? `interface ${linkData}` : formatIpv4(linkData);
}

function formatMasked(address: Ipv4, mask: Ipv4): string {
  const length = lengthOfMask(mask);
  return length === undefined
    ? `${formatIpv4(address)} mask ${formatIpv4(mask)}`
    : formatPrefix(prefixOf(address, length));
}

function formatMetric(metric: number): string {
  return metric >= LS_INFINITY ? 'unreachable' : String(metric);
}
