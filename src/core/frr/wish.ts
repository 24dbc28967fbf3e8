/**
 * What an FRR should have of ours, so that its OSPF announces these prefixes.
 *
 * In: per routing instance the prefixes with their metrics, and which clause numbers are in use. Out: `FrrObjects`.
 * Each prefix is a static route to Null0. Its tag names a clause, which stands under the same number in the route-map of every
 * instance that announces the prefix and sets what it announces there. So a prefix comes, goes and changes its metric by one
 * line, and nothing is said to ospfd about the others: a change to a route-map or prefix-list would make it go through all
 * redistributed routes, five seconds later (docs/facts/frr.md). Prefixes that are stub links: `stub.ts`.
 */
import { formatPrefix, parsePrefix } from '../base/ipv4.ts';
import type { FrrSettings } from '../model/routing.ts';
import {
  type Clause,
  type FrrConfig,
  type FrrObjects,
  MAX_CLAUSE,
  parseStatic,
  routeMapName,
  staticLine,
  stubInterface,
  tagOfClause,
} from './config.ts';
import type { FrrPrefix, InstanceWish } from './instance.ts';
import { stubLines, stubsIn } from './stub.ts';

/** How one or more instances announce a prefix, as a text to compare -> the number of the clauses that do it. */
export type ClauseNumbers = ReadonlyMap<string, number>;

interface Form {
  readonly metric: number;
  readonly metricType: 1 | 2;
  readonly tag: number;
}

/**
 * The objects for these wishes, and the clause numbers with which they are made: those given, and more where needed.
 * Clauses that nobody needs now stay as long as their instance does: it may need them again, and until then they do nothing.
 */
export function wishedObjects(
  instances: readonly InstanceWish[],
  known: ClauseNumbers,
): { readonly objects: FrrObjects; readonly numbers: ClauseNumbers } {
  const numbers = new Map(known);
  const statics = new Set<string>();
  for (const [prefix, forms] of formsByPrefix(instances)) {
    const key = keyOf(forms);
    const clause = numbers.get(key) ?? freeNumber(numbers);
    if (clause === undefined) continue;
    numbers.set(key, clause);
    statics.add(staticLine(prefix, clause));
  }
  const routeMaps = new Map<string, Map<number, Clause>>();
  const redistribute = new Map<string, string>();
  for (const { name, process } of instances) {
    const clauses = clausesOf(name, numbers);
    // Through a route-map that does not exist, FRR redistributes every static route there is.
    if (clauses.size === 0) continue;
    routeMaps.set(routeMapName(name), clauses);
    redistribute.set(process, routeMapName(name));
  }
  const interfaces = new Map(instances.map(stubLines).filter((lines) => lines !== undefined));
  return { objects: { routeMaps, statics, redistribute, interfaces }, numbers };
}

/** The clause numbers that an FRR has already, so that its statics need not change. */
export function numbersIn({ routeMaps }: Pick<FrrConfig, 'routeMaps'>, instances: readonly string[]): ClauseNumbers {
  const forms = new Map<number, Map<string, Form>>();
  for (const name of instances) {
    for (const [number, clause] of routeMaps.get(routeMapName(name)) ?? []) {
      const form = formOf(number, clause);
      if (form === undefined) continue;
      const known = forms.get(number) ?? new Map<string, Form>();
      forms.set(number, known.set(name, form));
    }
  }
  return new Map([...forms].map(([number, byInstance]) => [keyOf(byInstance), number]));
}

/** What an FRR announces of ours for an instance: what an earlier agent left. */
export function prefixesIn(config: FrrObjects, { name, process }: Pick<InstanceWish, 'name' | 'process'>): FrrPrefix[] {
  const clauses = config.routeMaps.get(routeMapName(name));
  const stubs = stubsIn(config.interfaces.get(stubInterface(process)) ?? new Set());
  const alone = [...config.statics].flatMap((line): FrrPrefix[] => {
    const route = parseStatic(line);
    const clause = route && clauses?.get(route.clause);
    const form = route && clause && formOf(route.clause, clause);
    const prefix = route && parsePrefix(route.prefix);
    if (form === undefined || prefix === undefined) return [];
    const { metric, metricType, tag } = form;
    return [{ prefix, metric, lsa: { kind: 'external', metricType, tag } }];
  });
  return [...stubs, ...alone];
}

/** The prefix in the form in which this FRR is to announce it: what asks for a stub link has one only where the file says so. */
export function asAnnounced(wished: FrrPrefix, announce: FrrSettings['announce']): FrrPrefix {
  return wished.lsa.kind === 'stub' && announce === 'external' ? { ...wished, lsa: COMPARABLE } : wished;
}

/** Comparable to metrics within the area, as those of stub links are. */
const COMPARABLE = { kind: 'external', metricType: 1, tag: 0 } as const;

function formsByPrefix(instances: readonly InstanceWish[]): Map<string, Map<string, Form>> {
  const found = new Map<string, Map<string, Form>>();
  for (const { name, prefixes } of instances) {
    for (const { prefix, metric, lsa } of prefixes) {
      if (lsa.kind === 'stub') continue;
      const text = formatPrefix(prefix);
      const forms = found.get(text) ?? new Map<string, Form>();
      const { metricType, tag } = lsa;
      found.set(text, forms.set(name, { metric, metricType, tag }));
    }
  }
  return found;
}

function keyOf(forms: ReadonlyMap<string, Form>): string {
  const texts = [...forms].map(([name, { metric, metricType, tag }]) => `${name} ${metric} E${metricType} ${tag}`);
  return texts.sort().join('; ');
}

function freeNumber(numbers: ClauseNumbers): number | undefined {
  const next = Math.max(0, ...numbers.values()) + 1;
  if (next <= MAX_CLAUSE) return next;
  const taken = new Set(numbers.values());
  for (let number = 1; number <= MAX_CLAUSE; number += 1) if (!taken.has(number)) return number;
  return undefined;
}

function clausesOf(instance: string, numbers: ClauseNumbers): Map<number, Clause> {
  const clauses = new Map<number, Clause>();
  for (const [key, number] of numbers) {
    for (const text of key.split('; ')) {
      const [name, metric, type, tag] = text.split(' ');
      if (name !== instance) continue;
      const usual = [
        `match tag ${tagOfClause(number)}`,
        `set metric ${metric}`,
        `set metric-type type-${type?.slice(1)}`,
      ];
      clauses.set(number, { action: 'permit', lines: tag === '0' ? usual : [...usual, `set tag ${tag}`] });
    }
  }
  return clauses;
}

/** What a clause of ours sets; undefined when it is not as we write them. */
function formOf(number: number, { action, lines }: Clause): Form | undefined {
  const said = new Set(lines);
  const value = (pattern: RegExp) => lines.flatMap((line) => pattern.exec(line)?.[1] ?? [])[0];
  const metric = value(/^set metric (\d+)$/);
  const type = value(/^set metric-type type-([12])$/);
  if (action !== 'permit' || !said.has(`match tag ${tagOfClause(number)}`)) return undefined;
  if (metric === undefined || type === undefined) return undefined;
  return { metric: Number(metric), metricType: type === '1' ? 1 : 2, tag: Number(value(/^set tag (\d+)$/) ?? 0) };
}
