/** `sluice check` (needs no agent) and `sluice reload`: faults are printed all at once, as `file:line:column: …`. */
import { readFile } from 'node:fs/promises';
import { checkClusterText, checkKeyFiles, formatFault } from '../api/check.ts';
import type { ControlClient } from '../api/client.ts';
import type { ReloadDocument } from '../api/documents.ts';
import { type CliContext, Exit } from './context.ts';
import { plural } from './render/text.ts';
import { asJson } from './show.ts';

export interface JsonOption {
  readonly json?: boolean;
}

export async function check(context: CliContext, file: string, options: JsonOption): Promise<number> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    context.complain(`cannot read ${file}: ${(error as Error).message}`);
    return Exit.usage;
  }
  const { faults: own, summary } = checkClusterText(text);
  const keys = await checkKeyFiles(text, file);
  const faults = [...own, ...keys.faults];
  if (options.json === true) context.out(`${asJson({ path: file, faults, summary, notes: keys.notes })}\n`);
  else if (faults.length === 0) {
    context.out([`${file}: no faults; ${summary}`, ...keys.notes].map((line) => `${line}\n`).join(''));
  } else context.out(`${renderFaults(file, faults)}\n`);
  return faults.length === 0 ? Exit.done : Exit.refused;
}

export async function reload(context: CliContext, client: ControlClient, options: JsonOption): Promise<number> {
  const answer = await client.post('/v1/reload');
  context.out(`${options.json === true ? asJson(answer) : renderReload(answer)}\n`);
  return answer.applied ? Exit.done : Exit.refused;
}

function renderReload(answer: ReloadDocument): string {
  if (!answer.applied) return `${renderFaults(answer.path, answer.faults)}\nrefused; nothing has changed`;
  if (answer.changes.length === 0) return 'nothing has changed';
  return answer.changes.map((change) => `  ${change}`).join('\n');
}

function renderFaults(file: string, faults: ReloadDocument['faults']): string {
  return [...faults.map((fault) => formatFault(file, fault)), plural(faults.length, 'fault')].join('\n');
}
