/**
 * The load client: `node dist/lab/traffic/main.js --target 203.0.113.10:80 --source 10.1.0.2,10.1.0.3`.
 *
 * Duty: keep many long-lived and short connections busy through the load balancers and say exactly what happened to each
 * of them. Input: options, commands on stdin (`protocol.ts`). Output: JSON lines on stdout. It does not know directors or
 * routers, starts nothing and judges nothing: `client.ts` runs it, scenarios and the demo judge.
 */
import { createInterface } from 'node:readline';
import { Load } from './load.ts';
import { parseOptions, USAGE } from './options.ts';
import { parseCommand, type TrafficCommand, type TrafficLine } from './protocol.ts';

const TICK_LINE = 250;

function write(line: TrafficLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function run(load: Load, now: () => number): void {
  load.start();
  const ticks = setInterval(() => write(load.tickLine()), TICK_LINE);
  const finish = (): void => {
    clearInterval(ticks);
    input.close();
    write({ kind: 'final', t: Math.round(now()), window: load.stop() });
  };
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => {
    const command = parseCommand(line);
    if (typeof command === 'string') write({ kind: 'fault', t: Math.round(now()), message: command });
    else if (command.cmd === 'stop') finish();
    else obey(load, command, now());
  });
  // Whoever started us is gone: nobody reads the result, and the load must not outlive the lab.
  process.stdin.on('end', () => process.exit(0));
  process.on('SIGTERM', () => process.exit(0));
  // Ctrl-C goes to the whole foreground group; the run decides when the client ends.
  process.on('SIGINT', () => undefined);
}

function obey(load: Load, command: Exclude<TrafficCommand, { cmd: 'stop' }>, now: number): void {
  const t = Math.round(now);
  if (command.cmd === 'flows') write({ kind: 'flows', t, flows: load.flows().map((flow) => flow.row(now)) });
  else if (command.cmd === 'window') write({ kind: 'window', t, window: load.summary() });
  else write({ kind: 'window', t, window: load.mark(command.name) });
}

const options = parseOptions(process.argv.slice(2));
if (typeof options === 'string') {
  process.stderr.write(`${options}\n${USAGE}\n`);
  process.exitCode = 2;
} else {
  const started = performance.now();
  const now = (): number => performance.now() - started;
  run(new Load(options, write, now), now);
}
