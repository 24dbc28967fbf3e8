/** The generator of connections (`ct-load.c`), compiled on this machine, and what it answers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../lab/project.ts';

const SOURCE = join(projectRoot, 'bench/sync/ct-load.c');

/** Of connections made in one namespace and seen in another; times in nanoseconds of CLOCK_MONOTONIC. */
export interface Loaded {
  readonly made: number;
  readonly seen: number;
  /** Connections that came more than once. */
  readonly twice: number;
  readonly madeFirst: number;
  readonly madeLast: number;
  readonly seenFirst: number;
  readonly seenLast: number;
  readonly median: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** What the connections look like: those of a director, with its mark for the real server. */
export interface Shape {
  readonly vip: string;
  readonly server: string;
  readonly mark: number;
  /** What the kernel tells of each: that it is new, or that it became assured. */
  readonly told: 'new' | 'assured';
}

export interface Watch {
  /** Ends when all have come, or, after `stop`, with what there was until then. */
  readonly seen: Promise<Pick<Loaded, 'seen' | 'twice' | 'seenFirst' | 'seenLast'>>;
  stop(): void;
}

export class CtLoad {
  readonly #folder: string;
  /** The compiled file; a guest sees it at the same path. */
  readonly program: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.program = join(folder, 'ct-load');
  }

  /** Compiles it. @throws Error with the compiler's words */
  static async build(): Promise<CtLoad> {
    const built = new CtLoad(await mkdtemp(join(tmpdir(), 'sluice-ct-load-')));
    await answerOf(spawn('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', built.program, SOURCE]));
    return built;
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Makes `count` connections in `from`, `rate` a second (0: as fast as it goes), and waits until they are in `to`. */
  async load(from: string, to: string, count: number, rate: number, shape: Shape): Promise<Loaded> {
    return (await this.#ask(['load', from, to, String(count), String(rate), ...words(shape)])) as Loaded;
  }

  /** Makes `count` connections and does not look for them. */
  async fill(namespace: string, count: number, shape: Shape): Promise<void> {
    await this.#ask(['fill', namespace, String(count), '0', ...words(shape)]);
  }

  /** How many of the first `count` are there. */
  async present(namespace: string, count: number): Promise<number> {
    return ((await this.#ask(['present', namespace, String(count)])) as { present: number }).present;
  }

  /** Empties the table of one namespace. */
  async flush(namespace: string): Promise<void> {
    await this.#ask(['flush', namespace]);
  }

  /** Looks for connections that somebody else brings. Resolves once it is looking. */
  async watch(namespace: string, count: number): Promise<Watch> {
    const child = spawn(this.program, ['watch', namespace, String(count)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    await once(lines, 'line');
    const seen = once(lines, 'line').then(([line]) => JSON.parse(line as string) as Awaited<Watch['seen']>);
    return { seen, stop: () => child.stdin.end() };
  }

  async #ask(argv: readonly string[]): Promise<unknown> {
    return JSON.parse(await answerOf(spawn(this.program, argv)));
  }
}

function words({ told, vip, server, mark }: Shape): string[] {
  return [told, vip, server, String(mark)];
}

async function answerOf(child: ChildProcess): Promise<string> {
  let [said, complained] = ['', ''];
  child.stdout?.on('data', (text: Buffer) => {
    said += text.toString();
  });
  child.stderr?.on('data', (text: Buffer) => {
    complained += text.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${child.spawnfile} ended with ${code}: ${complained.trim()}`);
  return said;
}
