/** `sluice doctor` as text: a table, then what to do about each line that is not as it should be. */
import type { DoctorDocument } from '../../api/documents.ts';
import { plural, table } from './text.ts';

const SIGN = { met: 'ok', warning: 'WARN', missing: 'MISSING' } as const;

export function renderDoctor({ met, kernel, findings }: DoctorDocument): string {
  const rows = findings.map(({ verdict, name, value, wanted, why }) => [SIGN[verdict], name, value, wanted, why]);
  const todos = findings.flatMap(({ name, todo }) => (todo === null ? [] : [`${name}: ${todo}`]));
  const number = (verdict: keyof typeof SIGN) => findings.filter((finding) => finding.verdict === verdict).length;
  const verdict = met ? 'nothing is missing' : `${plural(number('missing'), 'thing')} missing`;
  const warnings = number('warning') === 0 ? '' : `, ${plural(number('warning'), 'warning')}`;
  return [
    `Linux ${kernel}`,
    table(['', 'WHAT', 'IS', 'SHOULD BE', 'WHY'], rows),
    ...(todos.length === 0 ? [] : [`What to do:\n${todos.map((line) => `  ${line}`).join('\n')}`]),
    `${verdict}${warnings}`,
  ].join('\n\n');
}
