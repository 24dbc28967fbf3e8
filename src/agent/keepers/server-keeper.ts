/**
 * Keeps the real servers' comings and goings: the shell around `ServerLifecycles`. In: the services, what the health checks
 * found, the connections of each server, what the operator asks. Out: how the data plane should have each server, events, and
 * the deletion of connections that have had their time.
 *
 * What the operator has asked is remembered for the next agent: whoever drains a server in order to work on it must not find
 * it back in service because the agent was upgraded meanwhile.
 */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { Instant, Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { Service } from '../../core/model/cluster.ts';
import type { DesiredServer } from '../../core/model/dataplane.ts';
import {
  ServerLifecycles,
  type ServerName,
  type ServersEffect,
  type ServersInput,
  type ServiceFacts,
  type Standing,
} from '../../core/servers/server-lifecycles.ts';
import type { Conntrack } from '../../drivers/conntrack/port.ts';
import type { Clock } from '../../io/clock.ts';
import type { EventLog } from '../events.ts';
import type { ConnectionKeeper } from './connection-keeper.ts';
import type { DataplaneKeeper } from './dataplane-keeper.ts';
import type { HealthKeeper } from './health-keeper.ts';

export interface ServerKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly health: Pick<HealthKeeper, 'state'>;
  readonly connections: Pick<ConnectionKeeper, 'active'>;
  readonly conntrack: Pick<Conntrack, 'deleteOf'>;
  readonly dataplane: Pick<DataplaneKeeper, 'serverId'>;
  /** What an earlier agent was asked. */
  readonly drained: readonly ServerName[];
  /** Resolves when it is on the disk, or was told that it cannot be. */
  remember(drained: readonly ServerName[]): Promise<void>;
  onChange(): void;
}

export class ServerKeeper {
  readonly #options: ServerKeeperOptions;
  readonly #lifecycles: ServerLifecycles;

  constructor(options: ServerKeeperOptions) {
    this.#options = options;
    this.#lifecycles = new ServerLifecycles(options.drained);
  }

  /** When `look` wants to be called next. */
  get deadline(): Instant | undefined {
    return this.#lifecycles.deadline;
  }

  /** `services`: all that the data plane is to hold. */
  look(services: readonly Service[]): void {
    this.#tell({ kind: 'look', services: services.map((service) => this.#facts(service)) });
  }

  /**
   * `within`: how long its connections may go on; undefined = the service's own time. It begins at once; resolves when the next
   * agent would know of it, too.
   */
  drain(name: ServerName, within: Millis | undefined): Promise<void> {
    this.#tell({ kind: 'drain', ...name, within });
    this.#options.onChange();
    return this.#options.remember(this.#lifecycles.asked());
  }

  undrain(name: ServerName): Promise<void> {
    this.#tell({ kind: 'undrain', ...name });
    this.#options.onChange();
    return this.#options.remember(this.#lifecycles.asked());
  }

  /** Servers of the file that are up, and not asked to be drained. */
  healthy(service: Service): number {
    const asked = this.#lifecycles.asked().filter((one) => one.service === service.name);
    const drained = new Set(asked.map(({ server }) => server));
    return service.servers.filter((server) => !drained.has(server.name) && this.#isUp(service, server)).length;
  }

  /** As they were when last looked at, those that have left the file behind the others. */
  standings(service: string): readonly Standing[] {
    return this.#lifecycles.standings(service, this.#options.clock.now());
  }

  /** Active connections of a server; undefined while they are not known, and where none are kept. */
  active(service: Service, address: Ipv4): number | undefined {
    const id = this.#options.dataplane.serverId(service.name, address);
    return id === undefined || keepsOf(service) !== 'connections' ? undefined : this.#options.connections.active(id);
  }

  /** As the data plane should have them. */
  desired(service: Service): readonly DesiredServer[] {
    const standings = new Map(this.standings(service.name).map((one) => [one.address, one]));
    const own = service.servers.map((server): DesiredServer => {
      const { state, ended = false, tenths } = standings.get(server.address) ?? this.#fresh(service, server);
      const { name, address, weight, limit, resume, director } = server;
      return { name, address, weight, limit, resume, director, state, tenths, ended: ended || undefined };
    });
    const addresses = new Set([...service.servers.map(({ address }) => address), service.sorry]);
    const gone = [...standings.values()].filter(({ weight, address }) => weight === 0 && !addresses.has(address));
    return [
      ...own,
      ...gone.map(({ name, address, ended }): DesiredServer => {
        return { name, address, weight: 0, state: 'drained', ended: ended || undefined };
      }),
    ];
  }

  #fresh(service: Service, server: Service['servers'][number]): Pick<DesiredServer, 'state' | 'ended' | 'tenths'> {
    return { state: this.#isUp(service, server) ? 'up' : 'down' };
  }

  #isUp(service: Service, server: Service['servers'][number]): boolean {
    return this.#options.health.state(service, server) === 'up';
  }

  #facts(service: Service): ServiceFacts {
    const { name, protocol, fwmark, changes } = service;
    const servers = service.servers.map((server) => ({ ...server, isUp: this.#isUp(service, server) }));
    // Packets with a mark may be of either protocol: TCP is what takes its time.
    return {
      name,
      protocol: fwmark === undefined ? protocol : 'tcp',
      keeps: keepsOf(service),
      changes,
      servers,
      connections: this.#connections(service),
    };
  }

  #connections(service: Service): ReadonlyMap<Ipv4, number> | undefined {
    const addresses = [...service.servers, ...this.standings(service.name)].map(({ address }) => address);
    const counts = new Map<Ipv4, number>();
    for (const address of addresses) {
      const active = this.active(service, address);
      if (active === undefined) return undefined;
      counts.set(address, active);
    }
    return counts;
  }

  #tell(input: ServersInput): void {
    for (const effect of this.#lifecycles.handle(input, this.#options.clock.now())) this.#perform(effect);
  }

  #perform(effect: ServersEffect): void {
    if (effect.kind === 'deleteConnections') {
      void this.#delete(effect.service, effect.address);
      return;
    }
    const { service, server, from, to, reason } = effect;
    this.#options.events.emit('server-drain', { service, server, from, to, reason });
  }

  async #delete(service: string, address: Ipv4): Promise<void> {
    const id = this.#options.dataplane.serverId(service, address);
    if (id === undefined) return;
    try {
      await this.#options.conntrack.deleteOf(id);
    } catch (error) {
      const message = messageOf(error);
      this.#options.events.emit('conntrack-fault', { message });
    }
  }
}

function keepsOf({ forward, direct }: Service): ServiceFacts['keeps'] {
  if (forward !== 'dr') return 'connections';
  return direct?.sticky === undefined ? 'nothing' : 'flows';
}
