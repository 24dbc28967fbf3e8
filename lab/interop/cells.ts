/**
 * The interop matrix: which routers our speaker meets, in which role, with which authentication, in which kind of area.
 *
 * Out: every cell of the product, and those that a router rules out, with the reason.
 * Not: it knows nothing of configuration files (router-files.ts, cell-files.ts) or of what a cell has to show (cell-run.ts).
 */
import type { RootName } from '../roots/specs.ts';

export type RouterKind = 'frr-8' | 'frr-10' | 'bird-2.0' | 'bird-2.17' | 'bird-3';
/** What our director is on the link. On a non-broadcast network the router is the designated one. */
export type Role = 'p2p' | 'dr' | 'bdr' | 'drother' | 'p2mp' | 'nbma';
export type Auth = 'none' | 'simple' | 'md5' | 'hmac-sha-1' | 'hmac-sha-256' | 'hmac-sha-384' | 'hmac-sha-512';
export type AreaType = 'normal' | 'stub' | 'nssa';

export type Cell = Readonly<{ router: RouterKind; role: Role; auth: Auth; area: AreaType }>;

interface Router {
  readonly root: RootName;
  readonly vendor: 'frr' | 'bird';
  /** Why it cannot be in a cell of this kind. */
  readonly without?: Readonly<Partial<Record<Auth, string>>>;
}

function without(reason: string, ...auths: readonly Auth[]): NonNullable<Router['without']> {
  return Object.fromEntries(auths.map((auth) => [auth, reason]));
}

const NO_HMAC = without(
  'FRR 8.4 has no HMAC for OSPF',
  ...(['hmac-sha-1', 'hmac-sha-256', 'hmac-sha-384', 'hmac-sha-512'] as const),
);
const ONLY_SHA_256 = without(
  'FRR 10.3 does not accept a key chain of that kind',
  ...(['hmac-sha-1', 'hmac-sha-384', 'hmac-sha-512'] as const),
);

export const ROUTERS: Readonly<Record<RouterKind, Router>> = {
  'frr-8': { root: 'frr', vendor: 'frr', without: NO_HMAC },
  'frr-10': { root: 'frr-10', vendor: 'frr', without: ONLY_SHA_256 },
  'bird-2.0': { root: 'bird', vendor: 'bird' },
  'bird-2.17': { root: 'bird-2.17', vendor: 'bird' },
  'bird-3': { root: 'bird-3', vendor: 'bird' },
};

export const ROLES: readonly Role[] = ['p2p', 'dr', 'bdr', 'drother', 'p2mp', 'nbma'];
export const AUTHS: readonly Auth[] = ['none', 'md5', 'hmac-sha-256'];
export const AREAS: readonly AreaType[] = ['normal', 'stub', 'nssa'];

/** The whole product, router by router. */
export function product(): readonly Cell[] {
  return (Object.keys(ROUTERS) as RouterKind[]).flatMap((router) =>
    ROLES.flatMap((role) => AUTHS.flatMap((auth) => AREAS.map((area) => ({ router, role, auth, area })))),
  );
}

/** Why there can be no such cell; undefined where there can. */
export function impossible({ router, auth }: Cell): string | undefined {
  return ROUTERS[router].without?.[auth];
}

export function possibleCells(): readonly Cell[] {
  return product().filter((cell) => impossible(cell) === undefined);
}

/** `frr-10 dr md5 stub` */
export function cellName({ router, role, auth, area }: Cell): string {
  return `${router} ${role} ${auth} ${area}`;
}
