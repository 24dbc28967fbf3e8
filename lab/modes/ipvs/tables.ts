/** The kernel's tables of IPVS on a director that is a guest: what is in them, and how long it takes until they are right again. */
import { LabError } from '../../lab-error.ts';
import type { ExecOptions, ExecResult } from '../../runtimes/lab.ts';

/** Runs a program on the director. */
export type Exec = (argv: readonly string[], options?: ExecOptions) => Promise<ExecResult>;

const LONGEST = 60_000;

/**
 * Looks by the shell alone: a program that is started takes milliseconds of an emulated processor, which the agent needs. The
 * first four words of a line are all but its counters. By the guest's own clock, from before the deletion on.
 */
const WATCH = `fields() { text=; while read -r a b c d _; do text+="$a $b $c $d;"; done </proc/net/ip_vs; }
pause=$(mktemp -u); mkfifo $pause; exec 9<>$pause; rm $pause
fields; whole=$text
read -r begin _ </proc/uptime
"$@"
fields; [ "$text" != "$whole" ] || { echo "nothing was deleted" >&2; exit 1; }
until fields; [ "$text" = "$whole" ]; do read -r -t 0.02 <&9; done
read -r end _ </proc/uptime
echo $(((\${end/./} - \${begin/./}) * 10))`;

/**
 * Deletes by a command, and waits until the tables are what they were.
 *
 * @param deletion e.g. `ipvsadm --clear`
 * @returns milliseconds by the director's own clock
 * Throws a LabError when they do not come back within a minute, or nothing was deleted.
 */
export async function restoredAfter(exec: Exec, deletion: readonly string[]): Promise<number> {
  return Number(await said(exec, ['bash', '-c', WATCH, 'watch', ...deletion]));
}

/** All of IPVS as `ipvsadm --restore` reads it, sorted. */
export async function tablesOf(exec: Exec): Promise<readonly string[]> {
  return (await said(exec, ['ipvsadm', '--save', '--numeric'])).trim().split('\n').sort();
}

/** What a program says. Throws a LabError when it fails. */
export async function said(exec: Exec, argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await exec(argv, { deadline: LONGEST });
  if (code !== 0) throw new LabError(`${argv.join(' ')}: ${stderr.trim()}`);
  return stdout;
}
