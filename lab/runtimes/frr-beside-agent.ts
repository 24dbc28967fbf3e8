/** The FRR that runs beside a director's agent: killed, stopped, started again; and what in it is the operator's. */
import { createHash } from 'node:crypto';
import { LabError } from '../lab-error.ts';
import { ROOTS, type RootName } from '../roots/specs.ts';
import type { BuiltNode } from './built-node.ts';
import { type FrrProcesses, startFrr } from './daemons.ts';
import type { DirectorFrr } from './lab.ts';
import { until } from './wait.ts';

const GONE_WITHIN = 5000;

export class FrrBesideAgent implements DirectorFrr {
  readonly #node: BuiltNode;
  readonly #root: string;
  readonly #user: number;
  #processes: FrrProcesses = new Map();
  #before: string | undefined;
  #last: string | undefined;

  /** `node`: the director with FRR's root folder, `root`. */
  constructor(node: BuiltNode, root: string, name: RootName) {
    this.#node = node;
    this.#root = root;
    this.#user = ROOTS[name].users[0]!.id;
  }

  async start(): Promise<void> {
    this.#processes = await startFrr(this.#node, this.#root, this.#user, this.#processes);
    this.#before ??= await this.#operatorsHash();
  }

  async kill(daemons: readonly string[] = [...this.#processes.keys()]): Promise<void> {
    if (daemons.length === 0) return;
    this.#last = await this.#operatorsHash();
    const pids = daemons.map((daemon) => this.#pid(daemon));
    this.#processes = new Map([...this.#processes].filter(([daemon]) => !daemons.includes(daemon)));
    for (const pid of pids) await this.#node.signal(pid, 'SIGKILL');
    for (const pid of pids) await until('FRR to end', GONE_WITHIN, async () => !(await this.#node.running(pid)));
  }

  async signal(daemon: string, signal: NodeJS.Signals): Promise<void> {
    await this.#node.signal(this.#pid(daemon), signal);
  }

  async operator(): Promise<{ readonly before: string; readonly after: string }> {
    if (this.#processes.size > 0) this.#last = await this.#operatorsHash();
    return { before: this.#before ?? '', after: this.#last ?? '' };
  }

  #pid(daemon: string): number {
    const pid = this.#processes.get(daemon);
    if (pid === undefined) throw new LabError(`${this.#node.name}: FRR's ${daemon} is not running`);
    return pid;
  }

  async #operatorsHash(): Promise<string> {
    const { code, stdout, stderr } = await this.#node.exec(['vtysh', '-c', 'show running-config']);
    if (code !== 0) throw new LabError(`${this.#node.name}: vtysh: ${stdout}${stderr}`.trim());
    return createHash('sha256').update(operatorsLines(stdout).join('\n')).digest('hex').slice(0, 16);
  }
}

/**
 * The lines of `show running-config` that do not carry the agent's name. The agent has a reader for this of its own, which is not
 * asked: what it does is being judged.
 */
export function operatorsLines(text: string): string[] {
  let isInOurs = false;
  return text.split('\n').filter((line) => {
    if (line.startsWith('route-map SLUICE-')) isInOurs = true;
    const isOurs = isInOurs || hasOurTag(line) || /^ redistribute static route-map SLUICE-/.test(line);
    if (line === 'exit') isInOurs = false;
    return !isOurs && !/^!?$/.test(line);
  });
}

/** The first byte of the agent's tags is an S, the second zero. */
function hasOurTag(line: string): boolean {
  const tag = /^ip route .* tag (\d+)/.exec(line)?.[1];
  return tag !== undefined && Number(tag) >>> 16 === 0x5300;
}
