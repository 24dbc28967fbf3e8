/**
 * Draws the live view: pure, from values to lines of text. `frame` is for a terminal, redrawn in place a few times a
 * second; `statusLine` says the same in one line, for logs and pipes.
 */
import { cut, padEnd, padStart, type Style } from '../report/style.ts';
import { clock, seconds, tally, total } from '../report/words.ts';
import type { DirectorRow, EventRow, RouterRow, TrafficRow, ViewState } from './view-state.ts';

/** Columns of a director's line beside its bar. */
const BESIDE_BAR = 66;
const EVENTS = 6;

type Paint = (text: string) => string;

/** Each director keeps its colour everywhere on the screen. */
export function directorPaint(style: Style, name: string): Paint {
  const paints = [style.cyan, style.green, style.magenta, style.yellow];
  return paints[(Number(name.replace(/\D/g, '')) + 3) % 4] ?? style.bold;
}

/** The whole view as lines, none wider than `columns`. */
export function frame(state: ViewState, style: Style, columns: number): string[] {
  const lines = [
    title(state, style, columns),
    '',
    ...directorTable(state, style, Math.min(24, Math.max(6, columns - BESIDE_BAR))),
    '',
    ...state.routers.map((router) => routerLine(router, state.vip, style)),
    '',
    ...trafficLines(state.traffic, style),
    '',
    ...eventLines(state.events, style),
  ];
  return lines.map((line) => cut(line, columns));
}

function title(state: ViewState, style: Style, columns: number): string {
  const step = state.stepNumber === 0 ? '' : style.dim(` ${state.stepNumber}/${state.stepCount} `);
  const left = ` ${style.bold('sluice demo')} ${step} ${style.bold(style.yellow(state.step))}`;
  const time = style.dim(clock(state.elapsed));
  return `${padEnd(left, Math.min(columns, 96) - 6)} ${time}`;
}

function directorTable(state: ViewState, style: Style, bar: number): string[] {
  const flows = bar < 12 ? 'long-lived' : 'long-lived connections';
  const head = `  director  state     announces     neighbors  ${padEnd(flows, bar + 11)}  new/s`;
  const all = state.directors.reduce((sum, row) => sum + row.flows, 0);
  return [style.dim(head), ...state.directors.map((row) => directorLine(row, all, bar, style))];
}

function directorLine(row: DirectorRow, all: number, columns: number, style: Style): string {
  const paint = directorPaint(style, row.name);
  const filled = all === 0 ? 0 : Math.round((columns * row.flows) / all);
  const bar = paint('█'.repeat(filled)) + style.dim('·'.repeat(columns - filled));
  const share = all === 0 ? '' : `${Math.round((100 * row.flows) / all)} %`;
  const neighbors = `${row.neighborsFull}/${row.neighborsTotal}`;
  const cells = [
    padEnd(paint(row.name), 8),
    padEnd(stateText(row, style), 8),
    padEnd(announceText(row, style), 12),
    padEnd(row.state === 'off' || row.state === 'dead' ? style.dim('–') : `${neighbors} Full`, 9),
    `${bar} ${padStart(String(row.flows), 4)} ${padStart(share, 5)}`,
    padStart(row.newPerSecond < 0.5 ? style.dim('0') : row.newPerSecond.toFixed(0), 5),
  ];
  const waiting = row.waitingFor.length === 0 ? '' : style.dim(`  waits for ${row.waitingFor.join('; ')}`);
  return `  ${cells.join('  ')}${waiting}`;
}

function stateText(row: DirectorRow, style: Style): string {
  if (row.state === 'active') return style.green('active');
  if (row.state === 'dead' || row.state === 'failed') return style.red(row.state);
  return row.state === 'off' ? style.dim('off') : style.yellow(row.state);
}

function announceText(row: DirectorRow, style: Style): string {
  if (row.metric === null) return style.dim('–');
  const text = `metric ${row.metric}`;
  return row.metric >= 60_000 ? style.yellow(text) : text;
}

function routerLine(router: RouterRow, vip: string, style: Style): string {
  const hops = router.nextHops.map((name) => directorPaint(style, name)(name)).join(' ');
  return `  ${padEnd(style.dim('router'), 8)}  ${router.name}  ${vip} ${style.dim('→')} ${hops || style.red('nobody')}`;
}

function trafficLines(traffic: TrafficRow | undefined, style: Style): string[] {
  if (traffic === undefined) return [style.dim('  no traffic yet')];
  const { live } = traffic;
  const broken = total(traffic.broken);
  const alarm = (value: number, text: string): string => (value === 0 ? style.green(text) : style.red(text));
  const loads = `${live.request} request/answer · ${live.idle} idle · ${live.push} server push · ${live.short} short`;
  const rates = [
    `${traffic.newPerSecond.toFixed(0)} new/s`,
    `${traffic.answersPerSecond.toFixed(0)} answers/s`,
    `${(traffic.bytesPerSecond / 1e6).toFixed(1)} MB/s, every byte checked`,
  ];
  const losses = [
    alarm(broken, broken === 0 ? 'broken 0' : `broken ${broken} (${tally(traffic.broken)})`),
    alarm(traffic.failed, `failed to open ${traffic.failed}`),
    alarm(traffic.stalling, `waiting over 1 s ${traffic.stalling}`),
    `longest wait ${seconds(traffic.longestStall)}`,
  ];
  return [
    `  ${padEnd(style.dim('live'), 8)}  ${loads}`,
    `  ${padEnd(style.dim('traffic'), 8)}  ${rates.join(' · ')}`,
    `  ${padEnd(style.dim('losses'), 8)}  ${losses.join(' · ')}`,
  ];
}

function eventLines(events: readonly EventRow[], style: Style): string[] {
  const shown = events.slice(-EVENTS);
  const blank = Array.from({ length: EVENTS - shown.length }, () => '');
  return [...shown.map((event) => eventLine(event, style)), ...blank];
}

/** One event: when, who, what. */
export function eventLine({ t, director, text }: EventRow, style: Style): string {
  const time = style.dim(padStart((t / 1000).toFixed(1), 7));
  return `  ${time}  ${directorPaint(style, director)(director)}  ${text}`;
}

/** The view in one line. */
export function statusLine(state: ViewState): string {
  const directors = state.directors
    .filter((row) => row.state !== 'off')
    .map((row) => `${row.name} ${row.state} ${row.flows} flows ${row.newPerSecond.toFixed(0)}/s`);
  const routers = state.routers.map((router) => `${router.name}>${router.nextHops.join(',') || 'none'}`);
  const { traffic } = state;
  const losses =
    traffic === undefined
      ? []
      : [`broken ${total(traffic.broken)} failed ${traffic.failed} longest wait ${seconds(traffic.longestStall)}`];
  const parts = [clock(state.elapsed), state.step, ...directors, routers.join(' '), ...losses];
  return parts.filter((part) => part !== '').join(' | ');
}
