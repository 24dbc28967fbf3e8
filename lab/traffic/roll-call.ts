/** Runs `roll-call-main.ts` on a node of the lab. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import type { LabNode } from '../runtimes/lab.ts';
import type { RollAnswer, RollOptions } from './roll-call-main.ts';

const PROGRAM = join(projectRoot, 'dist/lab/traffic/roll-call-main.js');
/** Beside what its own options allow, milliseconds. */
const SPARE = 15_000;

export class RollCall {
  readonly #child: ChildProcess;
  readonly #limit: number;
  readonly #waiting: { resolve(answers: readonly RollAnswer[]): void; reject(error: Error): void }[] = [];

  private constructor(child: ChildProcess, limit: number) {
    this.#child = child;
    this.#limit = limit;
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.#waiting.shift()?.resolve(JSON.parse(line) as RollAnswer[]);
    });
    child.on('exit', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new LabError('the client ended'));
    });
  }

  /** Opens the connections; each has asked once when it resolves. Throws LabError when not all were answered. */
  static async open(node: LabNode, options: RollOptions): Promise<RollCall> {
    const { roll, opened } = await RollCall.attempt(node, options);
    const faults = opened.filter(({ fault }) => fault !== undefined);
    if (faults.length > 0) throw new LabError(`${faults.length} connections were not opened, e.g. ${faults[0]?.fault}`);
    return roll;
  }

  /** The same where some may fail: what became of each. A connection that was not opened stays so. */
  static async attempt(
    node: LabNode,
    options: RollOptions,
  ): Promise<{ roll: RollCall; opened: readonly RollAnswer[] }> {
    const child = node.spawn([process.execPath, PROGRAM, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const roll = new RollCall(child, 2 * options.count * options.pace + options.patience + SPARE);
    return { roll, opened: await roll.#next() };
  }

  /** Every connection asks once more. */
  call(): Promise<readonly RollAnswer[]> {
    const answers = this.#next();
    this.#child.stdin!.write('call\n');
    return answers;
  }

  close(): void {
    this.#child.stdin!.end();
  }

  #next(): Promise<readonly RollAnswer[]> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new LabError('the client does not answer')), this.#limit);
      this.#waiting.push({
        resolve(answers) {
          clearTimeout(timer);
          resolve(answers);
        },
        reject(error) {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }
}
