/** LSA bodies as documents of the control API. */
import type { LsaContentDocument } from '../api/documents.ts';
import { formatIpv4 } from '../core/base/ipv4.ts';
import { LSA_HEADER_LENGTH, RouterLinkType } from '../core/ospf/codes.ts';
import type { Lsa, RouterLink } from '../core/ospf/lsa/lsa.ts';
import { opaqueTypeOf } from '../core/ospf/lsa/opaque-lsa.ts';
import { routerFlagNames } from '../core/ospf/lsa/summary.ts';

export function lsaContent({ header, body, bytes }: Lsa): LsaContentDocument {
  switch (body.kind) {
    case 'router':
      return { kind: 'router', flags: routerFlagNames(body), links: body.links.map(linkContent) };
    case 'network':
      return { kind: 'network', mask: formatIpv4(body.mask), attachedRouters: body.attachedRouters.map(formatIpv4) };
    case 'summary':
      return { kind: 'summary', mask: formatIpv4(body.mask), metric: body.metric };
    case 'external': {
      const { mask, e2, metric, forwardingAddress, tag } = body;
      const values = { metricType: e2 ? 2 : 1, metric, forwardingAddress: formatIpv4(forwardingAddress), tag } as const;
      return { kind: 'external', mask: formatIpv4(mask), ...values };
    }
    case 'opaque': {
      const content = Buffer.from(bytes.subarray(LSA_HEADER_LENGTH)).toString('hex');
      return { kind: 'opaque', opaqueType: opaqueTypeOf(header.id), opaqueId: header.id & 0xffffff, bytes: content };
    }
  }
}

const LINK_NAMES: Readonly<Record<number, string>> = {
  [RouterLinkType.pointToPoint]: 'point-to-point',
  [RouterLinkType.transit]: 'transit',
  [RouterLinkType.stub]: 'stub',
  [RouterLinkType.virtual]: 'virtual',
};

function linkContent({ type, id, data, metric }: RouterLink) {
  return { type: LINK_NAMES[type] ?? String(type), id: formatIpv4(id), data: formatIpv4(data), metric };
}
