/**
 * `npm run demo`: the product in four minutes. Builds the default lab, starts two directors and a load of long-lived and
 * short connections, lets a third director join, drains one, brings it back, and lets one crash, with a live view; then
 * says what each step cost, and ends with exit code 0 if the demo itself worked (not if nothing was lost).
 */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { machineText, type ResultDocument, writeResult } from '../report/result.ts';
import { PLAIN, type Style, styleFor } from '../report/style.ts';
import { seconds } from '../report/words.ts';
import type { Lab } from '../runtimes/lab.ts';
import { up } from '../runtimes/runtime.ts';
import { untilAnnounced } from '../scenarios/observe.ts';
import { operatorClaims } from '../scenarios/operator-claims.ts';
import { type CaptureVerdict, OspfCapture } from '../scenarios/ospf-capture.ts';
import { ECMP_3, ECMP_3_SYNCED } from '../scenarios/scenario.ts';
import { Session, type StepReport } from '../scenarios/session.ts';
import { type DemoOptions, parseOptions, USAGE } from './options.ts';
import { Poller } from './poller.ts';
import { LineScreen, type Screen, TerminalScreen } from './screen.ts';
import { CAST, FIRST, LOAD, SCENES, type Scene } from './story.ts';
import { claimLines, type DemoFigures, demoClaims, meaning, sceneLines, summaryTable } from './verdict.ts';
import { eventLine, frame, statusLine } from './view.ts';

const REDRAW = 250;
/** Without a terminal: how often a status line is printed. */
const STATUS_LINE = 2000;

interface Theatre {
  readonly lab: Lab;
  readonly screen: Screen;
  readonly style: Style;
  readonly poller: Poller;
  readonly capture: OspfCapture;
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    console.log(USAGE);
    return 0;
  }
  if ('fault' in options) {
    console.error(`${options.fault}\n${USAGE}`);
    return 2;
  }
  const live = process.stdout.isTTY && !options.plain;
  const screen = live ? new TerminalScreen(process.stdout) : new LineScreen((text) => process.stdout.write(text));
  const style = options.plain ? PLAIN : styleFor(process.stdout, process.env);
  try {
    return await play(options, screen, style);
  } catch (error) {
    screen.close();
    if (!(error instanceof LabError)) throw error;
    console.error(`demo: ${error.message}`);
    return 1;
  }
}

async function play(options: DemoOptions, screen: Screen, style: Style): Promise<number> {
  screen.print('', ...introduction(style));
  const lab = await up(ECMP_3, {
    ...options.who,
    directors: [],
    cluster: ECMP_3_SYNCED,
    progress: (text) => screen.print(style.dim(`   ${text}`)),
  });
  tearDownOnInterrupt(screen);
  // The lab's own folder goes with the lab.
  const folder = options.artifacts ?? lab.dir;
  mkdirSync(folder, { recursive: true });
  try {
    const capture = await OspfCapture.start(lab, folder);
    const theatre = { lab, screen, style, poller: new Poller(lab, CAST), capture };
    const figures = await perform(theatre);
    saveArtifacts(options, folder, theatre);
    return conclude(options, figures, theatre);
  } finally {
    screen.close();
    if (options.keep) await keep(lab, screen);
    else await lab.down();
  }
}

function introduction(style: Style): string[] {
  return [
    ` ${style.bold('Sluice')}: an all-active cluster of load balancers behind ECMP routers`,
    '',
    style.dim('           client              16 addresses, 280 long-lived connections, 100 new ones a second'),
    style.dim('          /      \\'),
    style.dim('        r1        r2           FRR: OSPF, ECMP over whoever announces the VIP'),
    style.dim('       / | \\    / | \\'),
    style.dim('      d1   d2   d3             Sluice directors, each on both routers'),
    style.dim('       \\   |   /'),
    style.dim('     s1  s2  s3  s4            real servers (nginx)'),
    '',
  ];
}

/** The lab takes itself down when the process ends; this only says so and leaves the terminal tidy. */
function tearDownOnInterrupt(screen: Screen): void {
  process.on('SIGINT', () => {
    screen.close();
    screen.print('', ' interrupted: taking the lab down');
    process.exit(130);
  });
}

async function perform(theatre: Theatre): Promise<DemoFigures> {
  const { screen, style, poller } = theatre;
  poller.step = 'starting two directors';
  poller.stepCount = SCENES.length;
  if (!screen.live) poller.onEvent = (event) => screen.print(eventLine(event, style));
  poller.start();
  const drawing = startDrawing(theatre);
  try {
    return await underLoad(theatre);
  } finally {
    clearInterval(drawing);
    await poller.stop();
    screen.close();
  }
}

async function underLoad(theatre: Theatre): Promise<DemoFigures> {
  const { lab, poller, capture } = theatre;
  await Promise.all(FIRST.map((name) => lab.startDirector(name)));
  await Promise.all(FIRST.map((name) => untilAnnounced(lab, name)));
  poller.step = 'starting the load';
  const session = await Session.open(lab, FIRST, LOAD);
  poller.follow(session);
  const began = performance.now();
  const reports = await playScenes(theatre, session);
  const played = performance.now() - began;
  await session.close();
  await poller.stop();
  const carriers = new Map(SCENES.map((scene) => [scene.name, scene.carriers]));
  const operators = await operatorClaims(lab);
  return { reports, scenes: SCENES.length, carriers, played, operators, capture: await capture.finish() };
}

async function playScenes(theatre: Theatre, session: Session): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  for (const [index, scene] of SCENES.entries()) {
    theatre.poller.stepNumber = index + 1;
    theatre.poller.step = scene.title;
    if (!theatre.screen.live) theatre.screen.print(`== ${index + 1}/${SCENES.length} ${scene.title}`);
    const report = await playScene(theatre, session, scene);
    reports.push(report);
    theatre.screen.print(...sceneLines(report, scene.title, theatre.style));
  }
  return reports;
}

function playScene({ lab, poller }: Theatre, session: Session, scene: Scene): Promise<StepReport> {
  const { name, gone, settle } = scene;
  const act = async (): Promise<void> => {
    await scene.act({ lab, session });
    for (const director of gone) if (lab.directorPid(director) === undefined) poller.dead.add(director);
  };
  return session.step({ name, gone, settle, act });
}

function startDrawing({ screen, style, poller }: Theatre): NodeJS.Timeout {
  if (screen.live) return setInterval(() => screen.draw(['', ...frame(poller.state(), style, screen.columns)]), REDRAW);
  return setInterval(() => screen.print(statusLine(poller.state())), STATUS_LINE);
}

function conclude(options: DemoOptions, figures: DemoFigures, { screen, style }: Theatre): number {
  const claims = demoClaims(figures);
  screen.print(
    style.bold(' What each step cost'),
    ...summaryTable(figures.reports).map((line, index) => ` ${index === 0 ? style.dim(line) : line}`),
    '',
    style.bold(' What that means today'),
    ...meaning(figures.reports).map((line) => ` ${line}`),
    '',
    style.bold(' Did the demo itself work?'),
    ...claimLines(claims, style),
    ` ${captureLine(figures.capture)}`,
    ...figures.capture.complaints.slice(0, 10).map((line) => style.red(`   ${line}`)),
    '',
  );
  if (options.json !== undefined) {
    writeResult(options.json, resultDocument(figures));
    screen.print(` figures: ${options.json}`);
  }
  return claims.every(({ met }) => met) ? 0 : 1;
}

function captureLine({ packets, malformed }: CaptureVerdict): string {
  if (malformed === null) return '– OSPF packets were not checked: the tools root has no tshark';
  return `  tshark read ${packets} OSPF packets that the directors sent: ${malformed} malformed packets of ours`;
}

function resultDocument(figures: DemoFigures): ResultDocument {
  const { reports, capture, played } = figures;
  return {
    bench: 'demo',
    command: ['npm run demo', '--', ...process.argv.slice(2)].join(' '),
    machine: machineText(),
    claims: demoClaims(figures),
    samples: { played: seconds(played), load: LOAD, steps: reports, capture },
  };
}

function saveArtifacts(options: DemoOptions, folder: string, { lab, poller, screen }: Theatre): void {
  if (options.artifacts === undefined) return;
  const events = poller.allEvents.map((event) => `${JSON.stringify(event)}\n`).join('');
  writeFileSync(join(folder, 'events.jsonl'), events);
  for (const name of readdirSync(lab.dir).filter((entry) => entry.endsWith('.log'))) {
    copyFileSync(join(lab.dir, name), join(folder, basename(name)));
  }
  screen.print(` captures, events and logs: ${folder}`);
}

async function keep(lab: Lab, screen: Screen): Promise<void> {
  await lab.keep();
  screen.print(` the lab stays up as ${lab.runId}; npm run lab -- down removes it`);
}

process.exitCode = await main();
