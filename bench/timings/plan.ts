/** Who is timed against whom, on which kind of link, and by which addresses they are known. */
import { join } from 'node:path';
import type { RouterKind } from '../../lab/interop/cells.ts';
import { projectRoot } from '../../lab/project.ts';

export const MEDIA = ['p2p', 'lan'] as const;
export type Medium = (typeof MEDIA)[number];

/** `timers lsa min-arrival` of FRR routers, in milliseconds: what FRR directors need, or FRR's default. One value for all contenders. */
export const ARRIVALS = ['0', '1000'] as const;
export type Arrival = (typeof ARRIVALS)[number];

export interface Suite {
  readonly router: RouterKind;
  readonly daemon: 'frr' | 'bird';
  /** What the other directors run: the versions of the router's own Debian release. */
  readonly peers: { readonly frr: RouterKind; readonly bird: RouterKind };
}

const DEBIAN_12 = { frr: 'frr-8', bird: 'bird-2.0' } as const;
const DEBIAN_13 = { frr: 'frr-10', bird: 'bird-2.17' } as const;

/** By the router, as the interop matrix names it. */
export const SUITES: Readonly<Record<RouterKind, Suite>> = {
  'frr-8': { router: 'frr-8', daemon: 'frr', peers: DEBIAN_12 },
  'bird-2.0': { router: 'bird-2.0', daemon: 'bird', peers: DEBIAN_12 },
  'frr-10': { router: 'frr-10', daemon: 'frr', peers: DEBIAN_13 },
  'bird-2.17': { router: 'bird-2.17', daemon: 'bird', peers: DEBIAN_13 },
  'bird-3': { router: 'bird-3', daemon: 'bird', peers: { ...DEBIAN_13, bird: 'bird-3' } },
};

/** `sluice-frr…`: our agent, which announces through an FRR of the peers' version, in LSAs of their own or as stub links. */
export const CONTENDERS = ['sluice', 'frr', 'bird', 'sluice-frr', 'sluice-frr-stub'] as const;
export type ContenderName = (typeof CONTENDERS)[number];

export function isThroughFrr(contender: ContenderName): contender is 'sluice-frr' | 'sluice-frr-stub' {
  return contender.startsWith('sluice-frr');
}

/** Each contender has a router of its own, so that what one does to its router's timers is not another's to bear. */
export interface Stand {
  readonly contender: ContenderName;
  readonly index: number;
  readonly router: string;
  readonly director: string;
  readonly routerAddress: string;
  readonly directorAddress: string;
  readonly prefixLength: number;
  readonly routerId: string;
  readonly vips: readonly [string, string, string, string, string];
}

export function stands(medium: Medium): readonly Stand[] {
  return CONTENDERS.map((contender, at) => {
    const index = at + 1;
    return {
      contender,
      index,
      router: `r${index}`,
      // In a lab of its own, where directors have an FRR beside their agent.
      director: isThroughFrr(contender) ? 'd1' : `d${index}`,
      routerAddress: `10.1.${index}.1`,
      directorAddress: `10.1.${index}.2`,
      prefixLength: medium === 'p2p' ? 30 : 24,
      routerId: `10.255.0.${index}`,
      vips: [0, 1, 2, 3, 4].map((n) => `203.0.113.${index}${n}`) as unknown as Stand['vips'],
    };
  });
}

/** FRR's releases by what the interop matrix calls them. */
export const RELEASES: Readonly<Partial<Record<RouterKind, '8.4' | '10.3'>>> = { 'frr-8': '8.4', 'frr-10': '10.3' };

/** `normal`: Hellos each second, dead interval 4 s. `minimal`: 1 s with four Hellos in it, which BIRD does not know. */
export const TIMERS = ['normal', 'minimal'] as const;
export type Timers = (typeof TIMERS)[number];

/** A compiled script of this folder. */
export function script(name: string): string {
  return join(projectRoot, 'dist/bench/timings', `${name}.js`);
}
