/**
 * What the demo says at the end: a block of lines per scene, the table, what is lost today and why, and the claims that
 * decide its exit code. Pure: figures in, text and claims out.
 */
import { type Claim, claimAtMost, claimEqual } from '../report/result.ts';
import type { Style } from '../report/style.ts';
import { table } from '../report/table.ts';
import { count, percent, seconds, tally, total } from '../report/words.ts';
import type { CaptureVerdict } from '../scenarios/ospf-capture.ts';
import { type StepReport, shareClaims } from '../scenarios/session.ts';
import { directorPaint } from './view.ts';

/** Wall time of the play on two cores, milliseconds; building the lab is not counted. */
const TIME_LIMIT = 240_000;

/** The lines printed when a scene is over. */
export function sceneLines(report: StepReport, title: string, style: Style): string[] {
  const { moves, window } = report;
  const broken = total(window.broken);
  const mark = broken === 0 ? style.green('✔') : style.red('✘');
  const moved = `${moves.moved} of ${moves.compared} (${percent(moves.moved, moves.compared)})`;
  const lost = `${broken === 0 ? '0' : style.red(tally(window.broken))} of ${report.live} long-lived and ${window.opened} new`;
  const shares = Object.entries(report.shares)
    .filter(([, share]) => share > 0)
    .map(([name, share]) => `${directorPaint(style, name)(name)} ${share.toFixed(0)} %`);
  const row = (label: string, text: string): string => `    ${style.dim(label.padEnd(22))}${text}`;
  return [
    ` ${mark} ${style.bold(title)}${report.took > 500 ? style.dim(`  (${seconds(report.took)})`) : ''}`,
    row('moved', `${moved}, ${moves.movedFromSurvivors} of them off directors that stayed`),
    row('broken', lost),
    row('longest wait', `${seconds(window.longestStall)}${window.stalls === 0 ? '' : `, ${window.stalls} over 1 s`}`),
    row('new connections', `${reconvergedText(report)}; ${total(window.failed)} failed, ${window.slow} slow`),
    row('share of new ones', shares.join('  ')),
    '',
  ];
}

function reconvergedText({ window }: StepReport): string {
  if (window.reconverged === null) return 'do not succeed everywhere yet';
  if (window.reconverged === 0) return 'succeed everywhere all the time';
  return `succeed everywhere after ${seconds(window.reconverged)}`;
}

function reconvergedCell({ window: { reconverged } }: StepReport): string {
  if (reconverged === null) return 'not yet';
  return reconverged === 0 ? 'at once' : seconds(reconverged);
}

/** One row per scene. */
export function summaryTable(reports: readonly StepReport[]): string[] {
  const rows = reports.map((report) => [
    report.name,
    String(report.live),
    `${report.moves.moved} (${percent(report.moves.moved, report.moves.compared)})`,
    String(report.moves.movedFromSurvivors),
    String(total(report.window.broken)),
    tally(report.window.broken),
    seconds(report.window.longestStall),
    reconvergedCell(report),
  ]);
  const right = 'right' as const;
  return table(
    [
      { title: 'step' },
      { title: 'long-lived', align: right },
      { title: 'moved', align: right },
      { title: 'off survivors', align: right },
      { title: 'broken', align: right },
      { title: 'how' },
      { title: 'longest wait', align: right },
      { title: 'new ones work after', align: right },
    ],
    rows,
  );
}

/** What the figures mean, without gloss. */
export function meaning(reports: readonly StepReport[]): string[] {
  const lost = reports.flatMap((report) => report.lost);
  const moved = reports.reduce((sum, report) => sum + report.moves.moved, 0);
  const survived = `${count(moved, 'move')} of a connection to another director, ${lost.length === 0 ? 'none of them noticed by a client' : `${count(lost.length, 'connection')} lost`}.`;
  const why = [
    'Every director computes the same real server for a flow and picks up a connection that it has never seen when the',
    'client speaks, so a planned change costs nothing. Sluice does not copy connections between directors yet:',
  ];
  return [survived, ...why, ...(lost.length === 0 ? [NOTHING_LOST] : lossReasons(reports))];
}

const NOTHING_LOST = '- this time no connection depended on such a copy.';

function lossReasons(reports: readonly StepReport[]): string[] {
  return reports.flatMap((report) => {
    const silent = report.lost.filter((loss) => loss.load === 'push' && loss.class === 'stalled').length;
    const other = report.lost.filter((loss) => !(loss.load === 'push' && loss.class === 'stalled'));
    const lines: string[] = [];
    if (silent > 0) {
      lines.push(
        `- ${report.name}: ${count(silent, 'connection')} on which only the server spoke fell silent. The server's packets went to`,
        '  the director that is gone, and a client that hears nothing says nothing that could take another way.',
      );
    }
    if (other.length > 0)
      lines.push(`- ${report.name}: ${count(other.length, 'other connection')}: ${describe(other)}.`);
    return lines;
  });
}

function describe(losses: StepReport['lost']): string {
  const counts: Record<string, number> = {};
  for (const loss of losses) counts[`${loss.load} ${loss.class}`] = (counts[`${loss.load} ${loss.class}`] ?? 0) + 1;
  return tally(counts);
}

export interface DemoFigures {
  readonly reports: readonly StepReport[];
  readonly scenes: number;
  readonly carriers: ReadonlyMap<string, readonly string[]>;
  readonly capture: CaptureVerdict;
  /** Milliseconds from the first scene to the end of the last. */
  readonly played: number;
}

/** What must hold for the demo to have worked. Losses in a crash are reported, not claimed away. */
export function demoClaims({ reports, scenes, carriers, capture, played }: DemoFigures): Claim[] {
  const drain = reports.find((report) => report.name.endsWith('drains'));
  const { request = 0, idle = 0, short = 0 } = drain?.window.brokenByLoad ?? { request: 1 };
  const threeWay = reports.filter((report) => carriers.get(report.name)?.length === 3);
  const claims = [
    claimEqual('steps played', reports.length, scenes),
    ...threeWay.flatMap((report) => shareClaims(report, carriers.get(report.name) ?? [])),
    claimEqual('drain: request/response connections broken', request + idle + short, 0),
    claimAtMost('wall time', played / 1000, TIME_LIMIT / 1000, 's'),
  ];
  if (capture.malformed !== null) claims.push(claimEqual('malformed OSPF packets of ours', capture.malformed, 0));
  return claims;
}

/** The claims as lines, failed ones in red. */
export function claimLines(claims: readonly Claim[], style: Style): string[] {
  return claims.map(({ name, value, unit, goal, met }) => {
    const mark = met ? style.green('✔') : style.red('✘');
    const figure = `${value}${unit === '' ? '' : ` ${unit}`}`;
    return ` ${mark} ${name}: ${met ? figure : style.red(figure)}${style.dim(`  (goal ${goal})`)}`;
  });
}
