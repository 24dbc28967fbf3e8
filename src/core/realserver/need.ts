/** One thing that a real server needs: how it is told that the host has it not, what comes of that, and what mends it. */
import type { HostFacts } from './facts.ts';

export type Command =
  /** Path below /proc/sys, split at the slashes: names of interfaces may hold dots. */
  | { readonly kind: 'sysctl'; readonly path: readonly string[]; readonly value: string }
  | {
      readonly kind: 'run';
      readonly argv: readonly string[];
      /** For standard input. */
      readonly input?: string;
      /** It may say that there is nothing to do: what it is for may be there, or be part of the kernel. */
      readonly mayFail?: true;
    };

/** What was found in place of what is needed, and what an operator sees of it. */
export interface Deviation {
  readonly found: string;
  readonly consequence: string;
}

export interface Need {
  /** What has to be, in a few words; no two needs of a host have the same. */
  readonly what: string;
  /** Undefined = the host has it. */
  find(facts: HostFacts): Deviation | undefined;
  /** To be run in order. None: it is not for us to mend; `advice` says what to do. */
  mend(facts: HostFacts): readonly Command[];
  readonly advice?: string;
}

export function run(...argv: readonly string[]): Command {
  return { kind: 'run', argv };
}

/** A command whose refusal means nothing. */
export function tryTo(...argv: readonly string[]): Command {
  return { kind: 'run', argv, mayFail: true };
}

export function confPath(device: string, name: string): readonly string[] {
  return ['net', 'ipv4', 'conf', device, name];
}

/** What counts for a device: of `all` and its own the higher value, which is how the kernel takes these settings. */
export function inForce({ sysctls }: HostFacts, device: string, name: string): number {
  const value = (of: string) => Number(sysctls.get(confPath(of, name).join('/')) ?? 0);
  return Math.max(value('all'), value(device));
}
