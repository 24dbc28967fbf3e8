/** Programs that are run on a node to look at the kernel's tables. */
import { LabError } from '../../lab-error.ts';
import type { ExecResult } from '../../runtimes/lab.ts';

/** What a program says. Throws a LabError when it fails. */
export async function said(
  exec: (argv: readonly string[]) => Promise<ExecResult>,
  argv: readonly string[],
): Promise<string> {
  const { code, stdout, stderr } = await exec(argv);
  if (code !== 0) throw new LabError(`${argv.join(' ')}: ${stderr.trim()}`);
  return stdout;
}
