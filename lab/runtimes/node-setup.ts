/** What a topology asks of a node before anything is started in it, in the words of the programs that do it. */
import { LabError } from '../lab-error.ts';
import type { ExecResult } from './lab.ts';
import { shellWords } from './shell-words.ts';
import type { LinkEnd, Topology, TopologyNode } from './topology.ts';

/** The node's ends of its links, in the file's order. */
export function linkEnds(topology: Topology, node: string): readonly LinkEnd[] {
  return topology.links.flat().filter((end) => end.node === node);
}

/** `ip -batch` lines: the links up, in a bridge's namespace as its ports, then the file's own `ip …` lines. */
export function networkBatch(topology: Topology, node: TopologyNode): string {
  const ends = linkEnds(topology, node.name);
  const up = ['lo', ...ends.map((end) => end.interface)].map((name) => `link set ${name} up`);
  const bridge =
    node.kind === 'bridge'
      ? [
          ...['link add bridge0 type bridge', 'link set bridge0 up'],
          ...ends.map((end) => `link set ${end.interface} master bridge0`),
        ]
      : [];
  const own = node.exec.filter((line) => line.startsWith('ip ')).map((line) => line.slice(3));
  return [...bridge, ...up, ...own].join('\n');
}

/** The lines of `exec` that are no `ip …` lines, as words. */
export function otherCommands(node: TopologyNode): readonly (readonly string[])[] {
  return node.exec.filter((line) => !line.startsWith('ip ')).map(shellWords);
}

/** Writes sysctls. Throws a LabError naming those that the node's kernel does not have or take. */
export async function setSysctls(
  name: string,
  sysctls: Readonly<Record<string, string>>,
  exec: (argv: readonly string[]) => Promise<ExecResult>,
): Promise<void> {
  const lines = Object.entries(sysctls).map(([key, value]) => {
    const path = `/proc/sys/${key.replaceAll('.', '/')}`;
    return `test -e ${path} && echo '${value}' > ${path} || { echo ${key}=${value} >&2; bad=1; }`;
  });
  if (lines.length === 0) return;
  const { code, stderr } = await exec(['sh', '-c', ['bad=0', ...lines, 'exit $bad'].join('\n')]);
  if (code !== 0) throw new LabError(`node ${name}: its kernel refuses the sysctls ${stderr.trim()}`);
}

/** Runs commands one after the other. Throws a LabError with the first that fails. */
export async function runAll(
  name: string,
  commands: readonly (readonly string[])[],
  exec: (argv: readonly string[]) => Promise<ExecResult>,
): Promise<void> {
  for (const argv of commands) {
    const { code, stderr } = await exec(argv);
    if (code !== 0) throw new LabError(`node ${name}: ${argv.join(' ')}: ${stderr.trim()}`);
  }
}
