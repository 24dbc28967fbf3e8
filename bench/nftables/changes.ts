/** Changes of slots: what they take beside bare `nft -f`, and what they do to the event loop beside an idle process. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { exec } from '../../src/io/exec.ts';
import { atMost, atMostRatio, figure, median } from '../result.ts';
import type { ChangeReport } from './change-main.ts';
import type { LoopDelays } from './loop-delays.ts';
import type { Measured } from './measured.ts';

const OTHERS = 100;
const RATIO = 2;
/** Milliseconds. */
const STALL = 20;

const main = (name: string) => fileURLToPath(new URL(`./${name}-main.js`, import.meta.url));

export async function measureChanges(rounds: number): Promise<Measured> {
  const namespace = `sl-bench${process.pid}`;
  await exec(['ip', 'netns', 'add', namespace]);
  const control = spawn(process.execPath, [main('control')], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const argv = ['ip', 'netns', 'exec', namespace, process.execPath, main('change')] as const;
    const { code, stdout, stderr } = await exec([...argv, String(OTHERS), String(rounds)]);
    if (code !== 0) throw new Error(stderr);
    control.stdin.end();
    return judge(JSON.parse(stdout) as ChangeReport, JSON.parse(await text(control.stdout)) as LoopDelays);
  } finally {
    control.kill();
    await exec(['ip', 'netns', 'del', namespace]);
  }
}

function judge({ ours, bare, delays }: ChangeReport, idle: LoopDelays): Measured {
  const nft = { name: 'nft -f', value: median(bare) };
  const above = delays.p999 - idle.p999;
  const goals = [
    atMostRatio(`a tenth of 4,099 slots, ${OTHERS} other services`, median(ours), 'ms', RATIO, nft),
    atMost('event loop, p99.9 above that of an idle process', above, 'ms', STALL),
    figure('event loop, p99.9', delays.p999, 'ms', { name: 'idle process', value: idle.p999 }),
    figure('event loop, worst', delays.max, 'ms', { name: 'idle process', value: idle.max }),
  ];
  return { goals, samples: { change: ours, 'change by nft -f': bare, 'loop looks': [delays.count, idle.count] } };
}
