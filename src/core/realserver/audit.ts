/** Sections of needs held against a host, and put into a script for one that nobody has looked at. */
import { type HostFacts, NO_FACTS } from './facts.ts';
import type { Command, Need } from './need.ts';
import type { Section } from './sections.ts';

export interface AuditedNeed {
  readonly what: string;
  /** `null` = the host has it. */
  readonly deviation: {
    readonly found: string;
    readonly consequence: string;
    /** What to do: commands, or a sentence where it is not for commands. */
    readonly commands: readonly string[];
    readonly advice: string | null;
  } | null;
}

export interface AuditedSection {
  readonly title: string;
  readonly services: readonly string[];
  readonly needs: readonly AuditedNeed[];
  readonly notes: readonly string[];
}

export function audit(sections: readonly Section[], facts: HostFacts): readonly AuditedSection[] {
  return sections.map(({ needs, ...rest }) => ({ ...rest, needs: needs.map((need) => audited(need, facts)) }));
}

function audited(need: Need, facts: HostFacts): AuditedNeed {
  const deviation = need.find(facts);
  if (deviation === undefined) return { what: need.what, deviation: null };
  const commands = need.mend(facts).flatMap(commandLines);
  return { what: need.what, deviation: { ...deviation, commands, advice: need.advice ?? null } };
}

export function deviations(sections: readonly AuditedSection[]): number {
  return sections.flatMap(({ needs }) => needs).filter(({ deviation }) => deviation !== null).length;
}

/** What has to be run for what the host has not, in order. */
export function mending(sections: readonly Section[], facts: HostFacts): readonly Command[] {
  const lacking = sections.flatMap(({ needs }) => needs).filter((need) => need.find(facts) !== undefined);
  return lacking.flatMap((need) => need.mend(facts));
}

/** For a shell. */
export function commandLines(command: Command): readonly string[] {
  if (command.kind === 'sysctl') return [`sysctl -q -w ${command.path.join('/')}=${command.value}`];
  const { argv, input, mayFail } = command;
  const line = `${argv.map(quoted).join(' ')}${mayFail === true ? ' || true' : ''}`;
  return input === undefined ? [line] : [`${line} <<'END'`, ...input.trimEnd().split('\n'), 'END'];
}

function quoted(word: string): string {
  return /^[\w./:=@,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A script for a host of which nothing is known: for a fresh one, or at boot. */
export function script(heading: string, sections: readonly Section[]): string {
  const lines = sections.flatMap(({ title, services, needs, notes }) => [
    '',
    `# ${title} (${services.join(', ')})`,
    ...notes.map((note) => `# Note: ${note}`),
    ...needs.flatMap(needLines),
  ]);
  return `${['#!/bin/sh', `# ${heading}`, ...lines].join('\n')}\n`;
}

function needLines(need: Need): readonly string[] {
  const commands = need.mend(NO_FACTS).flatMap(commandLines);
  const consequence = need.find(NO_FACTS)?.consequence;
  const otherwise = consequence === undefined ? [] : [`#   else ${consequence}`];
  const advice = need.advice === undefined ? [] : [`#   ${need.advice}`];
  return ['', `# ${need.what}`, ...otherwise, ...advice, ...commands];
}
