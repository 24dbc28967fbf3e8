/**
 * A scenario states a claim about a running cluster and measures it, on the built product, from outside: with traffic,
 * with what the routers' kernels say, and with the agents' own status and events.
 */
import { join } from 'node:path';
import { projectRoot } from '../project.ts';
import type { Claim } from '../report/result.ts';
import type { Lab } from '../runtimes/runtime.ts';

/** The default lab: a client, two FRR routers, three directors and a spare, four real servers. */
export const ECMP_3: string = join(projectRoot, 'lab/topologies/ecmp-3.clab.yml');

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
}

export interface Scenario {
  readonly name: string;
  /** One sentence: what holds if the scenario is met. */
  readonly claim: string;
  /** File of the topology it wants, and the directors whose agents run when it begins. */
  readonly topology: string;
  readonly directors: readonly string[];
  run(lab: Lab, context: ScenarioContext): Promise<ScenarioResult>;
}
