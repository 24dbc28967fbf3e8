/**
 * A scenario states a claim about a running cluster and measures it, on the built product, from outside: with traffic,
 * with what the routers' kernels say, and with the agents' own status and events.
 */
import { join } from 'node:path';
import { projectRoot } from '../project.ts';
import type { Claim } from '../report/result.ts';
import type { FrrRelease, KernelVersion, Lab, SpeakerOptions } from '../runtimes/lab.ts';

/** The default lab: a client, two FRR routers, three directors and a spare, four real servers. */
export const ECMP_3: string = join(projectRoot, 'lab/topologies/ecmp-3.clab.yml');

/** The same cluster, its directors telling each other of their connections. */
export const ECMP_3_SYNCED: string = join(projectRoot, 'lab/topologies/ecmp-3/synced.yml');

/** Its directors without the spare. */
export const DIRECTORS: readonly string[] = ['d1', 'd2', 'd3'];

export interface ScenarioContext {
  /** Told what is being done, a line at a time. */
  readonly progress: (text: string) => void;
}

export interface ScenarioResult {
  readonly claims: readonly Claim[];
  /** Whatever supports the claims; goes into the result file as it is. */
  readonly samples: unknown;
  /** What a person should read before the claims: a table. */
  readonly lines?: readonly string[];
}

/** Where a scenario is about one speaker: which, and why it is not played with the other. */
export interface About {
  readonly speaker: NonNullable<SpeakerOptions['speaker']>;
  readonly because: string;
}

export interface Scenario {
  readonly name: string;
  /** One sentence: what holds if the scenario is met. */
  readonly claim: string;
  readonly about?: About;
  /** The release of FRR that its routers must have, where it is about something that other releases do not do. */
  readonly router?: FrrRelease;
  /** File of the topology it wants, and the directors whose agents run when it begins. */
  readonly topology: string;
  readonly directors: readonly string[];
  run(lab: Lab, context: ScenarioContext): Promise<ScenarioResult>;
}

export interface SeriesContext extends ScenarioContext {
  /** Plays only those whose names hold all these words. */
  readonly only: readonly string[];
  /** How many labs may be up at the same time. */
  readonly parallel: number;
  /** Fewer connections: enough to see that it works, too few to quote. */
  readonly quick: boolean;
  /** Who announces on the directors, for series whose claim is about something else. */
  readonly who: SpeakerOptions;
  /** Of directors that are guests. */
  readonly kernel?: KernelVersion | undefined;
  /** The samples of an earlier run, if there was one; what held in them is not played again. */
  readonly earlier: unknown;
  /** Given after each of them what there is so far. */
  readonly onPart: (result: ScenarioResult) => void;
}

/** Many small labs, one claim each, instead of one scenario in one lab. */
export interface Series {
  readonly name: string;
  readonly claim: string;
  readonly about?: About;
  play(context: SeriesContext): Promise<ScenarioResult>;
}
