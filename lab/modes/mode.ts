/**
 * A mode of a data plane in a network of the kind that it is for: a claim, the topology, and how it is shown. Each is
 * played in a small lab of its own (`play-modes.ts`).
 */
import { join } from 'node:path';
import { projectRoot } from '../project.ts';
import type { Claim } from '../report/result.ts';
import type { KernelVersion, Lab, RuntimeName, SpeakerOptions } from '../runtimes/lab.ts';

export interface ModeContext {
  /** Told what is being done, a line at a time. */
  readonly progress: (text: string) => void;
  /** Connections that a mode opens, at least: fewer where only the way is to be shown. */
  readonly connections: number;
  /** Who announces on the directors; as the topology has it unless told. */
  readonly who?: SpeakerOptions;
  /** Of directors that are guests; 6.1 unless told. */
  readonly kernel?: KernelVersion;
}

export interface Mode {
  readonly name: string;
  /** One sentence: what holds if the mode works. */
  readonly claim: string;
  /** File of the topology, and the directors whose agents run when it begins. */
  readonly topology: string;
  readonly directors: readonly string[];
  /** The cluster file of all directors, where it is not the one that the topology binds. */
  readonly cluster?: string;
  /** What the directors are, where it matters: the host's kernel need not have what the mode is about. */
  readonly runtime?: RuntimeName;
  play(lab: Lab, context: ModeContext): Promise<readonly Claim[]>;
}

export function topologyFile(name: string): string {
  return join(projectRoot, `lab/topologies/${name}.clab.yml`);
}

/** A cluster file beside the topology's own, e.g. `ipvs` of `ecmp-3`. */
export function clusterFile(topology: string, name: string): string {
  return join(projectRoot, `lab/topologies/${topology}/${name}.yml`);
}
