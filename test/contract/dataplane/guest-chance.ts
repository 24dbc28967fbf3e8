/**
 * The second chance of a director in a guest, as its sync thread has it, without the mesh: there is nobody to ask, and who has died is
 * told by the test.
 */
import { Faults } from '../../../src/agent/faults.ts';
import { SecondChanceShell } from '../../../src/agent/sync/second-chance-shell.ts';
import type { Ipv4 } from '../../../src/core/base/ipv4.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredDataplane, DesiredService } from '../../../src/core/model/dataplane.ts';
import type { SyncService } from '../../../src/core/model/sync.ts';
import { type ConnectionRecord, readRecords, serviceHash } from '../../../src/core/sync/records/record.ts';
import { NetlinkReplication } from '../../../src/drivers/conntrack/replication-netlink.ts';
import { KernelMisses } from '../../../src/drivers/miss/kernel.ts';
import { systemClock } from '../../../src/io/clock.ts';

const ROUTER_ID = ipv4('10.255.0.9');

type ServerId = (service: string, server: Ipv4) => number | undefined;

export class GuestChance {
  readonly #serverId: ServerId;
  readonly #replication = new NetlinkReplication();
  readonly #faults: string[] = [];
  readonly #told: ConnectionRecord[] = [];
  #shell: SecondChanceShell | undefined;

  constructor(serverId: ServerId) {
    this.#serverId = serverId;
  }

  /** Takes packets from now on. `dead`: directors that have died just now; those of `desired.members` live. */
  async configure(desired: DesiredDataplane, dead: readonly string[]): Promise<void> {
    const services = desired.services.map((service) => this.#syncService(service));
    const shell = this.#shell ?? (await this.#open());
    this.#replication.configure(services);
    const endpoint = { address: ROUTER_ID, port: 1 };
    shell.configure({
      ...{ cluster: 'guest', self: { name: desired.self!, routerId: ROUTER_ID, endpoint }, peers: [], keys: [] },
      ...{
        configHash: '00'.repeat(32),
        tableDigest: '00'.repeat(8),
        syncTimeout: 0,
        grace: 0,
        services,
        plane: desired,
      },
    });
    const since = systemClock.now();
    const living = (desired.members ?? []).map((name) => ({ name, routerId: ROUTER_ID, epoch: '', since }));
    shell.members({ living, dead: dead.map((name) => ({ name, since })) });
  }

  counts(): Readonly<Record<string, unknown>> {
    return { ...this.#shell?.counts(), faults: this.#faults };
  }

  /** Connections that other directors would hear of: as the kernel has told of them since the last time, and as it lists them. */
  async copies(): Promise<{
    readonly told: readonly ConnectionRecord[];
    readonly listed: readonly ConnectionRecord[];
  }> {
    const listed: ConnectionRecord[] = [];
    await this.#replication.dump({ replicas: false }, (records) => void listed.push(...readRecords(records)));
    return { told: this.#told.splice(0), listed };
  }

  async #open(): Promise<SecondChanceShell> {
    const shell = new SecondChanceShell({
      clock: systemClock,
      misses: new KernelMisses(),
      replication: this.#replication,
      faults: new Faults((message) => this.#faults.push(message)),
      table: () => undefined,
      ask: (id) => queueMicrotask(() => shell.answered(id, undefined, 0)),
      tell: () => undefined,
    });
    const failed = (error: Error) => this.#faults.push(error.message);
    const records = (batch: Uint8Array) => this.#told.push(...readRecords(shell.kernel(batch)));
    await this.#replication.open({ records, lost: () => undefined, failed });
    // As the sync thread lists them: nobody is told of anything before the kernel has loaded its module, which only a request waits for.
    await this.copies();
    this.#shell = shell;
    return shell;
  }

  #syncService({ name, vips, ports, protocol, fullnat = false, servers }: DesiredService): SyncService {
    const serverIds = servers.map(({ address }): [Ipv4, number] => [address, this.#serverId(name, address)!]);
    return {
      ...{ name, vips, ports, protocol, fullnat, serverIds, service: serviceHash(name), digest: '' },
      ...{ sync: 'established', establishedTimeout: 3600, persistence: undefined },
    };
  }
}
