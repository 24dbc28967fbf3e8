/** What the control API's requests mean: views of the director, and commands to it. Also the reload of SIGHUP. */

import { describeClusterKeyChanges } from '../api/cluster-keys.ts';
import type {
  LifecycleDocument,
  ReloadDocument,
  RestartDocument,
  ServerDocument,
  UpstreamRouterDocument,
} from '../api/documents.ts';
import { describeKeyChanges } from '../api/key-files.ts';
import { metricsText } from '../api/metrics.ts';
import { type ControlBackend, RequestError } from '../api/server.ts';
import type { Fault } from '../core/base/fault.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../core/base/ipv4.ts';
import { describeChanges } from '../core/config/diff.ts';
import type { LsaFilter } from '../core/ospf/events.ts';
import type { ServerName } from '../core/servers/server-lifecycles.ts';
import type { LoopDelay, LoopWatch } from '../io/event-loop.ts';
import { type Loaded, type LoadedCluster, loadCluster } from './cluster-file.ts';
import type { Director } from './director.ts';
import { connectionsDocument } from './documents/connection-documents.ts';
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
} from './documents/documents.ts';
import { explainFlow, flowOf } from './documents/flow-explanation.ts';
import { syncDocument } from './documents/sync-documents.ts';
import { upstreamDocuments } from './documents/upstream-view.ts';
import { planeFault } from './plane-fault.ts';

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
    '/v1/lsdb': (query) => lsaDocuments(this.#director, lsaFilter(query), query.get('detail') === '1'),
    '/v1/routes': () => routeDocuments(this.#director),
    '/v1/upstream-view': (query) => this.#upstreamView(query),
    '/v1/counters': () => counterDocuments(this.#director),
    '/v1/services': () => serviceDocuments(this.#director),
    '/v1/servers': () => serverDocuments(this.#director),
    '/v1/sync': () => syncDocument(this.#director),
    '/v1/connections': (query) => connectionsDocument(this.#director, query),
    '/v1/explain': (query) => explainFlow(this.#director.explaining(), flowOf(query)),
  };

  readonly commands: ControlBackend['commands'] = {
    '/v1/drain': (body) => this.#drain(body),
    '/v1/undrain': () => this.#undrain(),
    '/v1/drain-server': (body) => this.#drainServer(body),
    '/v1/undrain-server': (body) => this.#undrainServer(body),
    '/v1/restart': (body) => this.#restart(body['reason']),
    '/v1/reload': () => this.reload(),
    '/v1/check': () => this.check(),
    '/v1/event-loop/restart': async () => this.#restartLoopWatch(),
  };

  events(since: number, wait: number, signal: AbortSignal) {
    return this.#director.events.poll(since, wait, signal);
  }

  async metrics(): Promise<string> {
    const director = this.#director;
    const facts = { ...this.#facts, uptime: director.now(), stale: this.#stale };
    const [services, servers, counters] = await Promise.all([
      serviceDocuments(director),
      serverDocuments(director),
      counterDocuments(director),
    ]);
    return metricsText({
      ...{ status: statusDocument(director, facts), sync: syncDocument(director) },
      ...{ services, servers, counters },
    });
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
    const loaded = this.#onThisPlane(await loadCluster(path, this.#director.loaded.director.name));
    if ('faults' in loaded) return { path, applied: false, changes: [], faults: loaded.faults };
    const changes = changesBetween(this.#director.loaded, loaded);
    return { path, applied: false, changes, faults: [] };
  }

  async #reload(): Promise<ReloadDocument> {
    const { configPath: path } = this.#facts;
    const { events, loaded: before, sync } = this.#director;
    // Whatever the cluster file is like: a log that was moved away is to be let go.
    sync.reopen();
    const loaded = this.#onThisPlane(await loadCluster(path, before.director.name));
    if ('faults' in loaded) {
      this.#stale = summary(loaded.faults);
      events.emit('config-refused', { path, faults: loaded.faults });
      return { path, applied: false, changes: [], faults: loaded.faults };
    }
    this.#stale = undefined;
    const changes = changesBetween(before, loaded);
    await this.#director.apply(loaded);
    events.emit('config-applied', { path, hash: loaded.hash, changes });
    for (const message of loaded.warnings) events.emit('keys-fault', { message });
    return { path, applied: true, changes, faults: [] };
  }

  /** A file that needs another data plane than the one that runs is for another agent. */
  #onThisPlane(loaded: Loaded): Loaded {
    const fault = 'faults' in loaded ? undefined : planeFault(loaded.cluster, this.#director.dataplane.name);
    return fault === undefined ? loaded : { faults: [fault] };
  }

  #upstreamView(query: URLSearchParams): UpstreamRouterDocument[] {
    const router = addressIn(query, 'router');
    const maxPaths = query.get('maxPaths') ?? undefined;
    if (maxPaths !== undefined && !/^[1-9]\d{0,3}$/.test(maxPaths)) {
      throw new RequestError(400, 'bad-request', `maxPaths must be a number of next hops, not '${maxPaths}'`);
    }
    const choice = { router, maxPaths: maxPaths === undefined ? undefined : Number(maxPaths) };
    const routers = upstreamDocuments(this.#director, choice);
    if (router !== undefined && routers.length === 0) {
      throw new RequestError(404, 'not-found', `no router-LSA of ${formatIpv4(router)} is in the database`);
    }
    return routers;
  }

  async #drain(body: Readonly<Record<string, unknown>>): Promise<LifecycleDocument> {
    await this.#director.drain(deadlineIn(body));
    return lifecycleDocument(this.#director);
  }

  async #drainServer(body: Readonly<Record<string, unknown>>): Promise<ServerDocument> {
    const name = this.#serverIn(body);
    await this.#director.servers.drain(name, deadlineIn(body));
    return this.#serverDocument(name);
  }

  async #undrainServer(body: Readonly<Record<string, unknown>>): Promise<ServerDocument> {
    const name = this.#serverIn(body);
    await this.#director.servers.undrain(name);
    return this.#serverDocument(name);
  }

  /** A server of the file in force. */
  #serverIn({ service, server }: Readonly<Record<string, unknown>>): ServerName {
    if (typeof service !== 'string' || typeof server !== 'string') {
      throw new RequestError(400, 'bad-request', 'service and server must be names');
    }
    const { services } = this.#director.loaded.cluster;
    const found = services.find(({ name }) => name === service);
    if (found === undefined) {
      const names = services.map(({ name }) => name).join(', ');
      throw new RequestError(404, 'not-found', `there is no service ${service}; there are ${names}`);
    }
    if (!found.servers.some(({ name }) => name === server)) {
      const names = found.servers.map(({ name }) => name).join(', ');
      throw new RequestError(404, 'not-found', `service ${service} has no server ${server}; it has ${names}`);
    }
    return { service, server };
  }

  async #serverDocument({ service, server }: ServerName): Promise<ServerDocument> {
    const rows = await serverDocuments(this.#director);
    const row = rows.find((one) => one.service === service && one.server === server);
    if (row === undefined)
      throw new RequestError(404, 'not-found', `service ${service} has no server ${server} any more`);
    return row;
  }

  #restartLoopWatch(): LoopDelay {
    const { loop } = this.#facts;
    const before = loop.delay();
    loop.restart();
    return before;
  }

  async #restart(reason: unknown = 'restart'): Promise<RestartDocument> {
    if (!isRestartReason(reason)) throw new RequestError(400, 'bad-request', 'reason must be restart or upgrade');
    const refusal = await this.#director.handOver(reason);
    if (refusal !== undefined) throw new RequestError(409, 'refused', refusal);
    return { pid: this.#facts.pid, grace: this.#director.loaded.cluster.lifecycle.grace };
  }

  async #undrain(): Promise<LifecycleDocument> {
    if (this.#director.isStopping) {
      throw new RequestError(409, 'refused', 'the agent was told to stop; it drains and then ends');
    }
    this.#director.undrain();
    return lifecycleDocument(this.#director);
  }
}

/** Milliseconds; undefined when it is left to the file. */
function deadlineIn({ deadline }: Readonly<Record<string, unknown>>): number | undefined {
  if (deadline === undefined) return undefined;
  if (typeof deadline === 'number' && Number.isFinite(deadline) && deadline >= 0) return deadline;
  throw new RequestError(400, 'bad-request', 'deadline must be a number of milliseconds, 0 or more');
}

function lsaFilter(query: URLSearchParams): LsaFilter {
  const types = query.get('type');
  if (types !== null && !/^\d{1,2}(,\d{1,2})*$/.test(types)) {
    throw new RequestError(400, 'bad-request', `type must be LS types by number, not '${types}'`);
  }
  return {
    types: types === null ? undefined : new Set(types.split(',').map(Number)),
    advertisingRouter: addressIn(query, 'router'),
    own: query.get('own') === '1',
  };
}

function addressIn(query: URLSearchParams, name: string): Ipv4 | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const address = parseIpv4(text);
  if (address === undefined) throw new RequestError(400, 'bad-request', `${name} must be an address, not '${text}'`);
  return address;
}

function changesBetween(before: LoadedCluster, after: LoadedCluster): string[] {
  return [
    ...describeChanges(before.cluster, after.cluster),
    ...describeKeyChanges(before.keyRings, after.keyRings),
    ...syncKeyChanges(before, after),
  ];
}

/** Another file is a change of its own, and so is the first or the last one. */
function syncKeyChanges(before: LoadedCluster, after: LoadedCluster): string[] {
  const { keys } = after.cluster;
  if (keys === undefined || keys !== before.cluster.keys) return [];
  return describeClusterKeyChanges(keys, before.syncKeys ?? [], after.syncKeys ?? []);
}

function isRestartReason(reason: unknown): reason is 'restart' | 'upgrade' {
  return reason === 'restart' || reason === 'upgrade';
}

function summary(faults: readonly Fault[]): string {
  const [first] = faults;
  const file = first?.file === undefined ? '' : `${first.file}:`;
  const where = first === undefined ? '' : `, the first at ${file}${first.line}:${first.column}: ${first.message}`;
  return `${faults.length} fault${faults.length === 1 ? '' : 's'}${where}`;
}
