/**
 * Who keeps d2 told of what d1 carries: conntrackd, or nobody. The tables that forward are those of the product's agents, which
 * run in all cases, so that what differs is the telling.
 */
import type { Lab } from '../../lab/runtimes/lab.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { Conntrackd } from './conntrackd.ts';
import { clusterFile, DIRECTORS, type Director } from './pair.ts';

export type ContenderName = 'conntrackd' | 'none';

export interface Contender {
  readonly name: ContenderName;
  /** Both directors run, and each knows of the other. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The process of a director that does the telling; undefined where nobody does. */
  pid(director: Director): number | undefined;
  /** The one on d2 ends, with all that it knew. */
  forget(): Promise<void>;
  /** Another one takes its place and asks for everything; returns when it asked, nanoseconds of CLOCK_MONOTONIC. */
  learnAll(): Promise<number>;
}

const PREPARED_WITHIN = 15_000;

/** The ids that stand for real servers in the marks of a director's connections, by address. */
export async function serverMarks(lab: Lab, director: Director): Promise<ReadonlyMap<string, number>> {
  const { stdout } = await lab.node(director).exec(['nft', 'list', 'map', 'ip', 'sluice_v1', 'servers_web']);
  const elements = stdout.matchAll(/(0x[0-9a-f]+) [^:,]*: ([\d.]+)/g);
  return new Map([...elements].map(([, id, address]): [string, number] => [address!, Number(id)]));
}

/** The agents of both directors. */
class Agents {
  readonly #lab: Lab;
  readonly #synced: boolean;

  constructor(lab: Lab, synced: boolean) {
    this.#lab = lab;
    this.#synced = synced;
  }

  async start(): Promise<void> {
    for (const director of DIRECTORS) {
      await this.#lab.configure(director, clusterFile({ synced: this.#synced }));
      await this.startOne(director);
    }
  }

  async startOne(director: Director): Promise<void> {
    await this.#lab.startDirector(director);
    const prepared = async () => (await serverMarks(this.#lab, director)).size > 0;
    await until(`the tables of ${director}`, PREPARED_WITHIN, prepared);
  }

  async stop(): Promise<void> {
    for (const director of DIRECTORS) await this.stopOne(director);
  }

  async stopOne(director: Director): Promise<void> {
    if (this.#lab.directorPid(director) !== undefined) await this.#lab.stopDirector(director, 'SIGKILL');
  }
}

/** Agents that do not sync, and beside them conntrackd, if anybody. */
class Beside implements Contender {
  readonly name: ContenderName;
  readonly #agents: Agents;
  readonly #conntrackd: Conntrackd | undefined;

  constructor(agents: Agents, conntrackd: Conntrackd | undefined) {
    this.name = conntrackd === undefined ? 'none' : 'conntrackd';
    this.#agents = agents;
    this.#conntrackd = conntrackd;
  }

  async start(): Promise<void> {
    await this.#agents.start();
    await this.#conntrackd?.start();
  }

  async stop(): Promise<void> {
    await this.#conntrackd?.stop();
    await this.#agents.stop();
  }

  pid(director: Director): number | undefined {
    return this.#conntrackd?.pid(director);
  }

  async forget(): Promise<void> {
    await this.#conntrackd?.stopOne('d2');
  }

  async learnAll(): Promise<number> {
    await this.#conntrackd?.startOne('d2');
    const asked = Number(process.hrtime.bigint());
    await this.#conntrackd?.askForAll('d2');
    return asked;
  }
}

export async function contenders(lab: Lab, progress: (text: string) => void): Promise<readonly Contender[]> {
  const conntrackd = await Conntrackd.prepare(lab, progress);
  const agents = new Agents(lab, false);
  return [new Beside(agents, conntrackd), new Beside(agents, undefined)];
}
