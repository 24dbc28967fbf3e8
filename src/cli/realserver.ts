/** `sluice realserver`: what a real server needs for the modes of the cluster file, printed, applied or audited; needs no agent. */
import { readFile } from 'node:fs/promises';
import {
  auditPlan,
  commandLines,
  planCommands,
  planScript,
  planServer,
  planStranger,
  type RealServerDocument,
  type ServerPlan,
  type ServerQuestion,
} from '../api/realserver.ts';
import { type CliContext, Exit } from './context.ts';
import { renderRealServer } from './render/realserver.ts';
import { asJson } from './show.ts';

export interface RealServerOptions {
  readonly config: string;
  readonly service?: string;
  readonly name?: string;
  readonly interface?: string;
  readonly director: readonly string[];
  readonly print?: boolean;
  readonly apply?: boolean;
  readonly audit?: boolean;
  readonly json?: boolean;
}

/** What one thing mended may show to be missing, such as settings of a device that was not there: then once more. */
const ROUNDS = 2;

export async function realServer(context: CliContext, options: RealServerOptions): Promise<number> {
  const chosen = (['print', 'apply', 'audit'] as const).filter((one) => options[one] === true);
  const [verb] = chosen;
  if (verb === undefined || chosen.length > 1) {
    context.complain('sluice: say one of --print, --apply and --audit');
    return Exit.usage;
  }
  const question = await readQuestion(context, options);
  if (question === undefined) return Exit.usage;
  const isStranger = verb === 'print' && question.server !== undefined && question.interface !== undefined;
  const plan = isStranger ? planStranger(question) : await planServer(question, context.serverHost());
  if ('faults' in plan) {
    for (const fault of plan.faults) context.complain(`sluice: ${fault}`);
    return Exit.usage;
  }
  if (verb === 'print') return print(context, plan, options);
  const document = verb === 'audit' ? auditPlan(plan) : await apply(context, question, plan, options);
  context.out(`${options.json === true ? asJson(document) : renderRealServer(document)}\n`);
  return document.deviations === 0 ? Exit.done : Exit.refused;
}

async function readQuestion(context: CliContext, options: RealServerOptions): Promise<ServerQuestion | undefined> {
  const { config: file, name: server, service, interface: device, director: directors } = options;
  try {
    return { file, text: await readFile(file, 'utf8'), server, service, interface: device, directors };
  } catch (error) {
    context.complain(`cannot read ${file}: ${(error as Error).message}`);
    return undefined;
  }
}

function print(context: CliContext, plan: ServerPlan, { json }: RealServerOptions): number {
  context.out(json === true ? `${asJson({ server: plan.heading, script: planScript(plan) })}\n` : planScript(plan));
  return Exit.done;
}

/** Runs what mends the deviations, one after the other, and looks again. */
async function apply(
  context: CliContext,
  question: ServerQuestion,
  first: ServerPlan,
  { json }: RealServerOptions,
): Promise<RealServerDocument> {
  const host = context.serverHost();
  let plan = first;
  for (let round = 0; round < ROUNDS; round++) {
    const commands = planCommands(plan);
    if (commands.length === 0) break;
    for (const command of commands) {
      const complaint = await host.run(command);
      const [line = ''] = commandLines(command);
      if (complaint !== undefined) context.complain(`sluice: ${line}: ${complaint}`);
      else if (json !== true) context.out(`${line}\n`);
    }
    const again = await planServer(question, host);
    if ('faults' in again) break;
    plan = again;
  }
  return auditPlan(plan);
}
