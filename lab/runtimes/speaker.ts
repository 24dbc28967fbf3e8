/**
 * Directors that announce through an FRR beside their agent (`--speaker frr`), in any topology and without a change of it.
 *
 * In:  the topology, and which releases of FRR the directors and the routers have.
 * Out: routers that suit such directors; per director a running FRR with the operator's part of its configuration
 *      (`frr-templates/director`); cluster files that say so, with one vtysh for all directors.
 * Not: it announces nothing: that is the agent's.
 */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, parseDocument } from 'yaml';
import { renderTemplate, type TemplateVariables } from '../../src/core/base/template.ts';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import { rootPath } from '../roots/build.ts';
import type { RootName } from '../roots/specs.ts';
import { FrrBesideAgent } from './frr-beside-agent.ts';
import type { DirectorFrr, FrrRelease } from './lab.ts';
import { NetnsNode } from './netns-node.ts';
import type { Bind, Topology, TopologyNode } from './topology.ts';

const TEMPLATES = join(projectRoot, 'frr-templates');

const ROOT_OF: Readonly<Record<FrrRelease, RootName>> = { '8.4': 'frr', '10.3': 'frr-10' };

/** The topology with its FRR routers of this release. */
export function withRouters(topology: Topology, release: FrrRelease | undefined): Topology {
  if (release === undefined) return topology;
  const nodes = topology.nodes.map((node) => {
    const root = node.labels['sluice.root'];
    if (root !== 'frr' && root !== 'frr-10') return node;
    return { ...node, labels: { ...node.labels, 'sluice.root': ROOT_OF[release] } };
  });
  return { ...topology, nodes };
}

/** The root folders that directors need. */
export function speakerRoots(release: FrrRelease | undefined): readonly RootName[] {
  return release === undefined ? [] : [ROOT_OF[release]];
}

export class FrrSpeakers {
  readonly #runId: string;
  readonly #dir: string;
  readonly #root: RootName;
  readonly #started = new Map<string, FrrBesideAgent>();

  /** `dir`: the folder of the run. */
  constructor(runId: string, dir: string, release: FrrRelease) {
    this.#runId = runId;
    this.#dir = dir;
    this.#root = ROOT_OF[release];
  }

  /** Makes the run's folder, with the `vtysh` that cluster files name: one for all directors, because they compare their files. */
  async prepare(): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    await writeFile(this.#vtysh, vtyshScript(await rootPath(this.#root), this.#dir, this.#runId));
    await chmod(this.#vtysh, 0o755);
  }

  get #vtysh(): string {
    return join(this.#dir, 'vtysh');
  }

  /** The cluster file as a director with FRR has it. */
  clusterFile(text: string): string {
    const document = parseDocument(text);
    if (document.getIn(['routing']) === undefined) return text;
    document.setIn(['routing', 'speaker'], 'frr');
    document.setIn(['routing', 'frr', 'vtysh'], this.#vtysh);
    return document.toString({ lineWidth: 0 });
  }

  /**
   * The topology with routers as FRR directors need them: they take two instances of an LSA within a second, and spread over VIPs that
   * have LSAs of their own.
   */
  async suit(topology: Topology): Promise<Topology> {
    const nodes = topology.nodes.map(async (node) => ({ ...node, binds: await this.#bindsOf(node) }));
    return { ...topology, nodes: await Promise.all(nodes) };
  }

  #bindsOf(node: TopologyNode): Promise<readonly Bind[]> {
    return Promise.all(
      node.binds.map(async (bind) => {
        if (node.role !== 'router' || !/\/(frr|bird)\.conf$/.test(bind.destination)) return bind;
        const source = join(this.#dir, `${node.name}.routing.conf`);
        await writeFile(source, suited(await readFile(bind.source, 'utf8')));
        return { ...bind, source };
      }),
    );
  }

  /** Undefined of a director that has not been started yet. */
  frr(director: string): DirectorFrr | undefined {
    return this.#started.get(director);
  }

  /** Starts the director's FRR with what an operator would have configured, unless it runs already. */
  async start(director: TopologyNode, clusterFile: string): Promise<void> {
    const known = this.#started.get(director.name);
    if (known !== undefined) {
      await known.start();
      return;
    }
    const own = join(this.#dir, director.name, 'frr');
    await mkdir(own, { recursive: true });
    const cluster = parse(await readFile(clusterFile, 'utf8')) as ClusterText;
    await writeFile(join(own, 'frr.conf'), `${await baseConfiguration(cluster, director.name)}${OPERATORS_OWN}`);
    const instances = Object.keys(cluster.routing.instances).length;
    const daemons = await readFile(join(TEMPLATES, 'director/daemons'), 'utf8');
    await writeFile(join(own, 'daemons'), severalProcesses(daemons, instances));
    await writeFile(join(own, 'vtysh.conf'), `${VTYSH_CONF}hostname ${director.name}\n`);
    const root = await rootPath(this.#root);
    // The director's namespace and folder, with FRR's files.
    const described = { ...director, binds: bindsOf(own) };
    const alone = { name: director.name, file: '', nodes: [described], links: [] };
    const node = new NetnsNode(described, alone, this.#runId, this.#dir, root);
    await node.prepare();
    const frr = new FrrBesideAgent(node, root, this.#root);
    this.#started.set(director.name, frr);
    await frr.start();
  }
}

/** A static route of the operator's, which nobody asked to be announced. */
export const OPERATORS_ROUTE = '198.18.64.0/24';

/** Things that are none of the agent's business, of the kinds that it has itself. */
const OPERATORS_OWN = `ip prefix-list OPERATOR seq 5 permit ${OPERATORS_ROUTE}
route-map OPERATOR permit 10
 match ip address prefix-list OPERATOR
 set metric 500
exit
ip route ${OPERATORS_ROUTE} Null0 tag 64
`;

/** Root needs no password: what PAM would be asked for does not exist on every host. */
const VTYSH_CONF = 'service integrated-vtysh-config\nusername root nopassword\n';

function bindsOf(folder: string): readonly Bind[] {
  return ['frr.conf', 'daemons', 'vtysh.conf'].map((name) => ({
    source: join(folder, name),
    destination: `/etc/frr/${name}`,
    readOnly: true,
  }));
}

/**
 * FRR's own vtysh, with the libraries of its root folder and the sockets of the director in whose namespace it is called. A chroot
 * would be four processes and eight mounts more for every call.
 */
function vtyshScript(root: string, dir: string, runId: string): string {
  return `#!/bin/sh
for loader in ${root}/lib64/ld-linux-* ${root}/lib/ld-linux-*; do [ -e "$loader" ] && break; done
libraries=$(echo ${root}/usr/lib/*-linux-gnu)
name=$(ip netns identify $$)
director=${dir}/\${name#sl-${runId}-}
exec "$loader" --library-path "$libraries:$libraries/frr" ${root}/usr/bin/vtysh \\
  --config_dir "$director/frr" --vty_socket "$director/run/frr" "$@"
`;
}

function suited(text: string): string {
  return text
    .replace(/^( ospf router-id .*)$(?![\s\S]*^ timers lsa min-arrival)/m, '$1\n timers lsa min-arrival 0')
    .replace(/^( *)(ecmp yes limit \d+;)(?![\s\S]*merge external)/m, '$1$2\n$1merge external yes;');
}

/** With several instances ospfd runs several times, each with a number. */
function severalProcesses(daemons: string, instances: number): string {
  if (instances < 2) return daemons;
  const numbers = Array.from({ length: instances }, (_, index) => index + 1).join(',');
  return `${daemons}ospfd_instances=${numbers}\n`;
}

/** What is read of a cluster file here. */
interface ClusterText {
  readonly directors: Readonly<
    Record<string, { readonly routerId: string; readonly interfaces: Readonly<Record<string, string>> }>
  >;
  readonly lifecycle?: { readonly grace?: string };
  readonly routing: { readonly instances: Readonly<Record<string, InstanceText>> };
}

interface InstanceText {
  readonly area: string | { readonly id: string; readonly type?: string };
  readonly interfaces: Readonly<Record<string, LinkText | null>>;
}

interface LinkText {
  readonly network?: string;
  readonly passive?: boolean;
  readonly cost?: number;
  readonly hello?: string;
  readonly dead?: string;
  readonly priority?: number;
  readonly auth?: unknown;
}

async function baseConfiguration(cluster: ClusterText, director: string): Promise<string> {
  const instances = Object.values(cluster.routing.instances);
  const parts: string[] = [];
  for (const [index, instance] of instances.entries()) {
    const process = instances.length > 1 ? ` ${index + 1}` : '';
    const variables = variablesOf(cluster, director, instance, process);
    for (const name of ['base', 'areas', 'graceful-restart']) {
      const template = await readFile(join(TEMPLATES, `director/${name}.conf.template`), 'utf8');
      parts.push(renderTemplate(template, variables));
    }
  }
  return parts.join('');
}

function variablesOf(cluster: ClusterText, name: string, instance: InstanceText, process: string): TemplateVariables {
  const director = cluster.directors[name];
  if (director === undefined) throw new LabError(`the cluster file has no director ${name}`);
  const { id, type = 'normal' } = typeof instance.area === 'string' ? { id: instance.area } : instance.area;
  const all = Object.entries(instance.interfaces).map(([alias, link]) => ({
    ...linkVariables(link ?? {}),
    passive: link?.passive === true,
    interface: director.interfaces[alias] ?? alias,
  }));
  return {
    hostname: name,
    routerId: director.routerId,
    process,
    area: id,
    areaType: type === 'normal' ? [] : [{ type }],
    links: all.filter((link) => !link.passive).map(({ passive: _, ...link }) => link),
    passive: all.filter((link) => link.passive).map((link) => ({ interface: link.interface })),
    grace: Math.ceil(milliseconds(cluster.lifecycle?.grace ?? '120s') / 1000),
  };
}

const NETWORKS: Readonly<Record<string, string>> = { nbma: 'non-broadcast' };

function linkVariables(link: LinkText) {
  if (link.auth !== undefined) throw new LabError('the lab configures no authentication for an FRR director');
  const { network = 'point-to-point', cost = 10, priority = 0 } = link;
  const hello = milliseconds(link.hello ?? '1s');
  const dead = milliseconds(link.dead ?? (hello < 1000 ? '1s' : `${4 * hello}ms`));
  return {
    network: NETWORKS[network] ?? network,
    cost,
    priority,
    hello: Math.max(1, hello / 1000),
    dead: dead / 1000,
    minimal: hello < 1000 ? [{ multiplier: Math.round(1000 / hello) }] : [],
    password: [],
    md5: [],
    hmac: [],
  };
}

function milliseconds(text: string): number {
  const [, value, unit] = /^(\d+)(ms|s|m)$/.exec(text) ?? [];
  if (value === undefined) throw new LabError(`not a duration: ${text}`);
  return Number(value) * (unit === 'ms' ? 1 : unit === 's' ? 1000 : 60_000);
}
