/**
 * Who keeps d2 told of what d1 carries: the agents themselves, conntrackd beside agents that do not, or nobody. The tables that
 * forward are those of the agents in all cases, so that what differs is the telling.
 */
import { LabError } from '../../lab/lab-error.ts';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { Conntrackd } from './conntrackd.ts';
import { clusterFile, DIRECTORS, type Director } from './pair.ts';

export type ContenderName = 'sluice' | 'conntrackd' | 'none';

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
const SYNCED_WITHIN = 30_000;

/** The ids that stand for real servers in the marks of a director's connections, by address. */
export async function serverMarks(lab: Lab, director: string): Promise<ReadonlyMap<string, number>> {
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

/** Agents that tell each other. */
class Sluice implements Contender {
  readonly name = 'sluice';
  readonly #lab: Lab;
  readonly #agents: Agents;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#agents = new Agents(lab, true);
  }

  async start(): Promise<void> {
    await this.#agents.start();
    for (const director of DIRECTORS)
      await until(`${director} is synced`, SYNCED_WITHIN, () => this.#isSynced(director));
  }

  stop(): Promise<void> {
    return this.#agents.stop();
  }

  pid(director: Director): number | undefined {
    return this.#lab.directorPid(director);
  }

  forget(): Promise<void> {
    return this.#agents.stopOne('d2');
  }

  /** A new agent asks by itself, as soon as the other one has let it in. */
  async learnAll(): Promise<number> {
    await this.#agents.startOne('d2');
    await until('d2 is synced', SYNCED_WITHIN, () => this.#isSynced('d2'));
    const events = await this.#lab.api('d2').get('/v1/events');
    const up = events.find(({ event }) => event === 'sync-peer-up');
    if (up === undefined) throw new LabError('d2 is synced, and its peer never came up');
    return Number(process.hrtime.bigint()) - (Date.now() - Date.parse(up.at)) * 1e6;
  }

  async #isSynced(director: Director): Promise<boolean> {
    const { state, peers } = await this.#lab.api(director).get('/v1/sync');
    return state === 'synced' && peers.every((peer) => peer.state === 'up');
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
  return [new Sluice(lab), new Beside(agents, conntrackd), new Beside(agents, undefined)];
}
