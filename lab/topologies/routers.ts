/**
 * The configuration files of the lab's routers, rendered from `frr-templates/upstream/`.
 *
 * Topology files bind finished files (containerlab knows no templates), so the rendered ones are part of the tree:
 * `node dist/lab/topologies/routers.js` writes them, and a test compares them with what the templates give.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { renderTemplate, type TemplateVariables } from '../../src/core/base/template.ts';
import { projectRoot } from '../project.ts';

interface RouterFile {
  /** Path below `lab/topologies`. */
  readonly file: string;
  readonly template: 'frr.conf.template' | 'bird.conf.template';
  readonly variables: TemplateVariables;
}

type Network = 'point-to-point' | 'broadcast' | 'point-to-multipoint' | 'nbma';

/** A network type in FRR's words and in BIRD's. */
const WORDS = {
  'point-to-point': { network: 'point-to-point', birdType: 'ptp' },
  broadcast: { network: 'broadcast', birdType: 'broadcast' },
  'point-to-multipoint': { network: 'point-to-multipoint', birdType: 'ptmp' },
  nbma: { network: 'non-broadcast', birdType: 'nbma' },
} as const;

const COMMON = { area: '0.0.0.0', areaType: [], backbone: [], maximumPaths: 16, graceHelper: [{}] } as const;

/** How packets on a link are authenticated, in the templates' variables. */
const NO_KEYS = { password: [], md5: [], hmac: [] } as const;

/** What a link has only where a test asks for it. */
const USUAL = { priority: 1, minimal: [], sought: [], greeted: [], ...NO_KEYS } as const;

function link(name: string, network: Network) {
  return { interface: name, ...WORDS[network], hello: 1, dead: 4, ...USUAL };
}

function router(index: 1 | 2) {
  return { ...COMMON, hostname: `r${index}`, routerId: `10.255.1.${index}` };
}

const P2P = { links: [link('eth1', 'point-to-point')], passive: [] };
const LAN = { links: [link('eth1', 'broadcast')], passive: [] };
/** Between a client and a director; the other one has a network of its own on `lo`. */
const NEAR = { links: [link('eth2', 'point-to-point')], passive: [{ interface: 'eth1' }] };
const FAR = { links: [link('eth1', 'point-to-point')], passive: [{ interface: 'lo' }] };
/** Two directors, and the client's network. */
const TRUNK = {
  links: ['eth2', 'eth3'].map((name) => link(name, 'point-to-point')),
  passive: [{ interface: 'eth1' }],
};
const ECMP = {
  links: ['eth2', 'eth3', 'eth4', 'eth5'].map((name) => link(name, 'point-to-point')),
  passive: [{ interface: 'eth1' }],
};

/** A border router of a stub area, to which BIRD tells nothing but the default route unless it says `summary`. */
const STUB = {
  area: '0.0.0.1',
  areaType: [{ type: 'stub' }],
  backbone: [{ interface: 'core0' }],
  passive: [{ interface: 'lo' }],
} as const;

export const ROUTER_FILES: readonly RouterFile[] = [
  { file: 'ecmp-3/r1.conf', template: 'frr.conf.template', variables: { ...router(1), ...ECMP } },
  { file: 'ecmp-3/r2.conf', template: 'frr.conf.template', variables: { ...router(2), ...ECMP } },
  { file: 'interop/p2p-frr-r1.conf', template: 'frr.conf.template', variables: { ...router(1), ...P2P } },
  { file: 'interop/lan-frr-r1.conf', template: 'frr.conf.template', variables: { ...router(1), ...LAN } },
  { file: 'interop/lan-frr-r2.conf', template: 'frr.conf.template', variables: { ...router(2), ...LAN } },
  { file: 'interop/p2p-bird-r1.conf', template: 'bird.conf.template', variables: { ...router(1), ...P2P } },
  { file: 'interop/lan-bird-r1.conf', template: 'bird.conf.template', variables: { ...router(1), ...LAN } },
  { file: 'interop/lan-bird-r2.conf', template: 'bird.conf.template', variables: { ...router(2), ...LAN } },
  { file: 'transit/r1.conf', template: 'frr.conf.template', variables: { ...router(1), ...NEAR } },
  { file: 'transit/r2.conf', template: 'frr.conf.template', variables: { ...router(2), ...FAR } },
  { file: 'dr-trunk/r1.conf', template: 'frr.conf.template', variables: { ...router(1), ...TRUNK } },
  { file: 'instances/r1.conf', template: 'frr.conf.template', variables: { ...router(1), ...P2P } },
  { file: 'instances/r2.conf', template: 'bird.conf.template', variables: { ...router(2), ...P2P, ...STUB } },
];

/** What the templates give for one file of ROUTER_FILES. */
export async function renderRouterFile({ template, variables }: RouterFile): Promise<string> {
  return renderTemplate(await readFile(join(projectRoot, 'frr-templates/upstream', template), 'utf8'), variables);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const router of ROUTER_FILES) {
    await writeFile(join(projectRoot, 'lab/topologies', router.file), await renderRouterFile(router));
    console.log(router.file);
  }
}
