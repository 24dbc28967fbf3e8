/** Plays a scenario in a lab of its own; and says of each whether it may be played with a speaker at all. */
import { LabError } from '../lab-error.ts';
import type { KernelVersion, RuntimeName, SpeakerOptions } from '../runtimes/lab.ts';
import { up } from '../runtimes/runtime.ts';
import { operatorClaims } from './operator-claims.ts';
import type { Scenario, ScenarioContext, ScenarioResult } from './scenario.ts';

/** What nodes are made of, and who announces. */
export interface Machines extends SpeakerOptions {
  readonly runtime?: RuntimeName | undefined;
  readonly kernel?: KernelVersion | undefined;
}

/** Throws LabError when the lab cannot be built, or is not to be played with this speaker. */
export async function playScenario(
  scenario: Scenario,
  machines: Machines,
  { progress }: ScenarioContext,
): Promise<ScenarioResult> {
  refuseOther(scenario, machines);
  const lab = await up(scenario.topology, { ...machines, directors: scenario.directors, progress });
  try {
    const result = await scenario.run(lab, { progress });
    return { ...result, claims: [...result.claims, ...(await operatorClaims(lab))] };
  } finally {
    await lab.down();
  }
}

type Restricted = Pick<Scenario, 'name' | 'about' | 'router'>;

/** Why it is not played with this speaker; undefined where it is. */
export function notWith(
  { about }: Pick<Restricted, 'about'>,
  { speaker = 'ospf' }: SpeakerOptions,
): string | undefined {
  return about === undefined || about.speaker === speaker ? undefined : about.because;
}

/** Throws a LabError that says why. */
export function refuseOther(played: Restricted, who: SpeakerOptions): void {
  const { speaker = 'ospf', router } = who;
  if (played.router !== undefined && router !== undefined && router !== played.router) {
    throw new LabError(`${played.name} needs routers with FRR ${played.router}: it is about what those do`);
  }
  const because = notWith(played, who);
  if (because === undefined) return;
  throw new LabError(
    `${played.name} is not played with --speaker ${speaker}: ${because} (--speaker ${played.about?.speaker})`,
  );
}
