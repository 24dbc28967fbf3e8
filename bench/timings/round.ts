/**
 * One repetition with one contender: from the start of its routing process to its end, every figure on the way. What has
 * changed is given time to settle before the next change, so that each is timed on its own.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabNode } from '../../lab/runtimes/lab.ts';
import { type Contender, Sluice } from './contenders.ts';
import { countEchoes } from './echo.ts';
import type { Round } from './figures.ts';
import { frrTimers } from './files.ts';
import { isThroughFrr, type Suite } from './plan.ts';
import type { RouterWatch } from './router-watch.ts';
import type { Stage } from './stage.ts';

/** Longer than MinLSInterval (5 s): whoever has not changed anything for so long is at rest. */
const SETTLED = 6_000;
const DEADLINE = 40_000;
/** Between two changes of which the second is timed, and between the end of a process and its next start. */
const SOON = 300;
const HELLO_INTERVAL = 1_000;
/** Longer than the dead interval. */
const AWAY = 6_000;
/**
 * How long the link is down. On a LAN the router hears of it by the dead interval only (4 s), and says so in an LSA; for
 * MinLSInterval (5 s) after that it may keep what it has to say to itself, and BIRD looks once a second.
 */
const DARK = 11_000;

export interface Bench {
  readonly contender: Contender;
  readonly watch: RouterWatch;
  readonly router: LabNode;
  readonly director: LabNode;
  readonly suite: Suite;
  readonly stage: Stage;
}

export async function timeRound(bench: Bench): Promise<Round> {
  const { contender } = bench;
  const round: Round = {};
  await timeStart(bench, round);
  await timeChanges(bench, round);
  if (contender instanceof Sluice) await timeExternals(bench, contender, round);
  await timeCarrier(bench, round);
  await timeRestart(bench, round, 'restart', async () => undefined);
  // What an agent remembers and asks of its neighbors, and what becomes of a VIP with it, is FRR's own affair where that speaks.
  if (isThroughFrr(contender.name)) {
    await contender.stop();
    return round;
  }
  if (contender instanceof Sluice) await timeRestart(bench, round, 'fresh', () => contender.forget());
  if (contender instanceof Sluice) await timeGraceful(bench, contender, round);
  round.killToOut = await timeKill(bench);
  if (bench.suite.daemon === 'frr' && contender.name !== 'bird') await timeMinimal(bench, round);
  return round;
}

async function timeStart({ contender, watch, stage }: Bench, round: Round): Promise<void> {
  const { vips, routerId } = contender.stand;
  // The round before has ended with a crash, of which the router has just told everybody; a new router on a LAN has to elect.
  await sleep(SETTLED);
  const started = await stage.act(() => contender.start());
  const inFib = await watch.route(vips[0], true, started, DEADLINE);
  round.startToFib = inFib - started;
  // An FRR beside the agent is Full long before that starts.
  if (!isThroughFrr(contender.name)) {
    round.fullToFib = Math.max(0, inFib - (await watch.full(routerId, started, DEADLINE)));
  }
  round.startToStable = (await watch.settled(vips[0], SETTLED)) - started;
  if (contender instanceof Sluice) round.startToHello = (await contender.event('hello-sent', started)) - started;
}

/** One VIP comes; later it goes, and a moment after that another comes, which is the second change. */
async function timeChanges({ contender, watch, stage }: Bench, round: Round): Promise<void> {
  const [first, second, third] = contender.stand.vips;
  const added = await stage.act(() => contender.announce([first, second]));
  const seen = await watch.route(second, true, added, DEADLINE);
  round.announce = seen - (await decided(contender, 'vip-announcing', second, added));
  if (contender instanceof Sluice) round.reload = seen - added;
  await sleep(SETTLED);
  const [removed, again] = await stage.act(async () => {
    const one = await contender.announce([first]);
    await sleep(SOON);
    return [one, await contender.announce([first, third])] as const;
  });
  const gone = await watch.route(second, false, removed, DEADLINE);
  round.withdraw = gone - (await decided(contender, 'vip-withdrawing', second, removed));
  const back = await watch.route(third, true, again, DEADLINE);
  round.secondChange = back - (await decided(contender, 'vip-announcing', third, again));
  await sleep(SETTLED);
}

/**
 * The instant from which an announcement is timed. Of the daemons it is the `ip address` command; of ours the event that
 * says that the speaker was told, because before it the new VIP's data plane is programmed, which no daemon does.
 */
function decided(contender: Contender, event: string, vip: string, command: number): Promise<number> | number {
  return contender instanceof Sluice ? contender.event(event, command, vip) : command;
}

async function timeExternals({ watch, stage }: Bench, ours: Sluice, round: Round): Promise<void> {
  const [stub, , , fourth, fifth] = ours.stand.vips;
  const [first, second] = await stage.act(async () => {
    const one = await ours.announce([stub], [fifth]);
    await sleep(SOON);
    return [one, await ours.announce([stub], [fifth, fourth])] as const;
  });
  await watch.route(fifth, true, first, DEADLINE);
  const seen = await watch.route(fourth, true, second, DEADLINE);
  round.secondExternal = seen - (await ours.event('vip-announcing', second, fourth));
  await stage.act(() => ours.announce([stub]));
  await sleep(SETTLED);
}

async function timeCarrier({ contender, watch, director, stage }: Bench, round: Round): Promise<void> {
  const [vip] = contender.stand.vips;
  const down = Date.now();
  await director.link('eth1', 'down');
  await watch.route(vip, false, down, DEADLINE);
  await sleep(Math.max(0, down + DARK - Date.now()));
  const up = await stage.act(async () => {
    const at = Date.now();
    await director.link('eth1', 'up');
    return at;
  });
  round.carrierToFib = (await watch.route(vip, true, up, DEADLINE)) - up;
  await watch.settled(vip, SETTLED);
}

async function timeRestart(
  { contender, watch, stage }: Bench,
  round: Round,
  kind: 'restart' | 'fresh',
  between: () => Promise<void>,
): Promise<void> {
  const [vip] = contender.stand.vips;
  const killed = await stage.act(async () => {
    const at = await contender.kill();
    await between();
    await sleep(SOON);
    await (contender instanceof Sluice ? contender.restart() : contender.start());
    return at;
  });
  // A router may lose the VIP as late as the instance of its own LSA that says so may go out.
  await sleep(2 * SETTLED);
  await watch.settled(vip, SETTLED);
  const { milliseconds, times } = watch.absence(vip, killed, Date.now());
  round[`${kind}Gap`] = milliseconds;
  round[`${kind}Flaps`] = times;
}

/** The agent is away for longer than the dead interval. */
async function timeGraceful({ router, watch, stage }: Bench, ours: Sluice, round: Round): Promise<void> {
  const [vip] = ours.stand.vips;
  const began = Date.now();
  const { sent, received } = await countEchoes(router, vip, async () => {
    await sleep(HELLO_INTERVAL);
    await stage.act(() => ours.leaveGracefully());
    await sleep(AWAY);
    await stage.act(() => ours.restart());
    await sleep(SETTLED);
  });
  round.gracefulEvents = watch.absence(vip, began, Date.now()).times;
  round.gracefulLost = sent - received;
}

/** At any moment between two Hellos: the pauses before it are whole numbers of hello intervals. */
async function timeKill({ contender, watch, stage }: Bench): Promise<number> {
  await sleep(HELLO_INTERVAL * Math.random());
  const killed = await stage.act(() => contender.kill());
  return (await watch.route(contender.stand.vips[0], false, killed, DEADLINE)) - killed;
}

/** Four Hellos a second at both ends. */
async function timeMinimal(bench: Bench, round: Round): Promise<void> {
  const { contender, router, watch, stage } = bench;
  await router.exec(['vtysh', ...frrTimers('minimal')]);
  try {
    const started = await stage.act(() => contender.start('minimal'));
    await watch.route(contender.stand.vips[0], true, started, DEADLINE);
    await watch.settled(contender.stand.vips[0], SETTLED);
    round.minimalKillToOut = await timeKill(bench);
  } finally {
    await router.exec(['vtysh', ...frrTimers('normal')]);
  }
}
