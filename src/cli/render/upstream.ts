/** `sluice upstream --check` as text: one paragraph per finding, the worst first. */
import type { Finding, RouterCheck } from '../../api/upstream.ts';
import { plural } from './text.ts';

/** Advice alone is no reason to refuse. */
export function isRefused({ findings }: RouterCheck): boolean {
  return findings.some(({ severity }) => severity !== 'advice');
}

/** `file` as the operator named it; `-` is standard input. */
export function renderRouterCheck(file: string, { dialect, version, interfaces, findings }: RouterCheck): string {
  const name = file === '-' ? 'standard input' : file;
  const of = `${dialect}${version === null ? '' : ` ${version}`}, towards directors: ${interfaces.join(', ') || 'nothing'}`;
  const paragraphs = findings.map((finding) => renderFinding(name, finding));
  const bad = findings.filter(({ severity }) => severity !== 'advice').length;
  const advice = findings.length - bad;
  const verdict = bad === 0 && advice === 0 ? 'nothing is missing' : `${plural(bad, 'fault')}, ${advice} of advice`;
  return [...paragraphs, `${name} (${of}): ${verdict}`].join('\n');
}

function renderFinding(name: string, { severity, line, found, consequence, add }: Finding): string {
  const place = line === null ? name : `${name}:${line}`;
  return [`${place}: ${severity}: ${found}`, `  ${consequence}`, ...add.map((text) => `  + ${text}`)].join('\n');
}
