/**
 * The configuration files of the lab's routers, as `sluice upstream` writes them for the topology's cluster file.
 *
 * Topology files bind finished files (containerlab knows no templates), so the rendered ones are part of the tree:
 * `node dist/lab/topologies/routers.js` writes them, and a test compares them with what the product gives.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { configureRouter } from '../../src/api/upstream.ts';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';

interface RouterFile {
  /** Path below `lab/topologies`. */
  readonly file: string;
  readonly vendor: 'frr' | 'bird';
  /** The cluster file, below `lab/topologies`. */
  readonly cluster: string;
  /** As for `sluice upstream --router`. */
  readonly router: string;
}

/** Where the product's templates are. */
export const TEMPLATES = pathToFileURL(`${join(projectRoot, 'frr-templates')}/`);

const ECMP = 'eth2=up0,eth3=up0,eth4=up0,eth5=up0,eth1=passive';

export const ROUTER_FILES: readonly RouterFile[] = [
  frr('ecmp-3/r1.conf', 'ecmp-3/cluster.yml', `r1/10.255.1.1/${ECMP}`),
  frr('ecmp-3/r2.conf', 'ecmp-3/cluster.yml', `r2/10.255.1.2/${ECMP}`),
  frr('interop/p2p-frr-r1.conf', 'interop/p2p.yml', 'r1/10.255.1.1/eth1'),
  frr('interop/lan-frr-r1.conf', 'interop/lan.yml', 'r1/10.255.1.1/eth1'),
  frr('interop/lan-frr-r2.conf', 'interop/lan.yml', 'r2/10.255.1.2/eth1'),
  bird('interop/p2p-bird-r1.conf', 'interop/p2p.yml', 'r1/10.255.1.1/eth1'),
  bird('interop/lan-bird-r1.conf', 'interop/lan.yml', 'r1/10.255.1.1/eth1'),
  bird('interop/lan-bird-r2.conf', 'interop/lan.yml', 'r2/10.255.1.2/eth1'),
  // Between a client and a director; the other one has a network of its own on `lo`.
  frr('transit/r1.conf', 'transit/cluster.yml', 'r1/10.255.1.1/eth2=up0,eth1=passive'),
  frr('transit/r2.conf', 'transit/cluster.yml', 'r2/10.255.1.2/eth1=up1,lo=passive'),
  // Two directors, and the client's network.
  frr('dr-trunk/r1.conf', 'dr-trunk/cluster.yml', 'r1/10.255.1.1/eth2,eth3,eth1=passive'),
  // One director, and the client's network.
  frr('tunnels/r1.conf', 'tunnels/cluster.yml', 'r1/10.255.1.1/eth2,eth1=passive'),
  frr('egress/r1.conf', 'egress/cluster.yml', 'r1/10.255.1.1/eth2,eth3,eth4'),
  frr('internal/r1.conf', 'internal/cluster.yml', 'r1/10.255.1.1/eth1=up0,eth2=up0'),
  frr('internal/ri.conf', 'internal/cluster.yml', 'ri/10.255.2.1/eth1=in0,eth2=in0,eth3=passive'),
  frr('one-arm/r1.conf', 'one-arm/cluster.yml', 'r1/10.255.1.1/eth2,eth3,eth1=passive,eth4=passive'),
  frr('shared-lip/r1.conf', 'shared-lip/cluster.yml', 'r1/10.255.1.1/eth2=up0,eth3=up0,eth4=up0,eth1=passive'),
  frr('shared-lip/ri.conf', 'shared-lip/cluster.yml', 'ri/10.255.2.1/eth1=in0,eth2=in0,eth3=in0,eth4=passive'),
  bird('fullnat-4/ri.conf', 'fullnat-4/cluster.yml', 'ri/10.255.2.1/eth1=in0,eth2=in0,eth3=in0,eth4=in0,eth5=passive'),
  frr('instances/r1.conf', 'instances/cluster.yml', 'r1/10.255.1.1/eth1=up0'),
  // A border router of a stub area.
  bird('instances/r2.conf', 'instances/cluster.yml', 'r2/10.255.1.2/eth1=in0,lo=passive,core0=backbone'),
];

function frr(file: string, cluster: string, router: string): RouterFile {
  return { file, vendor: 'frr', cluster, router };
}

function bird(file: string, cluster: string, router: string): RouterFile {
  return { file, vendor: 'bird', cluster, router };
}

/** What the product gives for one file of ROUTER_FILES. */
export async function renderRouterFile({ vendor, cluster, router }: RouterFile): Promise<string> {
  const path = join(projectRoot, 'lab/topologies', cluster);
  const configured = await configureRouter(path, { router }, { vendor }, TEMPLATES);
  if ('faults' in configured) throw new LabError(`${cluster}: ${JSON.stringify(configured.faults)}`);
  return configured.text;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const router of ROUTER_FILES) {
    await writeFile(join(projectRoot, 'lab/topologies', router.file), await renderRouterFile(router));
    console.log(router.file);
  }
}
