/** Throw-away network namespaces for tests: names `sl-…`, unique per run; everything inside ends with them. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { throwaway } from '../../../lab/runtimes/teardown.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
let count = 0;

/** A compiled file that runs inside a namespace: Node 20 cannot run TypeScript, and vitest cannot change namespaces. */
export function compiled(path: string): string {
  const file = `${ROOT}dist/${path}`;
  if (!existsSync(file)) throw new Error(`dist/${path} is missing: run \`npx tsc -b\` before the lab tests`);
  return file;
}

export class Namespace {
  readonly name: string;
  readonly remove: () => void;

  /** `label` is at most a few letters: namespace names are shown in error messages. */
  constructor(label: string) {
    if (process.getuid?.() !== 0) throw new Error('network namespaces need root');
    this.name = `sl-${label}${process.pid}x${count++}`;
    this.remove = throwaway([this.name]);
    run('ip', ['netns', 'add', this.name]);
    this.ip('link set lo up');
  }

  /** Runs `ip` inside; returns what it printed. */
  ip(words: string): string {
    return run('ip', ['-n', this.name, ...words.split(' ')]);
  }

  /** Runs many `ip` commands at once, which is 70 times faster than one by one. */
  batch(lines: readonly string[]): void {
    const input = lines.join('\n');
    execFileSync('ip', ['-n', this.name, '-batch', '-'], { input, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** argv that runs `argv` inside. */
  command(argv: readonly string[]): readonly [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.name, ...argv];
  }

  /** A veth pair from `own` here to `theirs` in `other` (which may be this same namespace); both ends up. */
  link(own: string, other: Namespace, theirs: string): void {
    this.ip(`link add ${own} type veth peer name ${theirs} netns ${other.name}`);
    this.ip(`link set ${own} up`);
    other.ip(`link set ${theirs} up`);
  }
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
