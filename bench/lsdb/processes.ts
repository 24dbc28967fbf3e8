/** Memory and processor time of running processes, from `/proc`. */
import { readFile } from 'node:fs/promises';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { BIRD, ospfd } from '../frr-director.ts';
import type { ContenderName } from './files.ts';

/** Starts the director's routing processes (all of them, where there are several) and returns their process ids. */
export async function startDirector(lab: Lab, contender: ContenderName): Promise<readonly number[]> {
  if (contender === 'sluice') {
    await lab.startDirector('d1');
    return [lab.directorPid('d1')!];
  }
  const node = lab.node('d1');
  if (contender === 'bird') await node.exec(['birdc', 'down']);
  const argv = contender === 'frr' ? ospfd('ospfd.conf') : BIRD;
  // Every step from here to the daemon is an exec: the process id stays.
  const { pid } = node.spawn(argv, { stdio: 'ignore' });
  if (contender === 'bird') return [pid!];
  const zebra = await until('the process id of zebra', 5_000, () => pidFile(`${lab.dir}/d1/run/frr/zebra.pid`));
  return [zebra, pid!];
}

async function pidFile(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim() === '' ? undefined : Number(text);
}

/** Resident memory of all of them, in MiB. */
export async function residentMemory(pids: readonly number[]): Promise<number> {
  const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/status`, 'utf8')));
  return texts.reduce((sum, text) => sum + Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1] ?? 0), 0) / 1024;
}

/** User and system time of all of them so far, in milliseconds (the kernel counts in hundredths of a second). */
export async function processorTime(pids: readonly number[]): Promise<number> {
  const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8')));
  // The fields after the name, which may hold spaces, begin with the state, the third one.
  const times = texts.map((text) => text.slice(text.lastIndexOf(')') + 2).split(' '));
  return times.reduce((sum, fields) => sum + Number(fields[11]) + Number(fields[12]), 0) * 10;
}
