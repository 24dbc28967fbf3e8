/** `sluice doctor`: what this host has and lacks of what the data plane needs. */
import { type CliContext, Exit } from './context.ts';
import { renderDoctor } from './render/doctor.ts';
import { asJson } from './show.ts';

export interface DoctorOptions {
  readonly json?: boolean;
  readonly stateDir: string;
}

export async function doctor(context: CliContext, { json, stateDir }: DoctorOptions): Promise<number> {
  const document = await context.examineHost(stateDir);
  context.out(`${json === true ? asJson(document) : renderDoctor(document)}\n`);
  return document.met ? Exit.done : Exit.refused;
}
