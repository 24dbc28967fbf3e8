/**
 * What the router of a cell is configured with, by the templates that operators get. In every cell it is an area border
 * router: `core0` is in the backbone, `eth1`, towards the director, in area 0.0.0.1. So a stub area has its default route,
 * and a type-7 LSA somebody to translate it.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderTemplate, type TemplateVariables } from '../../src/core/base/template.ts';
import { projectRoot } from '../project.ts';
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
export async function routerFile(cell: Cell): Promise<string> {
  const { vendor } = ROUTERS[cell.router];
  const template = join(projectRoot, `frr-templates/upstream/${vendor}.conf.template`);
  return renderTemplate(await readFile(template, 'utf8'), {
    hostname: 'r1',
    routerId: ROUTER_ID,
    maximumPaths: 16,
    graceHelper: [{}],
    area: AREA,
    areaType: areaType(cell),
    backbone: [{ interface: 'core0' }],
    passive: [],
    links: [link(cell)],
  });
}

/**
 * An NSSA has a default route only if its border router is told to make one: as a type-7 LSA, or, with FRR 8.4, which has no
 * word for that, as the summary of a totally stubby one.
 */
const NSSA: Readonly<Record<RouterKind, string>> = {
  'frr-8': 'nssa no-summary',
  'frr-10': 'nssa default-information-originate',
  'bird-2.0': 'nssa; summary; default nssa',
  'bird-2.17': 'nssa; summary; default nssa',
  'bird-3': 'nssa; summary; default nssa',
};

function areaType({ area, router }: Cell): TemplateVariables[] {
  if (area === 'normal') return [];
  return [{ type: area === 'nssa' ? NSSA[router] : area }];
}

const NETWORK: Readonly<Record<Role, { readonly network: string; readonly birdType: string }>> = {
  p2p: { network: 'point-to-point', birdType: 'ptp' },
  p2mp: { network: 'point-to-multipoint', birdType: 'ptmp' },
  dr: { network: 'broadcast', birdType: 'broadcast' },
  bdr: { network: 'broadcast', birdType: 'broadcast' },
  drother: { network: 'broadcast', birdType: 'broadcast' },
  nbma: { network: 'non-broadcast', birdType: 'nbma' },
};

const NO_KEYS = { password: [], md5: [], hmac: [] };

function hmac(bits: 1 | 256 | 384 | 512): TemplateVariables {
  return { ...NO_KEYS, hmac: [{ ...KEY, algorithm: `hmac-sha-${bits}`, birdAlgorithm: `hmac sha${bits}` }] };
}

const KEYS: Readonly<Record<Auth, TemplateVariables>> = {
  none: NO_KEYS,
  simple: { ...NO_KEYS, password: [{ key: PASSWORD }] },
  md5: { ...NO_KEYS, md5: [KEY] },
  'hmac-sha-1': hmac(1),
  'hmac-sha-256': hmac(256),
  'hmac-sha-384': hmac(384),
  'hmac-sha-512': hmac(512),
};

function link({ role, auth }: Cell): TemplateVariables {
  const { director, router } = PRIORITIES[role];
  const neighbors = [{ address: DIRECTOR_ADDRESS, eligible: director > 0 ? ' eligible' : '' }];
  return {
    interface: 'eth1',
    ...NETWORK[role],
    hello: 1,
    dead: DEAD,
    minimal: [],
    priority: router,
    sought: role === 'nbma' ? [{ address: DIRECTOR_ADDRESS, priority: director, poll: POLL }] : [],
    greeted: role === 'nbma' || role === 'p2mp' ? [{ poll: POLL, neighbors }] : [],
    ...KEYS[auth],
  };
}
