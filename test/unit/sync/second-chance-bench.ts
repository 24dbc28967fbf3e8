/** A second chance with a cluster of three around it, for its tests. */
import { type Ipv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredDataplane, DesiredService } from '../../../src/core/model/dataplane.ts';
import type { DeadMember, MemberView, SyncService } from '../../../src/core/model/sync.ts';
import type { PredictionBase } from '../../../src/core/sync/chance/prediction.ts';
import {
  type MissedPacket,
  SecondChance,
  type SecondChanceEffect,
  type SecondChanceInput,
} from '../../../src/core/sync/chance/second-chance.ts';
import { type ConnectionRecord, recordsOf, serviceHash } from '../../../src/core/sync/records/record.ts';
import { dataplane, service, THREE } from '../dataplane/model.ts';

export const VIP = '203.0.113.10';
export const LIPS = { d1: '10.8.0.1', d2: '10.8.0.2', d3: '10.8.0.3' } as const;
export const SELF = ipv4('10.0.0.1');
export const PEER = ipv4('10.0.0.2');
export const ESTABLISHED_SECONDS = 3600;

export interface TestPacket extends MissedPacket {
  readonly name: string;
}

export function syncService({ name, vips, ports, protocol, fullnat }: DesiredService): SyncService {
  return {
    ...{ name, vips, ports, protocol },
    service: serviceHash(name),
    digest: '0'.repeat(16),
    fullnat: fullnat === true,
    sync: 'established',
    serverIds: [],
    establishedTimeout: ESTABLISHED_SECONDS,
    persistence: undefined,
  };
}

/** d1 is this one, and lives with whoever is not dead. */
export function memberView(dead: readonly DeadMember[]): MemberView {
  const living = ['d1', 'd2', 'd3'].filter((name) => !dead.some((one) => one.name === name));
  return { living: living.map((name) => ({ name, routerId: SELF, epoch: '1', since: 0 })), dead };
}

export function plane(...services: readonly DesiredService[]): DesiredDataplane {
  const directors = Object.entries(LIPS).map(([name, lip]) => ({ name, local: [ipv4(lip)] }));
  return { ...dataplane(...services), self: 'd1', members: ['d1', 'd2', 'd3'], local: { directors, shared: [] } };
}

export const FULLNAT: DesiredService = service('web', THREE, { fullnat: true });
export const NAT: DesiredService = service('web', THREE);

export function predictionBase(wanted: DesiredService, dead: readonly DeadMember[]): PredictionBase {
  return { desired: plane(wanted), services: [syncService(wanted)], view: memberView(dead), self: SELF };
}

export interface Sent {
  readonly from?: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly flags?: number;
  readonly name?: string;
  readonly bytes?: Uint8Array;
  readonly protocol?: number;
  readonly to?: string;
}

export function packet({ from = '192.0.2.7', to = VIP, sport = 40000, dport = 80, ...more }: Sent = {}): TestPacket {
  const { flags = 0x10, name = '', protocol = 6, bytes = new Uint8Array(40) } = more;
  return { source: ipv4(from), destination: ipv4(to), sport, dport, flags, name, protocol, bytes };
}

export const record = (more: Partial<ConnectionRecord> = {}): Uint8Array =>
  recordsOf([
    {
      client: ipv4('192.0.2.7'),
      vip: ipv4(VIP),
      clientPort: 40000,
      vipPort: 80,
      ...{ protocol: 6, op: 1, state: 3, flags: 3 },
      server: ipv4('10.2.0.21'),
      local: ipv4('192.0.2.7'),
      ...{ serverPort: 80, localPort: 40000, service: serviceHash('web') },
      ...{ owner: PEER, epoch: 4, timeout: 300, windowScale: 0x77, birth: 0 },
      ...more,
    },
  ]);

/** The machine on a clock of its own. */
export class Chance {
  readonly machine: SecondChance<TestPacket>;
  now = 1_000_000;

  constructor(wanted = FULLNAT, dead: readonly DeadMember[] = [], remembered?: Ipv4) {
    this.machine = new SecondChance(() => remembered);
    this.configure(wanted, dead);
  }

  configure(wanted: DesiredService, dead: readonly DeadMember[]): void {
    const locals = Object.values(LIPS).map(ipv4);
    this.give({ kind: 'configure', base: predictionBase(wanted, dead), locals });
  }

  give(input: SecondChanceInput<TestPacket>): readonly SecondChanceEffect<TestPacket>[] {
    return this.machine.handle(input, this.now);
  }

  /** The kinds of what it wishes when this packet comes; queries are answered by `answer`. */
  packet(sent: Sent = {}): readonly string[] {
    return this.give({ kind: 'packet', packet: packet(sent) }).map(({ kind }) => kind);
  }

  /** Lets the clock run to its next deadline. */
  wait(): readonly SecondChanceEffect<TestPacket>[] {
    this.now = Math.max(this.now, this.machine.deadline ?? this.now);
    return this.give({ kind: 'timer' });
  }

  /** All packets that were dropped, by reason. */
  get dropped(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.machine.counts().dropped);
  }
}
