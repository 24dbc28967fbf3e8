/**
 * From what an FRR has of ours to what it should have: commands for its configuration mode, in an order in which every
 * step is harmless. Pure; `plan(x, x)` has none.
 *
 * An instance that ends withdraws all of its prefixes by one line, the first. Clauses come before the static routes that need
 * them, static routes that come before those that go, and what they needed last. A static route with another tag takes the place of the one that is there.
 */
import { type Clause, type FrrConfig, type FrrObjects, parseStatic } from './config.ts';
import { stubChanges } from './stub.ts';

/** Lines that belong together; the first opens the block, if there is more than one, and `exit` closes it. */
export type CommandBlock = readonly string[];

export interface FrrPlan {
  readonly blocks: readonly CommandBlock[];
  /** What cannot be had without touching what is not ours. */
  readonly problems: readonly string[];
}

export type ObservedConfig = FrrObjects &
  Pick<FrrConfig, 'processes' | 'foreignRedistribution' | 'foreignRoutes' | 'networked'>;

export function plan(desired: FrrObjects, observed: ObservedConfig): FrrPlan {
  const problems: string[] = [];
  const blocks = [
    ...endedRedistribution(desired, observed),
    ...clauseBlocks(desired, observed),
    ...redistributeBlocks(desired, observed, problems),
    ...interfaceBlocks(desired, observed, problems),
    ...staticBlocks(desired, observed, problems),
    ...leftoverMaps(desired, observed),
  ];
  return { blocks, problems };
}

/**
 * A clause that is not as wished is written whole, and so are all of an instance whose redistribution is missing: the configuration
 * shows what any of FRR's daemons has, and an ospfd that was started anew beside an older mgmtd has nothing of it. A clause without its
 * match would let every static route through.
 */
function* clauseBlocks(desired: FrrObjects, observed: ObservedConfig): Iterable<CommandBlock> {
  const anew = new Set([...missingRedistribution(desired, observed)].map(([, map]) => map));
  for (const [name, clauses] of desired.routeMaps) {
    const present = observed.routeMaps.get(name) ?? new Map<number, Clause>();
    for (const [number, { action }] of present) {
      if (clauses.get(number)?.action !== action) yield [`no route-map ${name} ${action} ${number}`];
    }
    for (const [number, clause] of clauses) {
      const old = present.get(number);
      const kept = old?.action === clause.action ? old.lines : undefined;
      if (kept !== undefined && isSame(clause.lines, kept) && !anew.has(name)) continue;
      // A line that goes may be an older value of one that comes: it goes first.
      const gone = kept?.filter((line) => !clause.lines.includes(line)) ?? [];
      yield [
        `route-map ${name} ${clause.action} ${number}`,
        ...gone.map((line) => `no ${line}`),
        ...clause.lines,
        'exit',
      ];
    }
  }
}

/** In any order. */
function isSame(wanted: readonly string[], present: readonly string[]): boolean {
  return wanted.length === present.length && wanted.every((line) => present.includes(line));
}

/** Process and route-map, where nothing of the operator's is in the way. */
function* missingRedistribution(
  { redistribute }: FrrObjects,
  { redistribute: present, processes, foreignRedistribution }: ObservedConfig,
): Iterable<readonly [process: string, map: string]> {
  for (const [process, map] of redistribute) {
    if (present.get(process) === map || !processes.has(process) || foreignRedistribution.has(process)) continue;
    yield [process, map];
  }
}

function* redistributeBlocks(
  desired: FrrObjects,
  observed: ObservedConfig,
  problems: string[],
): Iterable<CommandBlock> {
  for (const [process, map] of missingRedistribution(desired, observed)) {
    yield [routerLine(process), `redistribute static route-map ${map}`, 'exit'];
  }
  for (const [process, map] of desired.redistribute) {
    const router = routerLine(process);
    const theirs = observed.foreignRedistribution.get(process);
    if (observed.redistribute.get(process) === map) continue;
    if (!observed.processes.has(process)) {
      problems.push(`FRR has no "${router}": its configuration is the operator's (frr-templates/director)`);
    } else if (theirs !== undefined) {
      problems.push(`"${router}" has "${theirs}" already, and takes no second one; announce those routes otherwise`);
    }
  }
}

function* staticBlocks(desired: FrrObjects, observed: ObservedConfig, problems: string[]): Iterable<CommandBlock> {
  for (const line of desired.statics) {
    const { prefix } = parseStatic(line)!;
    const isTheirs = observed.foreignRoutes.has(prefix);
    if (isTheirs) problems.push(`FRR has a static route to ${prefix} of the operator's, which stays as it is`);
    else if (!observed.statics.has(line)) yield [line];
  }
  const wanted = new Map([...desired.statics].map((line) => [routeOf(line), line]));
  for (const line of observed.statics) {
    if (!desired.statics.has(line) && !wanted.has(routeOf(line))) yield [`no ${line}`];
  }
}

function* interfaceBlocks(
  { interfaces }: FrrObjects,
  observed: ObservedConfig,
  problems: string[],
): Iterable<CommandBlock> {
  const names = new Set([...interfaces.keys(), ...observed.interfaces.keys()]);
  for (const name of names) {
    const wanted = interfaces.get(name) ?? NO_LINES;
    const process = name.replace(/^\D+/, '');
    if (wanted.size > 0 && observed.networked.has(process)) {
      const router = routerLine(process);
      problems.push(
        `"${router}" has network lines, beside which FRR takes no stub links of ours: "ip ospf area" on the interfaces in their place, or announce: external`,
      );
    } else {
      const lines = stubChanges(wanted, observed.interfaces.get(name) ?? NO_LINES);
      if (lines.length > 0) yield [`interface ${name}`, ...lines, 'exit'];
    }
  }
}

const NO_LINES: ReadonlySet<string> = new Set();

/** The line without its tag: what FRR takes for the same route. */
function routeOf(line: string): string {
  return line.replace(/ tag \d+/, '');
}

function* endedRedistribution({ redistribute }: FrrObjects, observed: ObservedConfig): Iterable<CommandBlock> {
  for (const [process, map] of observed.redistribute) {
    if (redistribute.has(process)) continue;
    yield [routerLine(process), `no redistribute static route-map ${map}`, 'exit'];
  }
}

function* leftoverMaps({ routeMaps }: FrrObjects, observed: ObservedConfig): Iterable<CommandBlock> {
  for (const name of observed.routeMaps.keys()) if (!routeMaps.has(name)) yield [`no route-map ${name}`];
}

function routerLine(process: string): string {
  return process === '' ? 'router ospf' : `router ospf ${process}`;
}
