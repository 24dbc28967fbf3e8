/**
 * What the demo says at the end: a block of lines per scene, the table, what is lost today and why, and the claims that
 * decide its exit code. Pure: figures in, text and claims out.
 */
import { type Claim, claimAtMost, claimEqual, NO_GOAL, told } from '../report/result.ts';
import type { Style } from '../report/style.ts';
import { table } from '../report/table.ts';
import { count, percent, seconds, tally, total } from '../report/words.ts';
import type { CaptureVerdict } from '../scenarios/ospf-capture.ts';
import { type Loss, type StepReport, shareClaims } from '../scenarios/session.ts';
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
    'Every director has a copy of every established connection within milliseconds, so that whoever gets its next packet',
    'carries it on, and the address that servers answer to moves with it. What a director that dies has not told yet is gone.',
  ];
  return [survived, ...why, ...lossReasons(reports)];
}

function lossReasons(reports: readonly StepReport[]): string[] {
  return reports.flatMap(({ name, lost }) => {
    const [old, young] = [lost.filter(isOld), lost.filter((loss) => !isOld(loss))];
    const line = (losses: readonly Loss[], what: string) =>
      losses.length === 0 ? [] : [`- ${name}: ${count(losses.length, 'connection')} ${what}: ${describe(losses)}.`];
    return [...line(young, `younger than ${LAG} ms`), ...line(old, 'that should have lived')];
  });
}

/** Milliseconds within which the others know of a connection, on a machine that has everything else to do as well. */
const LAG = 100;

function isOld({ ageBefore }: Loss): boolean {
  return ageBefore > LAG;
}

function describe(losses: readonly Loss[]): string {
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
  /** Of what is the operator's where directors have an FRR beside their agents. */
  readonly operators: readonly Claim[];
}

/** What must hold for the demo to have worked: what was planned breaks nothing, a crash only what was too young to be known. */
export function demoClaims({ reports, scenes, carriers, capture, played, operators }: DemoFigures): Claim[] {
  const [crashes, planned] = [reports.filter(isCrash), reports.filter((report) => !isCrash(report))];
  const broken = planned.reduce((sum, { window }) => sum + total(window.broken), 0);
  const threeWay = reports.filter((report) => carriers.get(report.name)?.length === 3);
  const claims = [
    claimEqual('steps played', reports.length, scenes),
    ...threeWay.flatMap((report) => shareClaims(report, carriers.get(report.name) ?? [])),
    claimEqual('planned steps: connections broken', broken, 0),
    claimEqual(
      `crash: connections broken that were older than ${LAG} ms`,
      crashes.flatMap(({ lost }) => lost.filter(isOld)).length,
      0,
    ),
    told('crash: younger ones broken', crashes.flatMap(({ lost }) => lost.filter((loss) => !isOld(loss))).length),
    claimAtMost('wall time', played / 1000, TIME_LIMIT / 1000, 's'),
    ...operators,
  ];
  if (capture.malformed !== null) claims.push(claimEqual('malformed OSPF packets of ours', capture.malformed, 0));
  return claims;
}

function isCrash({ name }: StepReport): boolean {
  return name.endsWith('crashes');
}

/** The claims as lines, failed ones in red. */
export function claimLines(claims: readonly Claim[], style: Style): string[] {
  return claims.map(({ name, value, unit, goal, met }) => {
    const mark = goal === NO_GOAL ? ' ' : met ? style.green('✔') : style.red('✘');
    const figure = `${value}${unit === '' ? '' : ` ${unit}`}`;
    return ` ${mark} ${name}: ${met ? figure : style.red(figure)}${goal === NO_GOAL ? '' : style.dim(`  (goal ${goal})`)}`;
  });
}
