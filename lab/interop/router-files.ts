/**
 * What the router of a cell is configured with, by the templates that operators get. In every cell it is an area border
 * router: `core0` is in the backbone, `eth1`, towards the director, in area 0.0.0.1. So a stub area has its default route,
 * and a type-7 LSA somebody to translate it.
 */
import { type UpstreamLink, type UpstreamSettings, upstreamText } from '../../src/api/upstream.ts';
import { TEMPLATES } from '../topologies/routers.ts';
import { type Auth, type Cell, ROUTERS, type Role, type RouterKind } from './cells.ts';

export const DIRECTOR_ADDRESS = '10.1.0.11';
export const ROUTER_ADDRESS = '10.1.0.1';
export const ROUTER_ID = '10.255.1.1';
export const AREA = '0.0.0.1';
export const DEAD = 4;
export const POLL = 2;
/** FRR takes at most 16 characters with MD5. */
export const KEY = { keyId: 7, key: 'sluice-interop-1' } as const;
/** Of eight characters at most. */
export const PASSWORD = 'sluice-1';

/** The director's and the router's priority, where the network elects. */
export const PRIORITIES: Readonly<Record<Role, { readonly director: number; readonly router: number }>> = {
  p2p: { director: 0, router: 1 },
  p2mp: { director: 0, router: 1 },
  dr: { director: 10, router: 1 },
  bdr: { director: 5, router: 10 },
  drother: { director: 0, router: 1 },
  nbma: { director: 0, router: 1 },
};

/** The routing daemon's file: `/etc/frr/frr.conf` or `/etc/bird/bird.conf`. */
export function routerFile(cell: Cell): Promise<string> {
  const { vendor } = ROUTERS[cell.router];
  return upstreamText({ vendor, release: RELEASES[cell.router] }, settingsOf(cell), TEMPLATES);
}

const RELEASES: Readonly<Record<RouterKind, number>> = {
  'frr-8': 8.4,
  'frr-10': 10.3,
  'bird-2.0': 2,
  'bird-2.17': 2.17,
  'bird-3': 3.1,
};

function settingsOf(cell: Cell): UpstreamSettings {
  return {
    hostname: 'r1',
    routerId: ROUTER_ID,
    area: AREA,
    areaType: cell.area,
    backbone: ['core0'],
    passive: [],
    links: [link(cell)],
    directors: 1,
    maximumPaths: 16,
    vips: [],
    externalVips: false,
    speaker: 'ospf',
    graceHelper: true,
    defaultRoute: true,
  };
}

const NETWORK: Readonly<Record<Role, UpstreamLink['network']>> = {
  p2p: 'point-to-point',
  p2mp: 'point-to-multipoint',
  dr: 'broadcast',
  bdr: 'broadcast',
  drother: 'broadcast',
  nbma: 'nbma',
};

function link({ role, auth }: Cell): UpstreamLink {
  const { director, router } = PRIORITIES[role];
  return {
    interface: 'eth1',
    network: NETWORK[role],
    hello: 1000,
    dead: DEAD * 1000,
    priority: router,
    neighbors: role === 'nbma' || role === 'p2mp' ? [{ address: DIRECTOR_ADDRESS, priority: director }] : [],
    poll: POLL * 1000,
    auth: authOf(auth),
  };
}

function authOf(auth: Auth): UpstreamLink['auth'] {
  if (auth === 'none') return undefined;
  const text = auth === 'simple' ? PASSWORD : KEY.key;
  return { algorithm: auth, keys: [{ id: KEY.keyId, text }] };
}
