/**
 * Who may import whom. Each rule says why, because the reason is what the person who broke it needs to read.
 * A file belongs to the first layer whose prefix it starts with; what is not allowed is forbidden.
 */
export interface Layer {
  /** Path prefix from the repository's root, ending in `/`. */
  readonly prefix: string;
  /** Prefixes that files of this layer may import, beside their own. */
  readonly may: readonly string[];
  /** Bare packages allowed; `node:*` stands for every built-in module, `*` for any. */
  readonly packages: readonly string[];
  readonly reason: string;
}

const PURE =
  'the core is pure: no clock, no randomness, no I/O, so that a day of protocol runs in milliseconds in a test';
const SIDEWAYS = `${PURE}; and its parts never import each other sideways, so that each can be read and replaced alone`;
const BASE = ['src/core/base/', 'src/core/model/'];

function core(name: string, more: readonly string[] = [], packages: readonly string[] = []): Layer {
  return { prefix: `src/core/${name}/`, may: [...BASE, ...more], packages, reason: SIDEWAYS };
}

export const layers: readonly Layer[] = [
  { prefix: 'src/core/base/', may: [], packages: [], reason: `base is what everything rests on; ${PURE}` },
  { prefix: 'src/core/model/', may: ['src/core/base/'], packages: [], reason: `the model is plain values; ${PURE}` },
  core('config', [], ['yaml', 'valibot']),
  core('ospf'),
  core('bfd'),
  core('netlink'),
  core('packet'),
  core('hash'),
  core('health'),
  core('announce', ['src/core/health/']),
  core('dataplane', ['src/core/hash/', 'src/core/netlink/']),
  core('servers'),
  // FRR shows LSAs in words of its own; they become what our own speaker's views and computations take.
  core('frr', ['src/core/ospf/']),
  core('sync', ['src/core/hash/']),
  core('realserver'),
  core('tunnels', ['src/core/netlink/']),
  core('inside', ['src/core/netlink/']),
  core('upstream'),
  // Types only: a route is a prefix with OSPF's next hops.
  core('routes', ['src/core/ospf/events.ts']),
  {
    prefix: 'src/io/',
    may: [...BASE, 'src/core/netlink/'],
    packages: ['node:*', 'netlink', 'pino', 'dgram-ospf', 'netlink-batch', 'packet-socket', 'tun-device'],
    reason:
      'io is thin: one OS thing per file, no policy; it carries base types and speaks by the codecs of core/netlink',
  },
  {
    prefix: 'src/drivers/',
    may: ['src/core/', 'src/io/'],
    packages: ['node:*'],
    reason: 'a driver is a port with its adapters: it knows the core and the OS, never the agent that drives it',
  },
  {
    prefix: 'src/api/',
    may: ['src/core/'],
    packages: ['node:*'],
    reason: 'the API is what cli, web and lab may know of an agent; it must not drag the agent in',
  },
  {
    prefix: 'src/agent/',
    may: ['src/core/', 'src/io/', 'src/drivers/', 'src/api/'],
    packages: ['node:*', 'pino'],
    reason: 'the agent is the composition root; the CLI is its client, not its part',
  },
  {
    prefix: 'src/cli/',
    may: ['src/api/'],
    packages: ['node:*', 'commander'],
    reason: 'the CLI sees an agent only through its API, so that it can speak to an agent of another version',
  },
  { prefix: 'src/web/', may: ['src/api/'], packages: [], reason: 'the web page sees an agent only through its API' },
  {
    prefix: 'src/bin/',
    may: ['src/cli/', 'src/agent/'],
    packages: ['node:*'],
    reason: 'bin only chooses between cli and agent',
  },
  {
    prefix: 'lab/',
    // How a template is filled in is nothing of the product's workings.
    may: ['src/api/', 'src/core/base/template.ts'],
    packages: ['node:*', 'yaml', 'commander'],
    reason:
      'the lab runs the built product as a black box: what it cannot see through the API, an operator cannot see either',
  },
];

/** Files that import each other: to read one of them is to read them all. So they are few, and close to each other. */
export interface Circle {
  /** Sorted. */
  readonly files: readonly string[];
  /** Whether it is one at run time, too; else some of its files import only types of the others. */
  readonly values: boolean;
  readonly reason: string;
}

/** All that there are, sorted by their first file. One more has to be cut, or added here with a reason. */
export const circles: readonly Circle[] = [
  {
    files: ['src/core/ospf/interface/hello.ts', 'src/core/ospf/interface/non-broadcast.ts'],
    values: true,
    reason:
      'RFC 2328 9.5: whom a Hello goes to, one by one, is said there (9.5.1), and the polls sent there are Hellos',
  },
  {
    files: ['src/core/ospf/interface/interface.ts', 'src/core/ospf/neighbor/neighbor.ts'],
    values: false,
    reason: 'RFC 2328 9 and 10: an interface has its neighbors, and a neighbor is on its interface',
  },
  {
    files: [
      'src/core/ospf/neighbor/exchange.ts',
      'src/core/ospf/neighbor/helped.ts',
      'src/core/ospf/neighbor/machine.ts',
    ],
    values: true,
    reason: 'RFC 2328 10.3: events begin and end an exchange, and help; what comes of either is an event',
  },
];

export interface Violation {
  readonly file: string;
  readonly imported: string;
  readonly reason: string;
}

/** Checks one import (already resolved to a path from the root, or a bare package name); undefined when it is allowed. */
export function judge(file: string, imported: string, isPackage: boolean): Violation | undefined {
  const layer = layers.find(({ prefix }) => file.startsWith(prefix));
  if (layer === undefined) {
    return file.startsWith('src/')
      ? { file, imported, reason: 'this folder is in no layer: add it to test/arch/rules.ts with a reason' }
      : undefined;
  }
  const allowed = isPackage ? packageAllowed(layer, imported) : pathAllowed(layer, file, imported);
  return allowed ? undefined : { file, imported, reason: layer.reason };
}

const FAKE = /(^|\/)fake(?:\/|[^/]*\.ts$)/;

function pathAllowed(layer: Layer, file: string, imported: string): boolean {
  // A fake may be of several files, which only tests see.
  if (FAKE.test(imported) && !FAKE.test(file)) return false;
  return imported.startsWith(layer.prefix) || layer.may.some((prefix) => imported.startsWith(prefix));
}

function packageAllowed(layer: Layer, imported: string): boolean {
  return layer.packages.some(
    (name) => name === '*' || name === imported || (name === 'node:*' && imported.startsWith('node:')),
  );
}
