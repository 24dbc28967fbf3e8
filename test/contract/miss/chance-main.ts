/**
 * Second chance in a director's namespace, by JSON lines, without the directors around it: what they know is told beforehand, and
 * answered after as long as it is said to take.
 */
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import type { DeadMember, SyncService } from '../../../src/core/model/sync.ts';
import { SecondChance, type SecondChanceEffect } from '../../../src/core/sync/chance/second-chance.ts';
import { flowKey } from '../../../src/core/sync/records/flow-key.ts';
import { RecordFlag, readRecord, recordsOf, serviceHash } from '../../../src/core/sync/records/record.ts';
import { KernelMisses } from '../../../src/drivers/miss/kernel.ts';
import type { Missed } from '../../../src/drivers/miss/port.ts';
import { addConnections, type Connection, listConnections } from '../dataplane/connections.ts';
import { serve } from '../dataplane/json-lines.ts';

const SELF = ipv4('10.0.0.1');
const PEER = ipv4('10.0.0.2');
const REPLICA = 0x80000000;

const misses = new KernelMisses();
const chance = new SecondChance<Missed>();
/** By the tuple of a packet of either side. */
const known = new Map<string, Uint8Array>();
let delay: number | undefined;
/** A server's id in the marks of this director, by address. */
let ids = new Map<number, number>();

function learn(connection: Connection): void {
  const { original, reply, protocol = 17 } = connection;
  const [record] = [
    recordsOf([
      {
        ...{ client: original.source, vip: original.destination, clientPort: original.sport, vipPort: original.dport },
        ...{ protocol, op: 1, state: 3, flags: RecordFlag.assured | RecordFlag.seenReply },
        ...{ server: reply.source, local: reply.destination, serverPort: reply.sport, localPort: reply.dport },
        ...{ service: serviceHash('web'), owner: PEER, epoch: 1, timeout: 600, windowScale: 0xff, birth: 0 },
      },
    ]),
  ];
  for (const tuple of [original, reply]) known.set(flowKey({ ...tuple, protocol }), record!);
}

function connectionOf(bytes: Uint8Array): Connection {
  const record = readRecord(bytes, 0);
  return {
    original: { source: record.client, sport: record.clientPort, destination: record.vip, dport: record.vipPort },
    reply: { source: record.server, sport: record.serverPort, destination: record.local, dport: record.localPort },
    mark: REPLICA + (ids.get(record.server) ?? 0),
    protocol: record.protocol === 6 ? 6 : 17,
    answered: (record.flags & RecordFlag.seenReply) !== 0,
  };
}

function tupleKey(tuple: Uint8Array): string {
  const view = new DataView(tuple.buffer, tuple.byteOffset);
  const [source, destination] = [view.getUint32(0), view.getUint32(4)];
  return flowKey({ source, destination, sport: view.getUint16(8), dport: view.getUint16(10), protocol: tuple[12]! });
}

function answer(id: number, record: Uint8Array | undefined): void {
  perform(chance.handle({ kind: 'answered', id, record, silent: 0 }, performance.now()));
}

async function put(id: number, records: Uint8Array): Promise<void> {
  let taken = true;
  try {
    await addConnections([connectionOf(records)]);
  } catch {
    // Another packet of the connection was faster, or its tuple is in use.
    taken = (readRecord(records, 0).flags & RecordFlag.predicted) === 0;
  }
  perform(chance.handle({ kind: 'applied', id, outcome: taken ? 'taken' : 'refused' }, performance.now()));
}

function perform(effects: readonly SecondChanceEffect<Missed>[]): void {
  for (const effect of effects) {
    if (effect.kind === 'query') {
      const record = known.get(tupleKey(effect.tuple));
      if (delay === undefined) answer(effect.id, record);
      else setTimeout(() => answer(effect.id, record), delay);
    } else if (effect.kind === 'apply') void put(effect.id, effect.records);
    else if (effect.kind === 'reinject') misses.reinject(effect.packets);
  }
}

setInterval(() => perform(chance.handle({ kind: 'timer' }, performance.now())), 50).unref();

serve({
  open: () =>
    misses.open({
      packet: (packet) => perform(chance.handle({ kind: 'packet', packet }, performance.now())),
      failed: (error) => {
        throw error;
      },
    }),
  configure: async (request) => {
    const { desired, services, locals, dead } = request as unknown as {
      readonly desired: DesiredDataplane;
      readonly services: readonly SyncService[];
      readonly locals: readonly number[];
      readonly dead: readonly DeadMember[];
    };
    const living = (desired.members ?? []).map((name) => ({ name, routerId: SELF, epoch: '', since: 0 }));
    const view = { living, dead: dead.map((one) => ({ ...one, since: performance.now() })) };
    ids = new Map(services.flatMap(({ serverIds }) => serverIds));
    perform(
      chance.handle({ kind: 'configure', base: { desired, services, view, self: SELF }, locals }, performance.now()),
    );
  },
  /** Connections that others have, and how many milliseconds they take to say so; undefined: none. */
  learn: async (request) => {
    known.clear();
    for (const connection of request['connections'] as readonly Connection[]) learn(connection);
    delay = request['delay'] as number | undefined;
  },
  /** TCP connections to a VIP in this namespace. */
  list: (request) => listConnections(ipv4(String(request['vip'])), 6),
  counts: async () => {
    const { dropped, ...counts } = chance.counts();
    return { ...counts, dropped: Object.fromEntries(dropped), misses: misses.counts(), ...process.cpuUsage() };
  },
});
