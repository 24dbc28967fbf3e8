/**
 * FRR's configuration, as far as it is ours: reads `show running-config`.
 *
 * In: its text, of FRR 8.4 or 10.3 (they differ in the order of the blocks only). Out: the objects that carry our name, what
 * `router ospf` redistributes, and every other line, which is the operator's and is never touched.
 * Ours are: route-maps called `SLUICE-…`; static routes whose tag begins with our byte; the line that redistributes static
 * routes through a route-map of ours; all that interfaces called `sluice-vips…` have.
 */
export interface Clause {
  readonly action: string;
  /** `match …`, `set …`, in the order of the text. */
  readonly lines: readonly string[];
}

/** What belongs to us in an FRR; what we wish and what is there have the same form. */
export interface FrrObjects {
  /** By name, then by sequence number. */
  readonly routeMaps: ReadonlyMap<string, ReadonlyMap<number, Clause>>;
  /** Whole lines: `ip route 203.0.113.10/32 Null0 tag 1392508929`. */
  readonly statics: ReadonlySet<string>;
  /** By OSPF process (`''` for `router ospf`, `1` for `router ospf 1`): our route-map through which it redistributes. */
  readonly redistribute: ReadonlyMap<string, string>;
  /** By interface of our name: the lines that it has. */
  readonly interfaces: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface FrrConfig extends FrrObjects {
  /** `8.4.4`; undefined when it does not say, as Quagga. */
  readonly version: string | undefined;
  /** OSPF processes that are configured. */
  readonly processes: ReadonlySet<string>;
  /** By OSPF process: how it redistributes static routes when that is not our doing. */
  readonly foreignRedistribution: ReadonlyMap<string, string>;
  /** Prefixes for which the operator has static routes. */
  readonly foreignRoutes: ReadonlySet<string>;
  /** OSPF processes in which the operator says by `network …` where OSPF is spoken. */
  readonly networked: ReadonlySet<string>;
  /** The operator's lines, in the order of the text. */
  readonly foreign: readonly string[];
}

export const NOTHING: FrrObjects = {
  routeMaps: new Map(),
  statics: new Set(),
  redistribute: new Map(),
  interfaces: new Map(),
};

/** The first byte of our tags is an S. */
const TAG_BASE = 0x53000000;
/** One clause of a route-map per tag, and sequence numbers have 16 bits. */
export const MAX_CLAUSE = 65_535;
const OUR_MAP = 'SLUICE-';

export function routeMapName(instance: string): string {
  return `${OUR_MAP}${instance}`;
}

/** Names of interfaces that are ours, one per OSPF process. */
export const OUR_DEVICES = /^sluice-vips\d*$/;

/** The interface whose addresses are stub links of this OSPF process. */
export function stubInterface(process: string): string {
  return `sluice-vips${process}`;
}

/** The tag that the clause matches. */
export function tagOfClause(clause: number): number {
  return TAG_BASE + clause;
}

/** The clause that matches a tag; undefined when the tag is not ours. */
export function clauseOfTag(tag: number): number | undefined {
  const clause = tag - TAG_BASE;
  return clause > 0 && clause <= MAX_CLAUSE ? clause : undefined;
}

/**
 * `prefix` as `203.0.113.10/32`. The distance is the usual one: a zebra that was killed and started anew finds its old routes
 * in the kernel and believes them at that distance, so that a greater one would never be chosen again.
 */
export function staticLine(prefix: string, clause: number): string {
  return `ip route ${prefix} Null0 tag ${tagOfClause(clause)}`;
}

export interface StaticRoute {
  readonly prefix: string;
  readonly clause: number;
}

const STATIC = /^ip route (\S+) .*\btag (\d+)\b/;

/** What a static route of ours says, whatever has been made of the rest of its line; undefined of others. */
export function parseStatic(line: string): StaticRoute | undefined {
  const [, prefix, tag] = STATIC.exec(line) ?? [];
  const clause = clauseOfTag(Number(tag));
  return prefix === undefined || clause === undefined ? undefined : { prefix, clause };
}

/** One line at the margin, with the indented ones below it. */
interface Block {
  readonly head: string;
  readonly body: readonly string[];
}

export function parseRunningConfig(text: string): FrrConfig {
  const routeMaps = new Map<string, Map<number, Clause>>();
  const statics = new Set<string>();
  const redistribute = new Map<string, string>();
  const foreignRedistribution = new Map<string, string>();
  const processes = new Set<string>();
  const foreignRoutes = new Set<string>();
  const networked = new Set<string>();
  const interfaces = new Map<string, Set<string>>();
  const foreign: string[] = [];
  let version: string | undefined;
  for (const { head, body } of blocksOf(text)) {
    const map = ROUTE_MAP.exec(head);
    const ospf = OSPF.exec(head);
    const told = VERSION.exec(head);
    const link = OUR_INTERFACE.exec(head)?.[1];
    if (told !== null) version = told[1];
    else if (parseStatic(head) !== undefined) statics.add(head);
    else if (link !== undefined) {
      if (body.length > 0) interfaces.set(link, new Set([...(interfaces.get(link) ?? []), ...body]));
    } else if (map?.[1]?.startsWith(OUR_MAP)) {
      const clauses = routeMaps.get(map[1]) ?? new Map<number, Clause>();
      clauses.set(Number(map[3]), { action: map[2]!, lines: body });
      routeMaps.set(map[1], clauses);
    } else if (ospf !== null) {
      const process = ospf[1] ?? '';
      processes.add(process);
      const ours = body.flatMap((line) => OUR_REDISTRIBUTION.exec(line)?.[1] ?? []);
      for (const name of ours) redistribute.set(process, name);
      const theirs = body.filter((line) => OUR_REDISTRIBUTION.exec(line) === null);
      for (const line of theirs) if (/^redistribute static\b/.test(line)) foreignRedistribution.set(process, line);
      if (theirs.some((line) => line.startsWith('network '))) networked.add(process);
      foreign.push(head, ...theirs.map(indented));
    } else {
      const route = /^ip route (\S+) /.exec(head)?.[1];
      if (route !== undefined) foreignRoutes.add(route);
      foreign.push(head, ...body.map(indented));
    }
  }
  const ours = { routeMaps, statics, redistribute, interfaces };
  return { version, ...ours, processes, foreignRedistribution, foreignRoutes, networked, foreign };
}

const VERSION = /^frr version (\S+)/;
const ROUTE_MAP = /^route-map (\S+) (permit|deny) (\d+)$/;
const OSPF = /^router ospf(?: (\d+))?$/;
const OUR_INTERFACE = /^interface (sluice-vips\d*)$/;
const OUR_REDISTRIBUTION = /^redistribute static route-map (SLUICE-\S+)$/;

function indented(line: string): string {
  return ` ${line}`;
}

/** Without comments, and without what only ends a block or frames the listing. */
function* blocksOf(text: string): Iterable<Block> {
  let head: string | undefined;
  let body: string[] = [];
  for (const line of text.split('\n')) {
    const said = line.trim();
    if (said === '' || said.startsWith('!') || FRAME.has(said)) continue;
    if (line.startsWith(' ')) {
      body.push(said);
      continue;
    }
    if (head !== undefined) yield { head, body };
    head = said;
    body = [];
  }
  if (head !== undefined) yield { head, body };
}

const FRAME: ReadonlySet<string> = new Set(['Building configuration...', 'Current configuration:', 'exit', 'end']);
