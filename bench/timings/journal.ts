/** Rounds that are done, one JSON line each, so that a run that was broken off goes on where it ended. */
import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../lab/project.ts';
import type { Round, Rounds } from './figures.ts';
import { CONTENDERS, type ContenderName } from './plan.ts';

interface Line {
  readonly contender: ContenderName;
  readonly round: Round;
}

export class Journal {
  readonly path: string;
  readonly #lines: Line[];

  private constructor(path: string, lines: Line[]) {
    this.path = path;
    this.#lines = lines;
  }

  /** `setting`: the router, the medium and what else must be alike. `fresh`: what is there is thrown away. */
  static async open(setting: string, fresh: boolean): Promise<Journal> {
    const path = join(projectRoot, 'artifacts', `ospf-timings-${setting}.jsonl`);
    await mkdir(dirname(path), { recursive: true });
    if (fresh) await rm(path, { force: true });
    const text = await readFile(path, 'utf8').catch(() => '');
    const lines = text.split('\n').filter((line) => line.endsWith('}'));
    return new Journal(
      path,
      lines.map((line) => JSON.parse(line) as Line),
    );
  }

  done(contender: ContenderName): number {
    return this.#lines.filter((line) => line.contender === contender).length;
  }

  async add(contender: ContenderName, round: Round): Promise<void> {
    this.#lines.push({ contender, round });
    await appendFile(this.path, `${JSON.stringify({ contender, round })}\n`);
  }

  rounds(): Rounds {
    const of = (name: ContenderName) =>
      this.#lines.filter(({ contender }) => contender === name).map(({ round }) => round);
    return Object.fromEntries(CONTENDERS.map((name) => [name, of(name)])) as unknown as Rounds;
  }
}
