/**
 * LSAs out of `show ip ospf database TYPE json`. FRR shows no bytes: they are made from what it says, and an LSA whose
 * checksum then is another than the one it shows was not understood.
 */
import { type Ipv4, maskOf, parseIpv4 } from '../base/ipv4.ts';
import { LsType, RouterLinkType } from '../ospf/codes.ts';
import { buildLsa } from '../ospf/lsa/codec.ts';
import type { Lsa, LsaBody, RouterLink } from '../ospf/lsa/lsa.ts';
import { isJson, type Json, jsonAt, numberAt, textAt } from './json.ts';
import { lsaRows } from './show.ts';

/** What to ask for, and the name under which the answer has its LSAs. */
export const LSA_KINDS = [
  { show: 'router', states: 'routerLinkStates', type: LsType.router },
  { show: 'network', states: 'networkLinkStates', type: LsType.network },
  { show: 'summary', states: 'summaryLinkStates', type: LsType.summaryNetwork },
  { show: 'asbr-summary', states: 'asbrSummaryLinkStates', type: LsType.summaryAsbr },
  { show: 'external', states: 'asExternalLinkStates', type: LsType.asExternal },
  { show: 'nssa-external', states: 'nssaExternalLinkStates', type: LsType.nssa },
] as const;

export interface ReadLsa {
  readonly lsa: Lsa;
  /** False when FRR's checksum is another than that of what was read. */
  readonly exact: boolean;
}

/**
 * The LSAs of one answer, whichever kind it is of; an LSA that makes no sense is left out. `area`: only what it carries, as
 * `0.0.0.0`.
 */
export function readLsas(document: Json, area?: string): ReadLsa[] {
  const kind = LSA_KINDS.find(({ states }) => states in document);
  if (kind === undefined) return [];
  return lsaRows(document, kind.states, area).flatMap((row) => {
    const body = bodyOf(row, kind.type);
    const [id, advertisingRouter] = [addressAt(row, 'linkStateId'), addressAt(row, 'advertisingRouter')];
    if (body === undefined || id === undefined || advertisingRouter === undefined) return [];
    const sequence = Number.parseInt(textAt(row, 'lsaSeqNumber') ?? '', 16) | 0;
    const [age, options] = [Math.min(3600, numberAt(row, 'lsaAge')), optionsOf(row)];
    const lsa = buildLsa({ type: kind.type, id, advertisingRouter, age, options, sequence }, body);
    return [{ lsa, exact: lsa.header.checksum === Number.parseInt(textAt(row, 'checksum') ?? '', 16) }];
  });
}

function bodyOf(row: Json, type: number): LsaBody | undefined {
  switch (type) {
    case LsType.router: {
      const links = Object.values(jsonAt(row, 'routerLinks')).filter(isJson).flatMap(linkOf);
      return { kind: 'router', flags: numberAt(row, 'flags'), links };
    }
    case LsType.network: {
      const attachedRouters =
        Object.keys(jsonAt(row, 'attchedRouters')).length === 0 ? 'attachedRouters' : 'attchedRouters';
      const routers = Object.keys(jsonAt(row, attachedRouters)).map((router) => parseIpv4(router) ?? 0);
      return { kind: 'network', mask: maskAt(row), attachedRouters: routers };
    }
    case LsType.summaryNetwork:
    case LsType.summaryAsbr:
      return { kind: 'summary', mask: maskAt(row), metric: numberAt(row, 'tos0Metric') };
    default: {
      const forwardingAddress = addressAt(row, 'forwardAddress') ?? addressAt(row, 'nssaForwardAddress') ?? 0;
      const e2 = /2/.test(textAt(row, 'metricType') ?? '');
      const [metric, tag] = [numberAt(row, 'metric'), numberAt(row, 'externalRouteTag')];
      return { kind: 'external', mask: maskAt(row), e2, metric, forwardingAddress, tag };
    }
  }
}

function linkOf(link: Json): RouterLink[] {
  const type = LINK_TYPES.find(([word]) => textAt(link, 'linkType')?.includes(word))?.[1];
  if (type === undefined) return [];
  const at = (name: string) => addressAt(link, name);
  const id = at('networkAddress') ?? at('neighborRouterId') ?? at('designatedRouterAddress') ?? 0;
  const data = at('networkMask') ?? at('routerInterfaceAddress') ?? 0;
  return [{ type, id, data, metric: numberAt(link, 'tos0Metric') }];
}

const LINK_TYPES = [
  ['point-to-point', RouterLinkType.pointToPoint],
  ['Transit', RouterLinkType.transit],
  ['Stub', RouterLinkType.stub],
  ['Virtual', RouterLinkType.virtual],
] as const;

function addressAt(row: Json, name: string): Ipv4 | undefined {
  return parseIpv4(textAt(row, name) ?? '');
}

/** A length, in some places; in others an address. */
function maskAt(row: Json): Ipv4 {
  return addressAt(row, 'networkMask') ?? maskOf(numberAt(row, 'networkMask'));
}

/** `*|-|-|-|-|-|E|-`: the bits of RFC 2328 A.2 and those that came later, the highest first. */
function optionsOf(row: Json): number {
  const letters = (textAt(row, 'options') ?? '').split('|');
  return letters.reduce((bits, letter, index) => (/[A-Za-z]/.test(letter) ? bits | (0x80 >> index) : bits), 0);
}
