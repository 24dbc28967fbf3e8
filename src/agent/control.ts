/** What the control API's requests mean: views of the director, and commands to it. Also the reload of SIGHUP. */
import type { LifecycleDocument, ReloadDocument } from '../api/documents.ts';
import { type ControlBackend, RequestError } from '../api/server.ts';
import type { Fault } from '../core/base/fault.ts';
import { describeChanges } from '../core/config/diff.ts';
import type { LoopDelay, LoopWatch } from '../io/event-loop.ts';
import { loadCluster } from './cluster-file.ts';
import type { Director } from './director.ts';
import {
  counterDocuments,
  interfaceDocuments,
  lifecycleDocument,
  lsaDocuments,
  neighborDocuments,
  type ProcessFacts,
  routeDocuments,
  serverDocuments,
  serviceDocuments,
  statusDocument,
} from './documents.ts';

export interface FixedFacts extends Omit<ProcessFacts, 'uptime' | 'stale' | 'loop'> {
  readonly loop: LoopWatch;
}

export class Control implements ControlBackend {
  readonly #director: Director;
  readonly #facts: FixedFacts;
  #stale: string | undefined;
  #reloading: Promise<unknown> = Promise.resolve();

  constructor(director: Director, facts: FixedFacts) {
    this.#director = director;
    this.#facts = facts;
  }

  readonly views: ControlBackend['views'] = {
    '/v1/status': () =>
      statusDocument(this.#director, { ...this.#facts, uptime: this.#director.now(), stale: this.#stale }),
    '/v1/neighbors': () => neighborDocuments(this.#director),
    '/v1/interfaces': () => interfaceDocuments(this.#director),
    '/v1/lsdb': () => lsaDocuments(this.#director),
    '/v1/routes': () => routeDocuments(this.#director),
    '/v1/counters': () => counterDocuments(this.#director),
    '/v1/services': () => serviceDocuments(this.#director),
    '/v1/servers': () => serverDocuments(this.#director),
  };

  readonly commands: ControlBackend['commands'] = {
    '/v1/drain': (body) => this.#drain(body['deadline']),
    '/v1/undrain': () => this.#undrain(),
    '/v1/reload': () => this.reload(),
    '/v1/check': () => this.check(),
    '/v1/event-loop/restart': async () => this.#restartLoopWatch(),
  };

  events(since: number, wait: number, signal: AbortSignal) {
    return this.#director.events.poll(since, wait, signal);
  }

  /** One reload at a time. A bad file is refused as a whole and leaves the running state as it is. */
  reload(): Promise<ReloadDocument> {
    const result = this.#reloading.then(() => this.#reload());
    this.#reloading = result.catch(() => {});
    return result;
  }

  /** What `reload` would do. */
  async check(): Promise<ReloadDocument> {
    const { configPath: path } = this.#facts;
    const loaded = await loadCluster(path, this.#director.loaded.director.name);
    if ('faults' in loaded) return { path, applied: false, changes: [], faults: loaded.faults };
    const changes = describeChanges(this.#director.loaded.cluster, loaded.cluster);
    return { path, applied: false, changes, faults: [] };
  }

  async #reload(): Promise<ReloadDocument> {
    const { configPath: path } = this.#facts;
    const { events, loaded: before } = this.#director;
    const loaded = await loadCluster(path, before.director.name);
    if ('faults' in loaded) {
      this.#stale = summary(loaded.faults);
      events.emit('config-refused', { path, faults: loaded.faults });
      return { path, applied: false, changes: [], faults: loaded.faults };
    }
    this.#stale = undefined;
    const changes = describeChanges(before.cluster, loaded.cluster);
    await this.#director.apply(loaded);
    events.emit('config-applied', { path, hash: loaded.hash, changes });
    return { path, applied: true, changes, faults: [] };
  }

  async #drain(deadline: unknown): Promise<LifecycleDocument> {
    if (deadline === undefined) await this.#director.drain();
    else if (typeof deadline === 'number' && Number.isFinite(deadline) && deadline >= 0) {
      await this.#director.drain(deadline);
    } else throw new RequestError(400, 'bad-request', 'deadline must be a number of milliseconds, 0 or more');
    return lifecycleDocument(this.#director);
  }

  #restartLoopWatch(): LoopDelay {
    const { loop } = this.#facts;
    const before = loop.delay();
    loop.restart();
    return before;
  }

  async #undrain(): Promise<LifecycleDocument> {
    if (this.#director.isStopping) {
      throw new RequestError(409, 'refused', 'the agent was told to stop; it drains and then ends');
    }
    this.#director.undrain();
    return lifecycleDocument(this.#director);
  }
}

function summary(faults: readonly Fault[]): string {
  const [first] = faults;
  const where = first === undefined ? '' : `, the first at ${first.line}:${first.column}: ${first.message}`;
  return `${faults.length} fault${faults.length === 1 ? '' : 's'}${where}`;
}
