/** `sluice realserver --audit` as text: what is needed, what is there instead, and what comes of it. */
import type { RealServerDocument } from '../../api/realserver.ts';
import { plural } from './text.ts';

export function renderRealServer({ server, sections, deviations }: RealServerDocument): string {
  const parts = sections.map(({ title, services, needs, notes }) =>
    [`${title} (${services.join(', ')})`, ...needs.flatMap(needLines), ...notes.map((note) => `  note  ${note}`)].join(
      '\n',
    ),
  );
  const verdict = deviations === 0 ? 'nothing deviates' : plural(deviations, 'deviation');
  return [server, ...parts, verdict].join('\n\n');
}

type Need = RealServerDocument['sections'][number]['needs'][number];

function needLines({ what, deviation }: Need): readonly string[] {
  if (deviation === null) return [`  ok    ${what}`];
  const { found, consequence, commands, advice } = deviation;
  const todo = commands.map((line) => `          ${line}`);
  return [
    `  WRONG ${what}: ${found}`,
    `        ${consequence}`,
    ...(advice === null ? [] : [`        ${advice}`]),
    ...(todo.length === 0 ? [] : ['        mended by --apply, or:', ...todo]),
  ];
}
