/**
 * The data table is joined from parts, one per concern: each adds rules to the chains that all share, and owns its own chains, sets and
 * counters. The order of the parts is the order of their rules inside a chain.
 */
import type { BaseChain, TimeoutPolicy, WantedChain, WantedRule, WantedSet, WantedTable } from '../ruleset.ts';

/** The chains that parts share, in the order in which a packet on its way through meets them. */
const CHAINS = {
  /** Before conntrack sees what came in, or what this host itself sends. */
  untracked_in: { type: 'filter', hook: 'prerouting', priority: -300 },
  untracked_out: { type: 'filter', hook: 'output', priority: -300 },
  /** Has conntrack's verdict, and no translation yet. */
  mid_life: { type: 'filter', hook: 'prerouting', priority: -150 },
  /** What IPVS sends on, and what this host itself sends; who changes a mark has the route looked up anew. */
  turned_in: { type: 'route', hook: 'output', priority: -150 },
  /** Without a hook: all that packets of translated connections meet, but the first of each (`known.ts`). */
  known: undefined,
  ending: undefined,
  flagged: undefined,
  /** First packets of connections only, as everywhere in nat. */
  prerouting: { type: 'nat', hook: 'prerouting', priority: -100 },
  /** As `forward`, where IPVS takes packets from here. */
  input: { type: 'filter', hook: 'input', priority: 0 },
  /** Only while connections are refused: a hook costs every packet as much as three rules. */
  forward: { type: 'filter', hook: 'forward', priority: 0 },
  postrouting: { type: 'nat', hook: 'postrouting', priority: 100 },
} as const satisfies Record<string, BaseChain | undefined>;

type SharedChain = keyof typeof CHAINS;

export interface Part {
  /** Rules to the end of chains that parts share. */
  readonly rules?: Readonly<Partial<Record<SharedChain, readonly WantedRule[]>>>;
  /** Chains of its own, without a hook. */
  readonly chains?: ReadonlyMap<string, readonly WantedRule[]>;
  readonly sets?: ReadonlyMap<string, WantedSet>;
  readonly counters?: readonly string[];
  readonly timeouts?: ReadonlyMap<string, TimeoutPolicy>;
}

/** A shared chain to which no part adds anything is left out. */
export function joinParts(parts: readonly Part[]): WantedTable {
  const chains = new Map<string, WantedChain>();
  for (const [name, base] of Object.entries(CHAINS)) {
    const rules = parts.flatMap((part) => part.rules?.[name as SharedChain] ?? []);
    if (rules.length > 0) chains.set(name, { base, rules });
  }
  const sets = new Map<string, WantedSet>();
  const counters = new Set<string>();
  const timeouts = new Map<string, TimeoutPolicy>();
  for (const part of parts) {
    for (const [name, rules] of part.chains ?? []) chains.set(name, { base: undefined, rules });
    for (const [name, set] of part.sets ?? []) sets.set(name, set);
    for (const name of part.counters ?? []) counters.add(name);
    for (const [name, policy] of part.timeouts ?? []) timeouts.set(name, policy);
  }
  return { chains, sets, counters, timeouts };
}
