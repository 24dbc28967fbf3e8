/**
 * Reads a containerlab topology file into what a runtime builds.
 *
 * In:  the YAML text. Of containerlab's keys these count: `name`, `topology.{defaults,kinds,groups,nodes,links}`, and of
 *      a node `kind`, `group`, `labels`, `sysctls`, `binds`, `exec`. Settings merge as in containerlab: defaults, kind,
 *      group, node, the later one winning; `exec` lists are joined and `binds` are keyed by their destination.
 * Out: nodes in the file's order, and links as pairs of ends.
 * Not: it builds nothing, and leaves keys that only matter to a container engine (image, ports …) unread.
 */
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { LabError } from '../lab-error.ts';

export type LabRole = 'client' | 'router' | 'director' | 'server' | 'bridge';

export interface Bind {
  /** Absolute path on the host. */
  readonly source: string;
  /** Absolute path in the node. */
  readonly destination: string;
  readonly readOnly: boolean;
}

export interface TopologyNode {
  readonly name: string;
  readonly kind: 'linux' | 'bridge';
  readonly role: LabRole;
  readonly labels: Readonly<Record<string, string>>;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly binds: readonly Bind[];
  readonly exec: readonly string[];
}

export interface LinkEnd {
  readonly node: string;
  readonly interface: string;
}

export interface Topology {
  readonly name: string;
  readonly file: string;
  readonly nodes: readonly TopologyNode[];
  readonly links: readonly (readonly [LinkEnd, LinkEnd])[];
}

type Settings = Readonly<Record<string, unknown>>;

const ROLES: readonly string[] = ['client', 'router', 'director', 'server', 'bridge'];

/** `file` gives relative binds their folder and is named in errors. Throws a LabError with every fault, one per line. */
export function parseTopology(text: string, file: string): Topology {
  const faults: string[] = [];
  const document = mapping(parseYaml(text, file));
  const topology = mapping(document['topology']);
  const nodes = Object.entries(mapping(topology['nodes'])).map(([name, own]) =>
    readNode(name, mapping(own), topology, dirname(file), faults),
  );
  const links = list(topology['links']).map((link, index) => readLink(mapping(link), index, nodes, faults));
  if (typeof document['name'] !== 'string') faults.push('name: missing');
  if (nodes.length === 0) faults.push('topology.nodes: no node');
  if (faults.length > 0) throw new LabError(faults.map((fault) => `${file}: ${fault}`).join('\n'));
  return { name: String(document['name']), file, nodes, links };
}

function readNode(name: string, own: Settings, topology: Settings, folder: string, faults: string[]): TopologyNode {
  const defaults = mapping(topology['defaults']);
  const group = mapping(mapping(topology['groups'])[String(own['group'])]);
  const kind = own['kind'] ?? group['kind'] ?? defaults['kind'];
  if (kind !== 'linux' && kind !== 'bridge')
    faults.push(`node ${name}: kind is ${kind}; the lab builds linux and bridge`);
  const layers = [defaults, mapping(mapping(topology['kinds'])[String(kind)]), group, own];
  const labels = merged(layers, 'labels');
  const role = labels['sluice.role'] ?? '';
  if (!ROLES.includes(role)) faults.push(`node ${name}: label sluice.role is "${role}"; one of ${ROLES.join(', ')}`);
  return {
    name,
    kind: kind === 'bridge' ? 'bridge' : 'linux',
    role: role as LabRole,
    labels,
    sysctls: merged(layers, 'sysctls'),
    binds: binds(layers, folder),
    exec: layers.flatMap((layer) => list(layer['exec']).map(String)),
  };
}

function readLink(link: Settings, index: number, nodes: readonly TopologyNode[], faults: string[]) {
  const ends = list(link['endpoints']).map((end) => {
    const [node = '', name = ''] = String(end).split(':');
    if (!nodes.some((known) => known.name === node)) faults.push(`link ${index}: no node called "${node}"`);
    // The kernel's limit for an interface name.
    if (name === '' || name.length > 15)
      faults.push(`link ${index}: "${end}" needs an interface of 1 to 15 characters`);
    return { node, interface: name };
  });
  if (ends.length !== 2) faults.push(`link ${index}: needs two endpoints`);
  return ends as unknown as readonly [LinkEnd, LinkEnd];
}

function binds(layers: readonly Settings[], folder: string): readonly Bind[] {
  const byDestination = new Map<string, Bind>();
  for (const text of layers.flatMap((layer) => list(layer['binds']).map(String))) {
    const [source = '', destination = '', options = ''] = text.split(':');
    const readOnly = options.split(',').includes('ro');
    byDestination.set(destination, { source: resolve(folder, source), destination, readOnly });
  }
  return [...byDestination.values()];
}

function merged(layers: readonly Settings[], key: string): Readonly<Record<string, string>> {
  const all = layers.flatMap((layer) => Object.entries(mapping(layer[key])));
  return Object.fromEntries(all.map(([name, value]) => [name, String(value)]));
}

function mapping(value: unknown): Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Settings) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function parseYaml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new LabError(`${file}: ${(cause as Error).message}`, { cause });
  }
}
